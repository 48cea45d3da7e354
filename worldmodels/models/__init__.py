"""The models: V, M, C and the agent that they make; pure functions, no files."""
