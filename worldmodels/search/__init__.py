"""Searches: what optimises the parameters of C."""
