"""The table of stages is the only list of them: every other table has all its rows."""

import pytest
import yaml
from support.commands import REPOSITORY

from worldmodels.experiment import bytes_on_disk, needs, site, work
from worldmodels.experiment.stages import CONFIGURED, STAGES

# Their rules ask for a constant amount of memory and minutes.
# A forecast's asks for what M's training does.
CONSTANT = (
    "seeds",
    "ablations",
    "temperatures",
    "forecast",
    "cells",
    "export",
    "play",
)
# They go on from a checkpoint when they are cut off.
RESUMABLE = ("vision", "memory", "controller")

TABLES = {
    "worldmodels/experiment/needs.py": (needs.STAGES, set(STAGES) - {*CONSTANT}),
    "worldmodels/experiment/work.py": (work.STAGES, set(STAGES) - {*CONSTANT}),
    "worldmodels/experiment/bytes_on_disk.py": (
        bytes_on_disk.STAGES,
        set(STAGES) - {*CONSTANT},
    ),
    "worldmodels/experiment/site.py": (site.ATOMIC, set(CONFIGURED) - {*RESUMABLE}),
}


@pytest.mark.parametrize("file", TABLES)
def test_a_table_has_a_row_for_every_stage(file):
    table, expected = TABLES[file]
    missing, unknown = sorted(expected - set(table)), sorted(set(table) - expected)
    assert not missing, (
        f"{file} has no row for {', '.join(missing)} of worldmodels/experiment/"
        "stages.py: add it, or name the stage at the top of this test if it needs none"
    )
    assert not unknown, f"{file} has rows for {', '.join(unknown)}, no such stages"


def test_each_stage_is_a_module_of_that_name():
    for stage in STAGES:
        path = REPOSITORY / f"worldmodels/stages/{stage}.py"
        assert path.exists(), f"stage {stage} has no module {path}"


def test_profiles_name_rules_of_the_table():
    """Snakemake ignores resources of a rule that does not exist."""
    rules = {rule for stage in STAGES.values() for rule in stage.rules}
    named = set()
    for profile in ("default", "slurm"):
        text = (REPOSITORY / f"profiles/{profile}/config.yaml").read_text()
        options = yaml.safe_load(text)
        for option in ("set-resources", "set-threads"):
            named |= set(options.get(option, {}))
        # The line that a person copies.
        named |= {w.removesuffix(":gpu=1") for w in text.split() if ":gpu=" in w}
    assert {"evolve_block", "encode_earlier_shard"} <= named
    assert named <= rules, f"{sorted(named - rules)} are rules of no stage"
