"""Scores of returns: statistics, comparisons, tables and sentences."""
