"""Where the stores lie that others were made from: in the rounds of an experiment.

They are told by their provenance, which those made from them record. A training of an
ablation, or of a temperature, shares what it does not change with another run of its
experiment, in whose folder that lies.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from worldmodels.artifacts import Artifact, ArtifactError

_ABOVE = 4  # folders from the round of an ablation's training up to its experiment


def place_of_input(made: Sequence[Artifact], role: str, home: Path) -> Path:
    """Return the path of the `role` store that one of `made` was made with.

    Args:
        home: the round that they lie in, where it is looked for first.

    Raises:
        ArtifactError: when it is not in the experiment.
    """
    wanted = {p for store in made for p in store.attributes["inputs"].get(role, ())}
    for path in places(wanted, f"{role}.zarr", home):
        return path
    beside = home / f"{role}.zarr"
    if beside.exists():  # what is wrong with it is told when it is opened
        return beside
    raise ArtifactError(
        f"the {role} store that {made[0].path} was made with is not in the rounds of "
        f"its experiment; give it after --{role}"
    )


def places(wanted: Collection[str], pattern: str, home: Path) -> Iterator[Path]:
    """Yield one path of each store with a `wanted` provenance, the nearest.

    Other stores may lie there: of other rounds and runs, or no longer asked for.

    Args:
        pattern: of its name within its round.
        home: the round to begin with.
    """
    missing = set(wanted)
    for path in _candidates(pattern, home):
        if not missing:
            return
        provenance = _provenance(path)
        if provenance in missing:
            missing.remove(provenance)
            yield path


def _candidates(pattern: str, home: Path) -> Iterator[Path]:
    # Without "..", which has no parent among the rounds; links stay what they are.
    home = Path(os.path.abspath(home))
    yield from sorted(home.glob(pattern))
    for folder in home.parents[:_ABOVE]:
        for rounds in ("round-*", "ablations/*/seed-*/round-*"):
            yield from sorted(folder.glob(f"{rounds}/{pattern}"))


def _provenance(path: Path) -> str | None:
    """Return a store's provenance unchecked; None where it is too damaged to have one.

    A damaged store that is not used must refuse nothing.
    """
    try:
        return json.loads((path / "zarr.json").read_text())["attributes"]["provenance"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
