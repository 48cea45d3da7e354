"""Mixture density: what squared error learns where several y are right for one x."""
