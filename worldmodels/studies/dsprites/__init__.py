"""dSprites: what a DNC's memory holds of the pictures that it learnt to predict."""
