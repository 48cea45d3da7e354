"""What is looked at: grids of frames, what V and M see, films."""
