"""What is kept: zarr stores, how they are published, opened and related."""
