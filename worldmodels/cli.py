# PYTHON_ARGCOMPLETE_OK
"""The command line: `worldmodels STAGE …`, what the rules call and a person can call.

Nothing heavy is imported before the arguments are known to be good, so help and errors
come at once.
"""

import argparse
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from worldmodels.arguments import FILES, SHIPPED
from worldmodels.commands import TOOLS, parser
from worldmodels.experiment.checkout import PACKAGE
from worldmodels.experiment.settings import Environment, Run
from worldmodels.experiment.stage_settings import from_words
from worldmodels.runtime import streams
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.logs import record
from worldmodels.runtime.printable import printable

# The arguments of a stage's `run` that its sections are; its own is `settings`.
_ARGUMENTS = {Run: "shared", Environment: "environment"}
_ANYWHERE = 64  # workers, on however few cores


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; a user's error is one line.

    The log of a stage ends with its error too.
    """
    if arguments is None:  # this process is the command's own
        gc.disable()  # until all is imported
    streams.mend()
    parsed = argparse.Namespace()
    try:
        _run(arguments, parsed)
    except BrokenPipeError:  # `| head` has read enough
        streams.silence(sys.stdout)
        return 128 + signal.SIGPIPE  # what a shell says of a tool that it ended
    except KeyboardInterrupt:
        streams.tell("stopped: the same command goes on where it was")
        return 130
    except Exception as error:
        sentence = _sentence(error)
        if log := getattr(parsed, "log", None):
            said = f"error: {sentence}" if sentence else traceback.format_exc().rstrip()
            record(log, said)
        if sentence is None:
            raise
        streams.tell(f"error: {sentence}")
        return 1
    return 0


def _run(arguments: Sequence[str] | None, parsed: argparse.Namespace) -> None:
    """Run one command, to the last word that it prints; `parsed` is filled."""
    try:
        whole = parser()
        if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next
            import argcomplete

            argcomplete.autocomplete(whole)
        whole.parse_args(arguments, parsed)
        _refuse_gone()
        options = _options(parsed)  # sets up JAX, which importing evosax would start
        command = importlib.import_module(_module(parsed.command))
        if arguments is None:
            _collect_rarely()
        command.run(**options)
    finally:
        _flush()


def _module(command: str) -> str:
    """Return the name of the module whose `run` a command is."""
    if command == "study":
        return "worldmodels.study_commands"
    package = "tools" if command in TOOLS else "stages"
    return f"worldmodels.{package}.{command.replace('-', '_')}"


def _collect_rarely() -> None:
    """Let Python look for garbage less often, and not among what was imported.

    What traces a program makes many objects that stay. With Python's own threshold of
    700 new ones, imports and tracing spend a sixth of their time looking for garbage.
    """
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


def _refuse_gone() -> None:
    """Refuse to work in a folder that was deleted: no path would mean anything."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError(
            "the folder that this command was called in is gone; change into one that "
            "exists"
        ) from None


def _flush() -> None:
    """Flush here, and not at exit, which has no words for a full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        streams.silence(sys.stdout)
        raise


def _sentence(error: Exception) -> str | None:
    """Return the sentence that a user reads of an error; None: it is a bug."""
    sentence = None
    if isinstance(error, UserError):
        sentence = str(error)
    elif isinstance(error, OSError):
        from worldmodels.stores.disk import explanation  # heavy, and rarely needed

        sentence = explanation(error)
    return sentence and printable(sentence)


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the stage's `run`, with settings gathered in sections."""
    options, stage = vars(parsed), parsed.command
    if options.get("pretrained") == SHIPPED and not SHIPPED.exists():
        raise UserError(
            f"the package in {PACKAGE} is a copy without the agents that a checkout "
            "ships; give --pretrained PATH, or install with pip install --editable"
        )
    if stage == "evaluate":
        _prepare("float32", options)
    if stage not in FILES:
        return {name: value for name, value in options.items() if name != "command"}
    names = [name.replace("-", "_") for name in (*FILES[stage], "out", "log", "round")]
    given = {name: options[name] for name in names}
    sections = from_words(stage, given["round"], options["settings"], options["set"])
    from worldmodels.stages import capacity  # heavy: it opens stores

    capacity.check(stage, sections, given)
    named = {_ARGUMENTS.get(type(s), "settings"): s for s in sections}
    _prepare(named["shared"].dtype, options)
    return given | named


def _prepare(dtype: str, options: dict[str, Any]) -> None:
    """Set up JAX; the stages that drive spread the simulator's cars over the cores."""
    from worldmodels.runtime import devices

    count = None
    if "workers" in options:
        cores = devices.cores()
        count = options["workers"] or cores
        if count > max(cores, _ANYWHERE):
            # JAX would compile for hours, or abort.
            raise UserError(
                f"--workers is {count} and this process may use {cores} cores; give "
                f"at most {max(cores, _ANYWHERE)}"
            )
    devices.prepare(dtype, count)


if __name__ == "__main__":
    sys.exit(main())
