"""Pommerman, free for all: four agents, 11 x 11 cells, bombs, all in integers."""
