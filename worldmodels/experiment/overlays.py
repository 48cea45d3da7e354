"""What is asked of a run: config.yaml, the overlays on it, the command line on both.

Snakemake's own reading takes config.yaml from the folder that it is called in, replaces
a section by an empty one and reads nested values of `--config` as text; so they are
read here. It also reads the overlays before the Snakefile, and does not name one that
it cannot read: the profiles have the command line looked through first. No JAX is
imported here: the Snakefile reads it.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worldmodels.experiment.yaml_files import parse, read
from worldmodels.runtime.errors import UserError


def merged(base: Path, overlays: Iterable[Path], entries: Iterable[str]) -> dict:
    """Return the configuration that is asked for; later ones win, key by key.

    Args:
        base: the YAML file that holds every key.
        overlays: YAML files of what is to be different.
        entries: of the command line, KEY=VALUE, whose value is YAML.

    Raises:
        UserError: naming what cannot be read, or what is empty in the base.
    """
    found = read(base)
    for key, value in found.items():
        if value is None:
            raise UserError(
                f"{base}: {key} is empty; this file is what overlays change: put its "
                "values back"
            )
    for overlay in overlays:
        found = laid_over(found, read(overlay))
    for entry in entries:
        found = laid_over(found, _read_entry(entry))
    return found


def laid_over(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `overlay`; an empty section changes nothing."""
    result = dict(base)
    for key, value in overlay.items():
        if isinstance(base.get(key), Mapping):
            if value is None:
                continue
            if isinstance(value, Mapping):
                value = laid_over(base[key], value)
        result[key] = value
    return result


def _read_entry(entry: str) -> dict[str, Any]:
    key, equals, value = entry.partition("=")
    if not equals:
        raise UserError(
            f"--config takes KEY=VALUE, not {entry!r}; if it is a target, give it "
            "before --config"
        )
    if not re.fullmatch(r"[a-zA-Z_][\w-]*\w", key):
        section, _, name = key.rpartition(".")
        form = f"{section or 'section'}={{{name or 'key'}: {value or 'value'}}}"
        raise UserError(
            f"--config knows no key {key!r}; give what lies in a section as '{form}', "
            "in quotes"
        )
    return {key: parse(value, f"--config {key}")}


def refuse_unreadable(arguments: Sequence[str] | None = None) -> None:
    """End the program with a sentence where Snakemake's command line cannot be read.

    The profiles call it, before Snakemake opens the files that are named there.
    """
    given = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    given.add_argument("--configfile", "--configfiles", nargs="+", default=[])
    given.add_argument("--config", "-C", nargs="*", default=[])
    given.exit_on_error = False
    try:
        known, _ = given.parse_known_args(arguments)
    except argparse.ArgumentError:
        return  # Snakemake says so itself
    try:
        for number, name in enumerate(known.configfile):
            _refuse_file(name, first=number == 0)
        for entry in known.config:
            _read_entry(entry)
    except UserError as error:
        sys.exit(f"error: {error}")


def _refuse_file(name: str, first: bool) -> None:
    """Refuse an overlay; what follows the first may be meant as something to make."""
    try:
        read(Path(name))
    except UserError as error:
        if first:
            raise
        raise UserError(
            f"{error}; if it is a target, give it before --configfile, which takes all "
            "words up to the next option for files"
        ) from None
