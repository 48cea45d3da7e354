"""The page that compares runs: one chapter a file."""
