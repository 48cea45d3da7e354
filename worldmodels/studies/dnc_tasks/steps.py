"""The study and its steps. No JAX is imported here: the Snakefile reads it."""

import json

from worldmodels.arguments import MANY, ONE, RESUMED, numbers
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.studies.dnc_tasks.settings import MODELS, TASKS, DNCTasks, of_training
from worldmodels.studies.study import Step, Study

STUDY = Study(
    name="dnc_tasks",
    summary="does a DNC learn to copy, add and sort, and at which lengths?",
    settings=DNCTasks,
    steps={
        "train": Step(
            summary="train a model on a task, and test it at all lengths",
            version=1,
            uses=(
                *("hidden_size", "dnc", "batch_size", "learning_rate"),
                *("final_learning_rate", "gradient_clip", "loss", *TASKS),
                *("times", "test_slots", "test_sequences", "dtype", "debug"),
            ),
            arguments={
                "task": {"help": "to learn", "choices": TASKS, "required": True},
                "model": {"help": "that learns", "choices": MODELS, "required": True},
                "seed": {
                    "help": "of the training",
                    "required": True,
                    **numbers(0, MAX_SEED),
                },
                **RESUMED,
            },
        ),
        "trace": Step(
            summary="follow the memory of a trained DNC through one sequence",
            version=1,
            uses=(),
            arguments={
                "training": {
                    "help": "store of a DNC's training",
                    "required": True,
                    **ONE,
                },
            },
        ),
        "compare": Step(
            summary="the errors of all trainings: page and table",
            version=1,
            uses=(),
            arguments={
                "trainings": {
                    "help": "stores of all trainings",
                    **MANY,
                    "required": True,
                },
                "traces": {"help": "stores of traces", **MANY, "required": True},
            },
        ),
    },
)


def training_settings(settings: DNCTasks, task: str, model: str) -> str:
    """Return the settings that change one training, as its rule passes them."""
    return json.dumps(of_training(STUDY.used("train", settings), task, model))
