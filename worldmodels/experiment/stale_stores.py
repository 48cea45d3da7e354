"""Stores that lie where another is asked for: what they record is compared with it.

Snakemake sees a changed setting by its own notes in `.snakemake`. Where those are lost,
as in a copy without dot files, or set anew by `--touch`, only the stores themselves can
tell. Their zarr.json alone is read. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldmodels.environments.games import IMPORTED
from worldmodels.experiment.earlier_stores import EARLIER
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import attributes

_SHOWN = 3  # stores that a sentence names


@dataclass(frozen=True)
class Asked:
    """What one store is to be.

    Attributes:
        path: where it lies.
        made_by: the rule that makes it.
        version: of its stage.
        config: the settings that it is to record, and perhaps others besides.
        inputs: the paths of the stores that it is to be made from.
    """

    path: str
    made_by: str
    version: int
    config: Mapping[str, Any]
    inputs: Sequence[str]


def refuse(asked: Iterable[Asked]) -> None:
    """Refuse stores that record something else than what is asked for.

    What is missing or no store is let pass: its own stage speaks of it.

    Raises:
        UserError: naming the first of them, what differs, and what to do.
    """
    recorded = _Recorded()
    found = [(want, why) for want in asked if (why := _difference(want, recorded))]
    found.sort(key=lambda one: one[0].path)
    if not found:
        return
    shown = [f"{want.path} ({why})" for want, why in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"{len(found) - _SHOWN} more")
    rules = dict.fromkeys(want.made_by for want, _ in found)
    raise UserError(
        f"not what is asked for: {', '.join(shown)}; delete it, or give --forcerun "
        f"{' '.join(rules)} to have it made again, or ask for what it is"
    )


class _Recorded:
    """The attributes of stores, each read once."""

    def __init__(self):
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, path: str) -> Mapping[str, Any]:
        """Return what the store at `path` records; nothing where there is none."""
        if path not in self._known:
            self._known[path] = _attributes(Path(path))
        return self._known[path]


def _attributes(store: Path) -> Mapping[str, Any]:
    found = attributes(store)
    tables = all(isinstance(found.get(name), dict) for name in ("config", "inputs"))
    return found if tables else {}


def _difference(want: Asked, recorded: _Recorded) -> str:
    """Return the first thing in which a store differs from what is asked, or ""."""
    found = recorded.of(want.path)
    if not found:
        return ""
    there = EARLIER | found["config"] | {"stage_version": found.get("stage_version")}
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


def _other_inputs(want: Asked, hashes: Mapping[str, Any], recorded: _Recorded) -> str:
    """Return which input is another than the store was made from, or ""."""
    made_from, paths = set(_flat(hashes)), dict.fromkeys(want.inputs)
    for path in paths:
        provenance = recorded.of(path).get("provenance")
        if isinstance(provenance, str) and provenance not in made_from:
            return f"it was not made from {path} as it is now"
    if len(paths) != len(made_from):  # Snakemake does not miss an input that is gone
        return f"it was made from {len(made_from)} stores, {len(paths)} are asked for"
    return ""


def _flat(hashes: Mapping[str, Any]) -> Iterator[str]:
    for given in hashes.values():
        for entry in given if isinstance(given, list) else [given]:
            yield str(entry)
