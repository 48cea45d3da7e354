"""The steps of the study dsprites. No JAX is imported here: the Snakefile reads it."""

from worldmodels.arguments import MANY, ONE, RESUMED
from worldmodels.studies.dsprites.settings import Settings
from worldmodels.studies.study import Step, Study

_PICTURES = {"help": "of the user's archive, as bits (default: drawn here)", **ONE}
_MODEL = {"help": "name of the model", "required": True, "metavar": "NAME"}
_TRAINED = {"help": "store of the step train (of a model that has learnt)", **ONE}
STUDY = Study(
    name="dsprites",
    summary="does a DNC's memory hold the position of what it sees?",
    settings=Settings,
    steps={
        "pack": Step(
            "check the user's archive of dSprites and keep its pictures as bits",
            1,
            (),
            {"archive": {"help": "the npz", "required": True, **ONE}},
        ),
        "train": Step(
            "train a model to predict the next picture",
            1,
            ("seed", "hidden_size", "learning", "dtype", "debug"),
            {"model": _MODEL, "pictures": _PICTURES, **RESUMED},
        ),
        "probe": Step(
            "read the factors linearly from what a model holds",
            2,
            ("seed", "hidden_size", "probes", "dtype"),
            {"model": _MODEL, "train": _TRAINED, "pictures": _PICTURES, **RESUMED},
        ),
        "information": Step(
            "estimate what each number of a memory shares with a sprite's position",
            1,
            ("seed", "hidden_size", "information", "dtype"),
            {"model": _MODEL, "train": _TRAINED, "pictures": _PICTURES, **RESUMED},
        ),
        "page": Step(
            "write the page and the table of all of them",
            1,
            (),
            {
                "train": {"help": "stores of the step train", **MANY},
                "probe": {"help": "stores of the step probe", **MANY},
                "information": {"help": "stores of the step information", **MANY},
            },
        ),
    },
)
