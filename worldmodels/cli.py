"""The command line: `worldmodels STAGE …`, what the rules call and a person can call.

Nothing heavy is imported before the arguments are known to be good, so help and errors
come at once.
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from worldmodels.arguments import FILES, parser
from worldmodels.errors import UserError
from worldmodels.flags import STAGE_SECTIONS, check_together, from_flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; a user's error is one line."""
    try:
        _run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has read enough
        # The interpreter flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE  # what a shell says of a tool that it ended
    except OSError as error:
        from worldmodels.disk import explanation  # heavy, and rarely needed

        if (sentence := explanation(error)) is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the same command goes on where it was", file=sys.stderr)
        return 130
    return 0


def _run(arguments: Sequence[str] | None) -> None:
    """Run one command, to the last word that it prints."""
    try:
        parsed = parser().parse_args(arguments)
        options = _options(parsed)  # sets up JAX, which importing evosax would start
        stage = importlib.import_module(f"worldmodels.stages.{parsed.command}")
        stage.run(**options)
    finally:
        sys.stdout.flush()  # here, and not at exit: it may find a closed pipe


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the stage's `run`, with settings gathered in sections."""
    options, stage = vars(parsed), parsed.command
    if stage == "evaluate":
        _prepare("float32", options)
    if stage not in FILES:
        return {name: value for name, value in options.items() if name != "command"}
    names = [name.replace("-", "_") for name in (*FILES[stage], "out", "log", "round")]
    sections = {
        {"Run": "shared", "Environment": "environment"}.get(
            kind.__name__, "settings"
        ): from_flags(kind, stage, parsed)
        for kind in STAGE_SECTIONS[stage]
    }
    check_together(stage, *sections.values())
    _prepare(sections["shared"].dtype, options)
    return {name: options[name] for name in names} | sections


def _prepare(dtype: str, options: dict[str, Any]) -> None:
    """Set up JAX; the stages that drive spread the simulator's cars over the cores."""
    from worldmodels import compute

    devices = options["workers"] or compute.cores() if "workers" in options else None
    compute.prepare(dtype, devices)


if __name__ == "__main__":
    sys.exit(main())
