"""Episodes of the real CarRacing, driven once for all tests."""

import drives
import pytest


@pytest.fixture(scope="session")
def recorded():
    """Drives by (style, seed): five styles on eight tracks, about fifteen seconds."""
    return {
        (name, seed): drives.drive(style, seed)
        for name, style in drives.STYLES.items()
        for seed in range(8)
    }
