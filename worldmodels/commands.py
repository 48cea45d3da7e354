"""The arguments of every command: the stages', which the rules give, and the tools'."""

import argparse
from pathlib import Path
from typing import Any

import worldmodels
from worldmodels.experiment.checkout import PACKAGE
from worldmodels.experiment.flags import add_flags
from worldmodels.experiment.settings import Controller
from worldmodels.parsing import Parser, at_least_0, whole_number
from worldmodels.runtime.path_lists import NamedPaths, Paths
from worldmodels.runtime.randomness import MAX_EPISODE_SEED, MAX_EPISODES, MAX_ROUNDS

_DESCRIPTION = """\
World Models (Ha & Schmidhuber 2018): an agent that learns to see (V), to remember (M)
and to act (C). `snakemake` runs the whole pipeline; these are its stages, one command
each, and tools to look at what they make. Each stage reads stores, computes, and
publishes one store at --out when it is complete. Killed in the middle, it goes on
where it was when the same command is given again. In a list of stores @FILE stands for
the paths in a file, one a line.
"""

_COMMANDS = {
    "rollouts": "drive one shard of episodes, at random or with a controller",
    "vision": "train V, the variational autoencoder, on rollouts",
    "latents": "encode one rollout store with V",
    "memory": "train M, the mixture-density recurrent network, on latents",
    "controller": "evolve C, the controller, for one block of generations",
    "evaluation": "score the selected controller on unseen tracks",
    "report": "make one HTML file of what all the given stores hold",
    "ablations": "compare the evaluations of ablations, over several trainings each",
    "temperatures": "compare the evaluations of controllers of several temperatures",
    "inspect": "print what a store holds and where it came from",
    "export": "put one round's agent into a single small store, to be shipped",
    "drive": "film a trained agent on a track",
    "dream": "film what M dreams, under any actions and at any temperature",
    "evaluate": "score a pretrained agent on unseen tracks",
    "import-rollouts": "make rollout stores of your own frames and actions",
}

# Whose modules are in `tools`, those of the others in `stages`.
TOOLS = ("inspect", "drive", "dream", "evaluate", "import-rollouts")

_ONE = {"type": Path}
# A list of stores, or @FILE with a path a line.
_SEVERAL = {"nargs": "+", "action": Paths}
_MANY = {"default": [], **_SEVERAL}


def _from(least: int, most: int) -> dict[str, Any]:
    return {"type": whole_number(least, most), "metavar": "N"}


_PLACE = _from(0, MAX_EPISODES - 1)  # of a store in its round, each has some episodes
_STEPS = {"help": "at most (default: whole)", **_from(1, 2**31 - 1)}
_SEED = {"default": 0, **_from(0, MAX_EPISODE_SEED)}
_WORKERS = {
    "help": "cores, or environment processes, that drive (default: one a core)",
    **_from(1, 4096),
}
_FOUND = {"help": "default: found in the rounds of the experiment", **_ONE}
_CHECKPOINT = {
    "help": "file to go on from after a kill; to be deleted once the store is there",
    "required": True,
    **_ONE,
}
_PAUSE = {
    "help": "seconds between checkpoints (default: %(default)s)",
    "type": at_least_0,
    "metavar": "X",
    "default": 30.0,
}
_LATENTS = {
    "help": "latents stores, at whose first frames dreams begin (for C in a dream)",
    **_MANY,
}
# Beside the package, where a checkout has it.
SHIPPED = PACKAGE.parent / "pretrained/carracing.zarr"
PRETRAINED = {
    "help": "an agent store (without PATH: pretrained/carracing.zarr of the checkout)",
    "nargs": "?",
    "const": SHIPPED,
    "metavar": "PATH",
    **_ONE,
}

# What each command reads and writes, beside its settings.
FILES: dict[str, dict[str, dict[str, Any]]] = {
    "rollouts": {
        "shard": {"help": "number of this store in its round", "default": 0, **_PLACE},
        "vision": {"help": "V of the round before (from round 1 on)", **_ONE},
        "memory": {"help": "M of the round before (from round 1 on)", **_ONE},
        "controller": {"help": "blocks of the round before (from round 1)", **_MANY},
        "workers": _WORKERS,
    },
    "vision": {
        "rollouts": {"help": "rollout stores", **_MANY, "required": True},
        "start": {"help": "vision store whose weights to start from", **_ONE},
        "checkpoint": _CHECKPOINT,
        "checkpoint-seconds": _PAUSE,
    },
    "latents": {
        "vision": {"help": "vision store", **_ONE, "required": True},
        "rollouts": {"help": "rollout store", **_ONE, "required": True},
    },
    "memory": {
        "latents": {"help": "latents stores", **_MANY, "required": True},
        "start": {"help": "memory store whose weights to start from", **_ONE},
        "checkpoint": _CHECKPOINT,
        "checkpoint-seconds": _PAUSE,
    },
    "controller": {
        "block": {"help": "number of this block", "default": 0, **_PLACE},
        "vision": {"help": "vision store", **_ONE, "required": True},
        "memory": {"help": "memory store", **_ONE, "required": True},
        "latents": _LATENTS,
        "previous": {"help": "the block before (from block 1 on)", **_ONE},
        "start": {"help": "blocks whose best mean to start from (block 0)", **_MANY},
        "workers": _WORKERS,
        "checkpoint": _CHECKPOINT,
    },
    "evaluation": {
        "vision": {"help": "vision store", **_ONE, "required": True},
        "memory": {"help": "memory store", **_ONE, "required": True},
        "controller": {"help": "all blocks", **_MANY, "required": True},
        "latents": _LATENTS,
        "workers": _WORKERS,
    },
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = Parser("worldmodels", description=_DESCRIPTION)
    whole.formatter_class = argparse.RawDescriptionHelpFormatter
    # With its folder, as pip says it: the Snakefile asks whose code the jobs run.
    whole.add_argument(
        "--version",
        action="version",
        version=f"worldmodels {worldmodels.__version__} from {PACKAGE}",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=_sentence(summary)
        )
        files = command.add_argument_group("Files")
        if name in FILES:
            _add_stage(command, files, name)
        else:
            _OTHERS[name](files)
    return whole


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _add_stage(command, files, stage: str) -> None:
    for name, options in FILES[stage].items():
        files.add_argument(f"--{name}", **options)
    files.add_argument("--out", help="the store to make", required=True, **_ONE)
    files.add_argument("--log", help="file to append progress to", **_ONE)
    files.add_argument(
        "--round", help="number of the round", default=0, **_from(0, MAX_ROUNDS - 1)
    )
    add_flags(command, stage)


def _add_report(files) -> None:
    files.add_argument("stores", help="stores of any kind and round", **_SEVERAL)
    files.add_argument(
        "--temperatures",
        help="evaluations of controllers that learnt in the last round's dream, one a "
        "temperature",
        **_MANY,
    )
    files.add_argument("--out", help="index.html to write", required=True, **_ONE)
    files.add_argument("--log", help="file to append progress to", **_ONE)


def _add_ablations(files) -> None:
    files.add_argument(
        "--ablation",
        help="a name and its evaluation stores, one a training seed; give this once "
        "for each ablation, the one to compare with first",
        action=NamedPaths,
        nargs="+",
        required=True,
        metavar=("NAME", "STORE"),
    )
    files.add_argument("--out", help="table.txt to write", required=True, **_ONE)
    files.add_argument("--log", help="file to append progress to", **_ONE)


def _add_temperatures(files) -> None:
    files.add_argument(
        "stores",
        help="evaluations of controllers that learnt in the dream, one a temperature",
        **_SEVERAL,
    )
    files.add_argument("--out", help="table.txt to write", required=True, **_ONE)
    files.add_argument("--log", help="file to append progress to", **_ONE)


def _add_inspect(files) -> None:
    files.add_argument("store", help="a store of any kind", **_ONE)
    files.add_argument("--contact-sheet", help="PNG of a rollout's frames", **_ONE)


def _add_agent(files, required: bool) -> None:
    files.add_argument(
        "--controller",
        help="controller stores, or a folder of them; the best tested mean of all",
        **_MANY,
        required=required,
    )
    files.add_argument("--vision", **_FOUND)
    files.add_argument("--memory", **_FOUND)


def _add_export(files) -> None:
    _add_agent(files, required=True)
    files.add_argument(
        "--latents",
        help="of C that learnt in the dream: all that M learnt from (default: found in "
        "the rounds of its run)",
        **_MANY,
    )
    files.add_argument("--out", help="the store to make", required=True, **_ONE)
    files.add_argument("--log", help="file to append progress to", **_ONE)


def _add_drive(files) -> None:
    _add_agent(files, required=False)
    files.add_argument("--pretrained", **PRETRAINED)
    files.add_argument("--seed", help="of the track", **_SEED)
    files.add_argument("--steps", **_STEPS)
    files.add_argument("--out", help="drive.mp4 or drive.gif", required=True, **_ONE)


def _add_dream(files) -> None:
    files.add_argument("--memory", help="memory store", required=True, **_ONE)
    files.add_argument("--vision", **_FOUND)
    files.add_argument(
        "--latents",
        help="all that M learnt from (default: found in the rounds of its run)",
        **_MANY,
    )
    files.add_argument(
        "--controller",
        help="controller stores, or a folder of them, whose best tested mean acts "
        "(default: random actions, held for a few steps each)",
        **_MANY,
    )
    files.add_argument(
        "--actions",
        help="an episode of rollouts or latents, whose actions are done again from "
        "its first frame on",
        metavar="STORE:EPISODE",
    )
    files.add_argument(
        "--temperature",
        help="of the dream; 1: as uncertain as M is (default: %(default)s)",
        type=at_least_0,
        metavar="X",
        default=Controller.temperature,
    )
    files.add_argument("--seed", help="of the dream", **_SEED)
    files.add_argument("--steps", **_STEPS)
    files.add_argument("--out", help="dream.mp4 or dream.gif", required=True, **_ONE)


def _add_evaluate(files) -> None:
    files.add_argument("--pretrained", default=SHIPPED, **PRETRAINED)
    files.add_argument(
        "--episodes",
        help="unseen tracks (default: %(default)s)",
        default=100,
        **_from(2, MAX_EPISODES),
    )
    files.add_argument(
        "--backend",
        help="where to be scored: in one, or wherever it can be, on the same tracks "
        "(the default)",
        choices=("gymnasium", "simulator", "dream", "all"),
        default="all",
    )
    files.add_argument("--workers", **_WORKERS)
    files.add_argument("--out", help="evaluation store to make", **_ONE)


def _add_import_rollouts(files) -> None:
    files.add_argument(
        "folders",
        help="folders of npz files, one an episode: obs uint8 [T, H, W, 3], action "
        "[T, A] or [T], and perhaps reward [T] and done [T]",
        nargs="*",
        **_ONE,
    )
    files.add_argument(
        "--minari", help="instead, a data set of Minari on this machine", metavar="ID"
    )
    files.add_argument(
        "--out",
        help="folder of the stores, such as results/NAME/round-0/rollouts",
        required=True,
        **_ONE,
    )
    files.add_argument(
        "--episodes-per-shard",
        help="in one store, the last may have fewer (default: %(default)s)",
        default=64,
        **_from(1, 100_000),
    )
    files.add_argument(
        "--steps",
        help="length that episodes are padded to (default: the longest's)",
        **_from(2, 100_000),
    )
    files.add_argument(
        "--crop",
        help="pixels that are cut off a frame, before it is resized to 64 x 64 "
        "(default: none)",
        nargs=4,
        default=(0, 0, 0, 0),
        **_from(0, 8192) | {"metavar": ("TOP", "BOTTOM", "LEFT", "RIGHT")},
    )
    for bound in ("low", "high"):
        files.add_argument(
            f"--{bound}",
            help="bound of each number of an action (default: the data set's own, or "
            "that of the data)",
            nargs="+",
            type=float,
            metavar="X",
        )


_OTHERS = {
    "report": _add_report,
    "ablations": _add_ablations,
    "temperatures": _add_temperatures,
    "inspect": _add_inspect,
    "export": _add_export,
    "drive": _add_drive,
    "dream": _add_dream,
    "evaluate": _add_evaluate,
    "import-rollouts": _add_import_rollouts,
}
