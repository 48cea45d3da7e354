"""Stores as the real stages would record them for a workflow's jobs, without arrays."""

import json
import shlex
from collections.abc import Iterable
from pathlib import Path

from worldmodels.commands import parser
from worldmodels.experiment.stage_settings import from_words
from worldmodels.experiment.stages import STAGES, recorded


def make(jobs: Iterable, without: str = "") -> None:
    """Make the outputs of jobs in the working folder, where they are missing.

    Args:
        without: the role of an input that the stores do not record.
    """
    read = parser()
    for job in jobs:
        for path in map(Path, job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".zarr":
                path.touch()
            elif not path.exists():
                given = read.parse_args(shlex.split(job.shellcmd)[1:])
                path.mkdir()
                text = json.dumps({"attributes": _attributes(job, given, without)})
                (path / "zarr.json").write_text(text)


def _attributes(job, given, without: str) -> dict:
    """Return what the stage that is called with the arguments `given` records."""
    stage = given.command
    sections = from_words(stage, given.round, given.settings, given.set)
    places = {
        name: int(value) for name, value in job.wildcards.items() if value.isdigit()
    }
    inputs = {name: job.input.get(name) for name in job.input.keys()}  # noqa: SIM118
    return {
        "kind": stage,
        "stage_version": STAGES[stage].version,
        "config": recorded(stage, given.round, *sections) | places,
        "inputs": {
            name: [stores] if isinstance(stores, str) else list(stores)
            for name, stores in inputs.items()
            if stores and name != without
        },
        "provenance": str(job.output[0]),
    }
