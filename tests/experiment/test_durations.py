"""The minutes that stages are allowed, against those that were measured."""

import pytest
import yaml
from support.commands import REPOSITORY
from support.presets import PAPER

from worldmodels.experiment import durations
from worldmodels.experiment.config import load
from worldmodels.experiment.needs import Data

DEFAULT = load(yaml.safe_load((REPOSITORY / "config.yaml").read_text())).rounds[0]
GYMNASIUM = PAPER.changed(environment={"backend": "gymnasium", "slots": 64})
EVERYTHING, SHARD = Data(10_000, 1000, 1000), Data(250, 1000, 1000)
SMALL = Data(64, 300, 300)

# Minutes on two cores: the default run (docs/results.md), the paper's (docs/cost.md).
MEASURED = {
    "default vision": ("vision", DEFAULT, SMALL, 95 / 60),
    "default memory": ("memory", DEFAULT, SMALL, 32 / 60),
    "default block": ("controller", DEFAULT, SMALL, 7.6 / 3),
    # Of the 159 s in which one stage did both.
    "default random": ("random", DEFAULT, SMALL, 55 / 60),
    "default evaluation": ("evaluation", DEFAULT, SMALL, 104 / 60),
    "default report": ("report", DEFAULT, SMALL, 1),
    "paper shard": ("rollouts", GYMNASIUM, SHARD, 4 * 60 / 40),
    "simulated shard": ("rollouts", PAPER, SHARD, 47 / 40),
    "paper vision": ("vision", PAPER, EVERYTHING, 57 * 60),
    "paper latents": ("latents", PAPER, SHARD, 30 / 40),
    "paper memory": ("memory", PAPER, EVERYTHING, 1.9 * 60),
    "paper block": ("controller", PAPER, EVERYTHING, 8 * 24 * 60 / 72),
    "paper block in gymnasium": ("controller", GYMNASIUM, EVERYTHING, 41 * 1440 / 72),
    "paper random": ("random", PAPER, EVERYTHING, 2.5),
    "paper evaluation": ("evaluation", PAPER, EVERYTHING, 2.5),
}


@pytest.mark.parametrize("name", MEASURED)
def test_minutes_are_generous_and_not_without_measure(name):
    stage, settings, data, measured = MEASURED[name]
    found = durations.minutes(stage, settings, data, cores=2)
    assert 1.5 * measured <= found <= 5 * measured + 40


def test_more_cores_take_less_and_larger_networks_more():
    def minutes(settings=PAPER, cores=2):
        return durations.seconds("controller", settings, EVERYTHING, cores)

    assert minutes(cores=16) == pytest.approx(minutes() / 8)
    narrow = PAPER.changed(vision={"channels": (8, 16, 32, 64)})
    assert minutes(narrow) < minutes() / 2
    dream = PAPER.changed(controller={"train_in": "dream"})
    assert minutes(dream) < minutes() / 10
