"""What commands share: files, numbers, agents, what each stage reads and writes."""

from pathlib import Path
from typing import Any

from worldmodels.experiment.checkout import PACKAGE
from worldmodels.parsing import at_least_0, whole_number
from worldmodels.runtime.path_lists import Paths
from worldmodels.runtime.randomness import MAX_EPISODE_SEED, MAX_EPISODES

ONE = {"type": Path}
# A list of stores, or @FILE with a path a line.
SEVERAL = {"nargs": "+", "action": Paths}
MANY = {"default": [], **SEVERAL}


def numbers(least: int, most: int) -> dict[str, Any]:
    """Return the options of an argument that is a whole number."""
    return {"type": whole_number(least, most), "metavar": "N"}


_PLACE = numbers(0, MAX_EPISODES - 1)  # of a store in its round, each has some episodes
STEPS = {"help": "at most (default: whole)", **numbers(1, 2**31 - 1)}
SEED = {"default": 0, **numbers(0, MAX_EPISODE_SEED)}
WORKERS = {
    "help": "cores, or environment processes, that drive (default: one a core)",
    **numbers(1, 4096),
}
FOUND = {"help": "default: found in the rounds of the experiment", **ONE}
_CHECKPOINT = {
    "help": "file to go on from after a kill; to be deleted once the store is there",
    "required": True,
    **ONE,
}
_PAUSE = {
    "help": "seconds between checkpoints (default: %(default)s)",
    "type": at_least_0,
    "metavar": "X",
    "default": 30.0,
}
RESUMED = {"checkpoint": _CHECKPOINT, "checkpoint-seconds": _PAUSE}
_LATENTS = {
    "help": "latents stores, in whose episodes dreams begin (for C in a dream)",
    **MANY,
}
# Beside the package, where a checkout has it.
SHIPPED = PACKAGE.parent / "pretrained/carracing.zarr"
PRETRAINED = {
    "help": "an agent store (without PATH: pretrained/carracing.zarr of the checkout)",
    "nargs": "?",
    "const": SHIPPED,
    "metavar": "PATH",
    **ONE,
}

# How settings are given.
SETTINGS: dict[str, dict[str, Any]] = {
    "set": {
        "help": "a setting and its value, in YAML; give this once for each",
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
    },
    "settings": {"help": "all at once, as rules pass them", "metavar": "JSON"},
}

# What each command reads and writes, beside its settings.
FILES: dict[str, dict[str, dict[str, Any]]] = {
    "rollouts": {
        "shard": {"help": "number of this store in its round", "default": 0, **_PLACE},
        "vision": {"help": "V of the round before (from round 1 on)", **ONE},
        "memory": {"help": "M of the round before (from round 1 on)", **ONE},
        "controller": {"help": "blocks of the round before (from round 1)", **MANY},
        "workers": WORKERS,
    },
    "vision": {
        "rollouts": {"help": "rollout stores", **MANY, "required": True},
        "start": {"help": "vision store whose weights to start from", **ONE},
        **RESUMED,
    },
    "latents": {
        "vision": {"help": "vision store", **ONE, "required": True},
        "rollouts": {"help": "rollout store", **ONE, "required": True},
    },
    "memory": {
        "latents": {"help": "latents stores", **MANY, "required": True},
        "start": {"help": "memory store whose weights to start from", **ONE},
        **RESUMED,
    },
    "controller": {
        "block": {"help": "number of this block", "default": 0, **_PLACE},
        "vision": {"help": "vision store", **ONE, "required": True},
        "memory": {"help": "memory store", **ONE, "required": True},
        "latents": {
            "help": "latents stores that M learnt from (for dreams, and a centred "
            "search's block 0)",
            **MANY,
        },
        "previous": {"help": "the block before (from block 1 on)", **ONE},
        "start": {"help": "blocks whose best mean to start from (block 0)", **MANY},
        "workers": WORKERS,
        "checkpoint": _CHECKPOINT,
    },
    "random": {"workers": WORKERS},
    "evaluation": {
        "vision": {"help": "vision store", **ONE, "required": True},
        "memory": {"help": "memory store", **ONE, "required": True},
        "controller": {"help": "all blocks", **MANY, "required": True},
        "latents": _LATENTS,
        "random": {"help": "scores of the random policy (default: made here)", **ONE},
        "workers": WORKERS,
    },
}


def add_agent(files: Any, required: bool) -> None:
    """Add the arguments that say which agent is meant."""
    files.add_argument(
        "--controller",
        help="controller stores, or a folder of them; the best tested mean of all",
        **MANY,
        required=required,
    )
    files.add_argument("--vision", **FOUND)
    files.add_argument("--memory", **FOUND)
