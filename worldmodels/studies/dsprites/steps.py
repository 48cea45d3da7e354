"""The steps of the study dsprites. No JAX is imported here: the Snakefile reads it."""

from pathlib import Path

from worldmodels.parsing import at_least_0
from worldmodels.runtime.path_lists import Paths
from worldmodels.studies.dsprites.settings import Settings
from worldmodels.studies.study import Step, Study

_ONE = {"type": Path}
_MANY = {"nargs": "+", "action": Paths, "default": []}
_PICTURES = {"help": "of the user's archive, as bits (default: drawn here)", **_ONE}
_MODEL = {"help": "name of the model", "required": True, "metavar": "NAME"}
_TRAINED = {"help": "store of the step train (of a model that has learnt)", **_ONE}
_RESUMED = {
    "checkpoint": {
        "help": "file to go on from after a kill; not needed once the store is there",
        "required": True,
        **_ONE,
    },
    "checkpoint-seconds": {
        "help": "seconds between checkpoints (default: %(default)s)",
        "type": at_least_0,
        "metavar": "X",
        "default": 30.0,
    },
}

STUDY = Study(
    name="dsprites",
    summary="does a DNC's memory hold the position of what it sees?",
    settings=Settings,
    steps={
        "pack": Step(
            "check the user's archive of dSprites and keep its pictures as bits",
            1,
            (),
            {"archive": {"help": "the npz", "required": True, **_ONE}},
        ),
        "train": Step(
            "train a model to predict the next picture",
            1,
            ("seed", "hidden_size", "learning"),
            {"model": _MODEL, "pictures": _PICTURES, **_RESUMED},
        ),
        "probe": Step(
            "read the factors linearly from what a model holds",
            1,
            ("seed", "hidden_size", "probes"),
            {"model": _MODEL, "train": _TRAINED, "pictures": _PICTURES, **_RESUMED},
        ),
        "information": Step(
            "estimate what each number of a memory shares with a sprite's position",
            1,
            ("seed", "hidden_size", "information"),
            {"model": _MODEL, "train": _TRAINED, "pictures": _PICTURES, **_RESUMED},
        ),
        "page": Step(
            "write the page and the table of all of them",
            1,
            (),
            {
                "train": {"help": "stores of the step train", **_MANY},
                "probe": {"help": "stores of the step probe", **_MANY},
                "information": {"help": "stores of the step information", **_MANY},
            },
        ),
    },
)
