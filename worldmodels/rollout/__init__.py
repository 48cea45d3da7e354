"""Who acts, where: policies in the simulator, in gymnasium and in the dream."""
