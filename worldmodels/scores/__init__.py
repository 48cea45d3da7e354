"""What is said of returns: statistics, comparisons and tables."""
