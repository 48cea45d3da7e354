"""This process: errors, progress, devices, randomness, and the words for them."""
