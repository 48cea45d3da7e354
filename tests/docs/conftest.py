"""A folder in which the pages' blocks run: a run of random stores, and the agents."""

import shutil
from pathlib import Path

import pytest
from support import synthetic
from support.commands import REPOSITORY
from support.once import once


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A folder with `results/default`, of random values, and the shipped agents.

    It has the default's two rounds, of which the first has no score.
    """

    def make(folder: Path) -> Path:
        for number in (0, 1):
            made = synthetic.make_round(folder / "results" / "default", number)
            if number == 0:
                shutil.rmtree(made.evaluation.path)
        for name in ("pretrained", "examples"):
            (folder / name).symlink_to(REPOSITORY / name)
        # In place of the agent that is imported from files which are not shipped.
        agent = REPOSITORY / "pretrained" / "carracing.zarr"
        (folder / "released.zarr").symlink_to(agent)
        return folder

    return once(tmp_path_factory, "prepared", make)
