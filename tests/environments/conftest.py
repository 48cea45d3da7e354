"""Episodes of the real CarRacing, driven once for all tests."""

import pytest
from support import drives
from support.once import once


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Drives by (style, seed): five styles on eight tracks, about fifteen seconds."""

    def make(_):
        return {
            (name, seed): drives.drive(style, seed)
            for name, style in drives.STYLES.items()
            for seed in range(8)
        }

    return once(tmp_path_factory, "recorded", make)
