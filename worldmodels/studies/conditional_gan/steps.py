"""The steps of the study. No JAX is imported here: the Snakefile reads it.

draw, pack and judge make the pictures and what judges them; train and score are run for
each model and seed; compare writes the page.
"""

from worldmodels.arguments import MANY, ONE, RESUMED, numbers
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.studies.conditional_gan.settings import MODELS, ConditionalGAN
from worldmodels.studies.study import Step, Study

_PICTURES = {"help": "store of the step pack", "required": True, **ONE}
_JUDGE = {"help": "store of the step judge", "required": True, **ONE}
_NUMBERS = ("dtype", "debug")
STUDY = Study(
    name="conditional_gan",
    summary="can labels steer what a GAN draws, and what makes them steer?",
    settings=ConditionalGAN,
    steps={
        "draw": Step(
            "draw faces with known attributes, laid out as CelebA is", 1,
            ("seed", "data"),
        ),
        "pack": Step(
            "read a folder of labelled pictures into a store", 1,
            ("seed", "data"),
            {"folder": {"help": "of the pictures", "required": True, **ONE}},
        ),
        "judge": Step(
            "train the classifier that judges what is drawn", 1,
            ("seed", "judge", *_NUMBERS),
            {"pictures": _PICTURES, **RESUMED},
        ),
        "train": Step(
            "train a generator and a discriminator", 1,
            ("network", "learning", *_NUMBERS),
            {
                "pictures": _PICTURES,
                "model": {
                    "help": "main: the settings as they are; or an ablation's name",
                    "choices": MODELS, "required": True,
                },
                "seed": {
                    "help": "of the training", "required": True, **numbers(0, MAX_SEED),
                },
                **RESUMED,
            },
        ),
        "score": Step(
            "measure what a trained generator draws", 1,
            ("seed", "judge", *_NUMBERS),
            {
                "pictures": _PICTURES,
                "judge": _JUDGE,
                "training": {
                    "help": "store of the step train", "required": True, **ONE,
                },
                **RESUMED,
            },
        ),
        "compare": Step(
            "the pictures and the measures of all trainings: page and table", 1,
            ("data",),
            {
                "pictures": _PICTURES,
                "judge": _JUDGE,
                "trainings": {
                    "help": "stores of all trainings", **MANY, "required": True,
                },
                "scores": {
                    "help": "stores of the step score, of the same trainings", **MANY,
                    "required": True,
                },
            },
        ),
    },
)  # fmt: skip
