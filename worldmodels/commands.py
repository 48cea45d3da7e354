"""The parser of the command line, and the commands that a person alone runs: tools."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import worldmodels
from worldmodels import stage_commands, study_commands
from worldmodels.arguments import (
    FOUND,
    MANY,
    ONE,
    PRETRAINED,
    SEED,
    SEVERAL,
    SHIPPED,
    STEPS,
    WORKERS,
    add_agent,
    numbers,
)
from worldmodels.experiment.checkout import PACKAGE
from worldmodels.experiment.settings import Controller
from worldmodels.experiment.stages import STAGES
from worldmodels.parsing import Parser, at_least_0
from worldmodels.runtime.randomness import MAX_EPISODES

_DESCRIPTION = """\
World Models (Ha & Schmidhuber 2018): an agent that learns to see (V), to remember (M)
and to act (C). `snakemake` runs the whole pipeline; these are its stages, one command
each, and tools to look at what they make. Each stage reads stores, computes, and
publishes one store at --out when it is complete. Killed in the middle, it goes on
where it was when the same command is given again. In a list of stores @FILE stands for
the paths in a file, one a line.
"""


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
    summaries = {name: stage.summary for name, stage in STAGES.items()}
    summaries |= {name: tool.summary for name, tool in TOOLS.items()}
    for name, summary in summaries.items():
        command = commands.add_parser(
            name, help=summary, description=_sentence(summary)
        )
        if name in TOOLS:
            TOOLS[name].add(command.add_argument_group("Files"))
        else:
            stage_commands.add(command, name)
    about = study_commands.SUMMARY
    study_commands.add(
        commands.add_parser("study", help=about, description=_sentence(about))
    )
    return whole


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _add_inspect(files) -> None:
    files.add_argument("store", help="a store of any kind", **ONE)
    files.add_argument("--contact-sheet", help="PNG of a rollout's frames", **ONE)


def _add_drive(files) -> None:
    add_agent(files, required=False)
    files.add_argument("--pretrained", **PRETRAINED)
    files.add_argument("--seed", help="of the track", **SEED)
    files.add_argument("--steps", **STEPS)
    files.add_argument("--out", help="drive.mp4 or drive.gif", required=True, **ONE)


def _add_dream(files) -> None:
    files.add_argument("--memory", help="memory store", **ONE)
    files.add_argument("--vision", **FOUND)
    files.add_argument(
        "--pretrained",
        **PRETRAINED | {"help": "instead, an agent store, with the dream of its own"},
    )
    files.add_argument(
        "--latents",
        help="all that M learnt from (default: found in the rounds of its run)",
        **MANY,
    )
    files.add_argument(
        "--controller",
        help="controller stores, or a folder of them, whose best tested mean acts "
        "(default: random actions, held for a few steps each)",
        **MANY,
    )
    files.add_argument(
        "--actions",
        help="an episode of rollouts or latents, whose actions are done again from "
        "its first frame on",
        metavar="STORE:EPISODE",
    )
    files.add_argument(
        "--temperature",
        help="of the dream; 1: as uncertain as M is (default: "
        f"{Controller().temperature}, or that of the agent store)",
        type=at_least_0,
        metavar="X",
    )
    files.add_argument("--seed", help="of the dream", **SEED)
    files.add_argument("--steps", **STEPS)
    files.add_argument("--out", help="dream.mp4 or dream.gif", required=True, **ONE)


def _add_evaluate(files) -> None:
    files.add_argument("--pretrained", default=SHIPPED, **PRETRAINED)
    files.add_argument(
        "--episodes",
        help="unseen tracks (default: %(default)s)",
        default=100,
        **numbers(2, MAX_EPISODES),
    )
    files.add_argument(
        "--backend",
        help="where to be scored: in one, or wherever it can be, on the same tracks "
        "(the default)",
        choices=("gymnasium", "simulator", "dream", "all"),
        default="all",
    )
    files.add_argument("--workers", **WORKERS)
    files.add_argument("--out", help="evaluation store to make", **ONE)


def _add_compare(files) -> None:
    files.add_argument(
        "runs",
        help="folders of runs, such as results/default, or of one of their seeds; the "
        "others are compared with the first",
        **SEVERAL,
    )
    files.add_argument("--out", help="page.html to write", required=True, **ONE)


def _add_import_rollouts(files) -> None:
    files.add_argument(
        "folders",
        help="folders of npz files, one an episode: obs uint8 [T, H, W, 3], action "
        "[T, A] or [T], and perhaps reward [T] and done [T]",
        nargs="*",
        **ONE,
    )
    files.add_argument(
        "--minari", help="instead, a data set of Minari on this machine", metavar="ID"
    )
    files.add_argument(
        "--out",
        help="folder of the stores, such as results/NAME/round-0/rollouts",
        required=True,
        **ONE,
    )
    files.add_argument(
        "--episodes-per-shard",
        help="in one store, the last may have fewer (default: %(default)s)",
        default=64,
        **numbers(1, 100_000),
    )
    files.add_argument(
        "--steps",
        help="length that episodes are padded to (default: the longest's)",
        **numbers(2, 100_000),
    )
    files.add_argument(
        "--crop",
        help="pixels that are cut off a frame, before it is resized to 64 x 64 "
        "(default: none)",
        nargs=4,
        default=(0, 0, 0, 0),
        **numbers(0, 8192) | {"metavar": ("TOP", "BOTTOM", "LEFT", "RIGHT")},
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


def _add_import_released(files) -> None:
    files.add_argument(
        "folder",
        help="carracing or doomrnn of a checkout of hardmaru/WorldModelsExperiments",
        **ONE,
    )
    files.add_argument("--out", help="agent store to make", required=True, **ONE)


def _add_paint(files) -> None:
    files.add_argument(
        "--labels",
        help="of the pictures, such as Male=0,Smiling=1; 0 where nothing is said, and "
        "0.5 is half-way",
        required=True,
        metavar="NAME=X,...",
    )
    files.add_argument(
        "--training",
        help="store of a generator (default: %(default)s)",
        default=Path("results/studies/conditional_gan/laptop/train/main-0.zarr"),
        **ONE,
    )
    files.add_argument(
        "--count",
        help="of pictures (default: %(default)s)",
        default=16,
        **numbers(1, 1024),
    )
    files.add_argument("--seed", help="of z", **SEED)
    files.add_argument("--out", help="faces.png", required=True, **ONE)


def _add_cost(files) -> None:
    files.add_argument(
        "--configfile",
        "--configfiles",
        help="overlays of config.yaml, as snakemake takes them",
        nargs="+",
        action="extend",
        default=[],
        **ONE,
    )
    files.add_argument(
        "--config",
        "-C",
        help="keys and values over those, as snakemake takes them",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
    )
    files.add_argument(
        "--set",
        help="a setting and its value, in YAML; give this once for each",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
    )
    files.add_argument(
        "--cores",
        "-c",
        help="of snakemake (default: those that this process may use)",
        **numbers(1, 4096),
    )
    files.add_argument(
        "--calibrate", help="measure this machine again", action="store_true"
    )
    files.add_argument("--out", help="cost.json: the same as JSON", **ONE)


def _add_settings(files) -> None:
    files.add_argument(
        "--schema", help="print its JSON schema instead", action="store_true"
    )


class Tool(NamedTuple):
    """A command that a person runs; its module is in `tools`."""

    summary: str
    add: Callable[[Any], None]  # adds its arguments


TOOLS = {
    "inspect": Tool("print what a store holds and where it came from", _add_inspect),
    "drive": Tool("film a trained agent on a track", _add_drive),
    "dream": Tool(
        "film what M dreams, under any actions and at any temperature", _add_dream
    ),
    "evaluate": Tool("score a pretrained agent on unseen tracks", _add_evaluate),
    "compare": Tool("tell whether a change helped: runs side by side", _add_compare),
    "import-rollouts": Tool(
        "make rollout stores of your own frames and actions", _add_import_rollouts
    ),
    "import-released": Tool(
        "make an agent store of the files that the paper's authors released",
        _add_import_released,
    ),
    "paint": Tool(
        "draw pictures with given labels, with the generator of a conditional GAN",
        _add_paint,
    ),
    "cost": Tool(
        "say what a run takes before it runs: minutes, memory and disk by stage",
        _add_cost,
    ),
    "settings": Tool("print config.yaml: every setting, its default", _add_settings),
}
