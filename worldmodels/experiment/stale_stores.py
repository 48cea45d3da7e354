"""Stale stores: those that do not record the settings that are asked for now.

Snakemake notices a changed setting by its own notes in `.snakemake`. A copy without dot
files has no notes, and `--touch` writes new ones; then only the stores record how they
were made. Of each store only its zarr.json is read. No JAX is imported here: the
Snakefile reads it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worldmodels.environments.games import IMPORTED
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import attributes

_SHOWN = 3  # stores that a sentence names


@dataclass(frozen=True)
class Expected:
    """What a store must record to be current.

    Attributes:
        path: where the store lies.
        made_by: the rule that makes it.
        version: the version of its stage.
        config: settings; the store may record others too.
        before: the values of settings that a store lacks because it is older than them.
        inputs: the paths of the stores that it was made from.
    """

    path: str
    made_by: str
    version: int
    config: Mapping[str, Any]
    inputs: Sequence[str]
    before: Mapping[str, Any] = field(default_factory=dict)


def refuse(expected: Iterable[Expected]) -> None:
    """Refuse stores that record something else than is expected of them.

    A path without a store passes: the stage that reads it reports it.

    Raises:
        UserError: naming the first of them, what differs, and what to do.
    """
    recorded = _Recorded()
    found = [(want, why) for want in expected if (why := _difference(want, recorded))]
    found.sort(key=lambda one: one[0].path)
    if not found:
        return
    shown = [f"{want.path} ({why})" for want, why in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"{len(found) - _SHOWN} more")
    rules = dict.fromkeys(want.made_by for want, _ in found)
    raise UserError(
        f"not what the configuration asks for: {', '.join(shown)}; delete it, or give "
        f"--forcerun {' '.join(rules)} to make it again, or change the configuration "
        "back"
    )


def made_without(path: str, role: str, version: int) -> bool:
    """Return whether a store of this version of its stage had no input `role`."""
    found = _attributes(Path(path))
    return found.get("stage_version") == version and not found["inputs"].get(role)


class _Recorded:
    """The attributes of stores, each read once."""

    def __init__(self):
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, path: str) -> Mapping[str, Any]:
        """Return what the store at `path` records; empty where there is no store."""
        if path not in self._known:
            self._known[path] = _attributes(Path(path))
        return self._known[path]


def _attributes(store: Path) -> Mapping[str, Any]:
    found = attributes(store)
    tables = all(isinstance(found.get(name), dict) for name in ("config", "inputs"))
    return found if tables else {}


def _difference(want: Expected, recorded: _Recorded) -> str:
    """Return the first difference between a store and what is expected, or ""."""
    found = recorded.of(want.path)
    if not found:
        return ""
    there = {**want.before, **found["config"]}
    there["stage_version"] = found.get("stage_version")
    here = {**want.config, "stage_version": want.version}
    if want.config.get("policy") == IMPORTED:
        # A person made it, of episodes that no other setting speaks of.
        here = {name: here[name] for name in ("policy", "round", "shard")}
    for name, value in here.items():
        if name not in there:
            return f"{name} is not recorded there and {value} here"
        if there[name] != value:
            return f"{name} is {there[name]} there and {value} here"
    return _other_inputs(want, found["inputs"], recorded)


def _other_inputs(
    want: Expected, hashes: Mapping[str, Any], recorded: _Recorded
) -> str:
    """Return which input is not the one that the store was made from, or ""."""
    made_from, paths = set(_flat(hashes)), dict.fromkeys(want.inputs)
    for path in paths:
        provenance = recorded.of(path).get("provenance")
        if isinstance(provenance, str) and provenance not in made_from:
            return f"it was not made from {path} as it is now"
    if len(paths) != len(made_from):  # Snakemake does not notice a removed input
        return f"it was made from {len(made_from)} stores, {len(paths)} are asked for"
    return ""


def _flat(hashes: Mapping[str, Any]) -> Iterator[str]:
    for given in hashes.values():
        for entry in given if isinstance(given, list) else [given]:
            yield str(entry)
