"""How networks learn: the loop, data sets, packing and assessment."""
