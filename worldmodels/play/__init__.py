"""A page to play in: an agent, its dream and a recorded drive as one HTML file."""
