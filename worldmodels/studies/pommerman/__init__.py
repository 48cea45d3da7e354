"""Study: an LSTM and a DNC predict Pommerman's next state, integer by integer."""
