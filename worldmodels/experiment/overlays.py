"""The merged configuration: config.yaml, then the overlays, then the command line.

They are read here because Snakemake reads them otherwise: it takes config.yaml from the
folder that it is called in, an empty section of an overlay removes the whole section,
and nested values of `--config` stay text. Snakemake also opens the overlays before the
Snakefile, and its error does not name the file; the profiles check them first. No JAX
is imported here: the Snakefile reads it.
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
    """Return the merged configuration; the later value of a key wins.

    Args:
        base: the YAML file that holds every key.
        overlays: YAML files that hold the changed keys.
        entries: KEY=VALUE of the command line; the value is YAML.

    Raises:
        UserError: naming the file or entry that cannot be read, or the empty key of
            `base`.
    """
    found = read(base)
    for key, value in found.items():
        if value is None:
            raise UserError(
                f"{base}: {key} is empty; overlays change the values of this file: put "
                "them back"
            )
    return over(found, overlays, entries)


def over(
    found: Mapping[str, Any], overlays: Iterable[Path], entries: Iterable[str]
) -> dict[str, Any]:
    """Return a configuration with overlays and KEY=VALUE entries laid over it.

    Raises:
        UserError: naming the file or entry that cannot be read.
    """
    for overlay in overlays:
        found = laid_over(found, read(overlay))
    for entry in entries:
        found = laid_over(found, _read_entry(entry))
    return dict(found)


def laid_over(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `overlay`; an empty section changes none."""
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
    """End the program with one sentence if an overlay or a `--config` cannot be read.

    The profiles call it before Snakemake opens the files that its command line names.
    """
    given = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    given.add_argument("--configfile", "--configfiles", nargs="+", default=[])
    given.add_argument("--config", "-C", nargs="*", default=[])
    given.exit_on_error = False
    try:
        known, _ = given.parse_known_args(arguments)
    except argparse.ArgumentError:
        return  # Snakemake refuses it itself
    try:
        for number, name in enumerate(known.configfile):
            _refuse_file(name, first=number == 0)
        for entry in known.config:
            _read_entry(entry)
    except UserError as error:
        sys.exit(f"error: {error}")


def _refuse_file(name: str, first: bool) -> None:
    """Refuse an overlay that cannot be read; after the first it may be a target."""
    try:
        read(Path(name))
    except UserError as error:
        if first:
            raise
        raise UserError(
            f"{error}; if it is a target, give it before --configfile, which takes all "
            "words up to the next option for files"
        ) from None
