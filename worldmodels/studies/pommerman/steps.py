"""The study and its steps. No JAX is imported here: the Snakefile reads it."""

import json

from worldmodels.arguments import MANY, ONE, RESUMED, numbers
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.studies.pommerman.settings import (
    MODELS,
    PARTS,
    Pommerman,
    of_training,
)
from worldmodels.studies.study import Step, Study

_LEARNING = (
    *("hidden_size", "dnc", "embedding", "mixtures", "least_std", "start"),
    *("batch_size", "warmup", "learning_rate", "final_learning_rate", "gradient_clip"),
    *("dtype", "debug"),
)
_GAMES = {"help": "store of games", "required": True, **ONE}
_MODEL = {"help": "that learns", "choices": MODELS, "required": True}
_SEED = {"help": "of the training", "required": True, **numbers(0, MAX_SEED)}
_SCORES = {"help": "stores of scores", **MANY, "required": True}

STUDY = Study(
    name="pommerman",
    summary="which memory is more often right about Pommerman's next state, a DNC or "
    "an LSTM?",
    settings=Pommerman,
    steps={
        "games": Step(
            summary="play games that models learn from, or are tested on",
            version=1,
            uses=("games",),
            arguments={
                "part": {"help": "of the games", "choices": PARTS, "required": True},
            },
        ),
        "overfit": Step(
            summary="let a model learn a few games by heart",
            version=1,
            uses=(*_LEARNING, "overfit"),
            arguments={"games": _GAMES, "model": _MODEL, **RESUMED},
        ),
        "train": Step(
            summary="train a model on all games",
            version=1,
            uses=(*_LEARNING, "updates"),
            arguments={"games": _GAMES, "model": _MODEL, "seed": _SEED, **RESUMED},
        ),
        "score": Step(
            summary="count how often a trained model is right on games of other boards",
            version=1,
            uses=("ahead",),
            arguments={
                "games": _GAMES,
                "training": {"help": "store of a training", "required": True, **ONE},
            },
        ),
        "film": Step(
            summary="film one game: the truth, and what models predicted of it",
            version=1,
            uses=(),
            arguments={"scores": _SCORES},
        ),
        "compare": Step(
            summary="all models beside each other: page, figures and table",
            version=1,
            uses=(),
            arguments={
                "scores": _SCORES,
                "overfits": {
                    "help": "stores of games that were learnt by heart",
                    **MANY,
                    "required": True,
                },
                "film": {"help": "GIF of a game", "required": True, **ONE},
            },
        ),
    },
)


def training_settings(step: str, settings: Pommerman, model: str) -> str:
    """Return the settings that change a training, as its rule passes them."""
    return json.dumps(of_training(STUDY.used(step, settings), model))
