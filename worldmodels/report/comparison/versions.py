"""Which versions, and on what machine, the stores of runs were made with."""

from collections.abc import Iterator

from worldmodels.experiment.stages import CONFIGURED
from worldmodels.report.comparison.runs import Compared
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.run_folders import RunFolder

Rows = list[tuple[str, ...]]


def versions(compared: Compared) -> tuple[Rows, Rows]:
    """Return the rows of what differs between runs, and of what is the same in all.

    A row is a name and each run's versions. A stage's version and devices are compared
    where runs have come to it.
    """
    found = [_of_run(run) for _, run in compared.runs]
    names = dict.fromkeys(name for known in found for name in known)
    rows = [
        (name, *("; ".join(known.get(name, ())) for known in found)) for name in names
    ]
    differ = [row for row in rows if len({*row[1:]} - {""}) > 1]
    return differ, [row for row in rows if row not in differ]


def _of_run(run: RunFolder) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for store in sorted(run, key=lambda store: CONFIGURED.index(store.kind)):
        for name, version in _of_store(store):
            versions = known.setdefault(name, [])
            if version not in versions:
                versions.append(version)
    return known


def _of_store(store: Artifact) -> Iterator[tuple[str, str]]:
    facts = store.attributes
    yield "worldmodels", facts["version"]
    yield "commit", facts["commit"][:10] or "none"
    yield from facts["libraries"].items()
    yield f"version of {store.kind}", str(facts["stage_version"])
    yield f"devices of {store.kind}", facts["compute"]
    if machine := facts.get("machine"):  # earlier versions do not say
        yield "machine", machine
