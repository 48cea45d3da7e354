"""A small folder of faces, and what the study's first steps make of it."""

import pytest
from support.once import once

from worldmodels.studies.conditional_gan import draw, pack
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.steps import STUDY

SMALL = {"data": {"faces": 40, "size": [16, 16], "shard": 8, "held_out": 0.25}}


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A folder of 40 faces: only read it."""

    def make(folder):
        draw.run(settings=STUDY.load(SMALL), out=folder / "drawn", log=None)
        return folder / "drawn"

    return once(tmp_path_factory, "drawn_faces", make)


@pytest.fixture(scope="session")
def packed(drawn, tmp_path_factory):
    """The path of their store: only read it."""

    def make(folder):
        out = folder / "pictures.zarr"
        pack.run(settings=STUDY.load(SMALL), folder=drawn, out=out, log=None)
        return out

    return once(tmp_path_factory, "packed_faces", make)


@pytest.fixture
def pictures(packed):
    """These pictures."""
    return Pictures(packed)
