"""The study and its steps. No JAX is imported here: the Snakefile reads it."""

import json

from worldmodels.arguments import MANY, ONE, RESUMED, numbers
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.studies.curiosity.arms import ARMS
from worldmodels.studies.curiosity.settings import WORLDS, Curiosity, of_training
from worldmodels.studies.study import Step, Study

_TRAINING = {"help": "store of the step train", "required": True, **ONE}

STUDY = Study(
    name="curiosity",
    summary="what does a reward for the unpredicted add to PPO, and where do both end?",
    settings=Curiosity,
    steps={
        "train": Step(
            summary="train an arm with a seed, and score it on unseen levels",
            version=2,
            uses=(*WORLDS, "limit", "test_levels", "dtype", "debug"),
            arguments={
                "world": {"help": "to play", "choices": WORLDS, "required": True},
                "arm": {
                    "help": f"one of {', '.join(ARMS)}",
                    "choices": tuple(ARMS),
                    "metavar": "ARM",
                    "required": True,
                },
                "seed": {
                    "help": "of the training",
                    "required": True,
                    **numbers(0, MAX_SEED),
                },
                **RESUMED,
            },
        ),
        "episode": Step(
            summary="play one unseen level, and keep pictures, bonus and values",
            version=1,
            uses=(),
            arguments={"training": _TRAINING},
        ),
        "film": Step(
            summary="draw an episode with its bonus and values, as a GIF",
            version=1,
            uses=(),
            arguments={
                "episode": {
                    "help": "store of the step episode",
                    "required": True,
                    **ONE,
                }
            },
        ),
        "compare": Step(
            summary="the page, the figures and the tables of all trainings",
            version=1,
            uses=(),
            arguments={
                "trainings": {
                    "help": "stores of all trainings",
                    **MANY,
                    "required": True,
                },
                "episodes": {"help": "stores of episodes", **MANY},
                "films": {"help": "GIFs of the step film", **MANY},
            },
        ),
    },
)


def training_settings(settings: Curiosity, world: str) -> str:
    """Return the settings that change a training, as its rule passes them."""
    return json.dumps(of_training(STUDY.used("train", settings), world))
