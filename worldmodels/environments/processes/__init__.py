"""Many environments at once: worker processes, their pool, and episodes on them."""
