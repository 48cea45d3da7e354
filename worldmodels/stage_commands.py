"""The arguments of the stages' commands, which the rules give."""

import argparse

from worldmodels.arguments import (
    FILES,
    MANY,
    ONE,
    PRETRAINED,
    SETTINGS,
    SEVERAL,
    add_agent,
    numbers,
)
from worldmodels.experiment.stage_settings import listed
from worldmodels.parsing import whole_number
from worldmodels.runtime.path_lists import NamedPaths
from worldmodels.runtime.randomness import MAX_EPISODE_SEED, MAX_ROUNDS

_SETTINGS = """\
Those that change its result, with their defaults; give others with --set.

"""


def add(command: argparse.ArgumentParser, stage: str) -> None:
    """Add the arguments of a stage to its command."""
    files = command.add_argument_group("Files")
    if stage in FILES:
        _add_with_settings(command, files, stage)
    else:
        _WITHOUT_SETTINGS[stage](files)


def _add_with_settings(command, files, stage: str) -> None:
    for name, options in FILES[stage].items():
        files.add_argument(f"--{name}", **options)
    files.add_argument("--out", help="the store to make", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)
    files.add_argument(
        "--round", help="number of the round", default=0, **numbers(0, MAX_ROUNDS - 1)
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    given = command.add_argument_group("Settings", _SETTINGS + listed(stage))
    for name, options in SETTINGS.items():
        given.add_argument(f"--{name}", **options)


def _add_report(files) -> None:
    files.add_argument("stores", help="stores of any kind and round", **SEVERAL)
    files.add_argument(
        "--temperatures",
        help="evaluations of controllers that learnt in the last round's dream, one a "
        "temperature",
        **MANY,
    )
    files.add_argument(
        "--play", help="the page to play in, to which a link leads", **ONE
    )
    files.add_argument(
        "--beside",
        help="folders with the pages of cells and of studies, which get a chapter each",
        **MANY,
    )
    files.add_argument("--out", help="index.html to write", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_seeds(files) -> None:
    files.add_argument(
        "--seed",
        help="a seed's number and all stores of its training; give this once for each",
        action=NamedPaths,
        nargs="+",
        required=True,
        metavar=("N", "STORE"),
    )
    files.add_argument(
        "--out",
        help="index.html to write; table.txt and table.json go beside it",
        required=True,
        **ONE,
    )
    files.add_argument("--log", help="file to append progress to", **ONE)


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
    files.add_argument("--out", help="table.txt to write", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_temperatures(files) -> None:
    files.add_argument(
        "stores",
        help="evaluations of controllers that learnt in the dream, one a temperature "
        "and seed",
        **SEVERAL,
    )
    files.add_argument("--out", help="table.txt to write", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_forecast(files) -> None:
    files.add_argument("--memory", help="memory store", required=True, **ONE)
    files.add_argument(
        "--latents", help="all that M learnt from", required=True, **MANY
    )
    files.add_argument("--out", help="the store to make", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_cells(files) -> None:
    files.add_argument(
        "--cell",
        help="a cell's name and the stores of all its seeds: memory, controller, "
        "evaluation and forecast; give this once for each cell",
        action=NamedPaths,
        nargs="+",
        required=True,
        metavar=("NAME", "STORE"),
    )
    files.add_argument(
        "--out",
        help="index.html to write; table.txt and table.json go beside it",
        required=True,
        **ONE,
    )
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_export(files) -> None:
    add_agent(files, required=True)
    files.add_argument(
        "--latents",
        help="of C that learnt in the dream: all that M learnt from (default: found in "
        "the rounds of its run)",
        **MANY,
    )
    files.add_argument("--out", help="the store to make", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _add_play(files) -> None:
    files.add_argument(
        "agent",
        help="an agent store, or a folder of controller stores",
        nargs="?",
        **ONE,
    )
    add_agent(files, required=False)
    files.add_argument(
        "--latents",
        help="of a controller: all that M learnt from, at whose first frames dreams "
        "begin (default: found in the rounds of its run, if they are there)",
        **MANY,
    )
    files.add_argument("--pretrained", **PRETRAINED)
    files.add_argument(
        "--record",
        help="seed of the drives that go into the page, or none (default: %(default)s)",
        type=_seed_or_none,
        metavar="SEED",
        default=0,
    )
    files.add_argument(
        "--quality",
        help="of their pictures; 100 is exact (default: %(default)s)",
        default=80,
        **numbers(1, 100),
    )
    files.add_argument("--out", help="page.html to write", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)


def _seed_or_none(text: str) -> int | None:
    return None if text == "none" else whole_number(0, MAX_EPISODE_SEED)(text)


_WITHOUT_SETTINGS = {
    "report": _add_report,
    "seeds": _add_seeds,
    "ablations": _add_ablations,
    "temperatures": _add_temperatures,
    "forecast": _add_forecast,
    "cells": _add_cells,
    "export": _add_export,
    "play": _add_play,
}
