"""Study evolution: what CMA-ES finds, and when, beside simpler strategies."""
