"""The command `worldmodels study NAME STEP`: its arguments, and what it runs."""

import argparse
from importlib import import_module
from typing import Any

from worldmodels.arguments import ONE, SETTINGS
from worldmodels.parsing import Parser
from worldmodels.studies import registry
from worldmodels.studies.study import Study

SUMMARY = "run one step of a study, a system beside World Models"
_GIVEN = (
    "Those that change its result, with their defaults; give others with --set.\n\n"
)


def add(command: argparse.ArgumentParser) -> None:
    """Add every study, and the steps of each."""
    named = command.add_subparsers(
        dest="study", required=True, metavar="NAME", parser_class=Parser
    )
    for name in registry.STUDIES:
        study = registry.study(name)
        about = named.add_parser(name, help=study.summary, description=study.summary)
        steps = about.add_subparsers(
            dest="step", required=True, metavar="STEP", parser_class=Parser
        )
        for step in study.steps:
            _add_step(steps, study, step)


def _add_step(steps: Any, study: Study, step: str) -> None:
    row = study.steps[step]
    command = steps.add_parser(step, help=row.summary, description=row.summary)
    files = command.add_argument_group("Files")
    for name, options in row.arguments.items():
        files.add_argument(f"--{name}", **options)
    files.add_argument("--out", help="what to make", required=True, **ONE)
    files.add_argument("--log", help="file to append progress to", **ONE)
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    given = command.add_argument_group("Settings", _GIVEN + study.listed(step))
    for name, options in SETTINGS.items():
        given.add_argument(f"--{name}", **options)


def run(
    *, study: str, step: str, settings: str | None, set: list[str], **options: Any
) -> None:
    """Run a step of a study with its settings and options.

    Raises:
        UserError: for a setting that it does not use or that cannot be, and whatever
            the step refuses.
    """
    found = registry.study(study).from_words(step, settings, set)
    from worldmodels.runtime import devices  # JAX, which help and errors do without

    devices.prepare(found.dtype)
    import_module(f"worldmodels.studies.{study}.{step}").run(settings=found, **options)
