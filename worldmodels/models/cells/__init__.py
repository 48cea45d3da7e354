"""Recurrent cells of M."""
