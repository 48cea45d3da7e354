"""What is asked for: settings, runs and stages. Nothing here imports JAX."""
