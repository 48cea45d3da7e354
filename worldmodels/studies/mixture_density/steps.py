"""The study and its steps. No JAX is imported here: the Snakefile reads it."""

import json

from worldmodels.arguments import MANY, RESUMED, numbers
from worldmodels.studies.mixture_density.settings import (
    MAX_MIXTURES,
    SQUARED,
    TOYS,
    MixtureDensity,
    of_training,
)
from worldmodels.studies.study import Step, Study

STUDY = Study(
    name="mixture_density",
    summary="several y are right for one x: what does squared error learn, and what a "
    "mixture?",
    settings=MixtureDensity,
    steps={
        "train": Step(
            summary="train one network of all seeds on a toy, and test it",
            version=1,
            uses=(
                *("seeds", "widths", "learning_rate", "gradient_clip", *TOYS),
                *("test_points", "dtype", "debug"),
            ),
            arguments={
                "toy": {"help": "to learn", "choices": TOYS, "required": True},
                "mixtures": {
                    "help": f"K; {SQUARED}: one output, learnt by squared error",
                    "required": True,
                    **numbers(SQUARED, MAX_MIXTURES),
                },
                **RESUMED,
            },
        ),
        "compare": Step(
            summary="all networks beside the exact density: page, figures and table",
            version=1,
            uses=("shown", "dtype"),
            arguments={
                "trainings": {
                    "help": "stores of all trainings",
                    **MANY,
                    "required": True,
                },
            },
        ),
    },
)


def training_settings(settings: MixtureDensity, toy: str) -> str:
    """Return the settings that change a training on a toy, as its rule passes them."""
    return json.dumps(of_training(STUDY.used("train", settings), toy))
