"""What a person runs beside the stages: to look at stores and agents."""
