"""Stores that lie near the given ones, found to check what those do not record.

They only add checks: one that is gone, moved or damaged is passed over.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from worldmodels.runtime.json_files import attributes
from worldmodels.stores import lineage
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact

_ABOVE = 4  # folders, from the round of an ablation's training to its experiment


def inputs_of(made: Artifact, role: str) -> Iterator[Path]:
    """Yield the stores in the rounds of an experiment that `made` had as input `role`.

    Args:
        role: latents or rollouts, the name of their folder too.
    """
    wanted = made.attributes["inputs"].get(role, ())
    yield from _places(wanted, f"{role}/*.zarr", made.path.parent)


def place_of_input(made: Sequence[Artifact], role: str, home: Path) -> Path:
    """Return the path of the V or M that one of `made` was made with.

    Args:
        role: vision or memory.
        home: the round that they lie in, where it is looked for first.

    Raises:
        ArtifactError: when it is not in the rounds of the experiment.
    """
    wanted = {p for store in made for p in store.attributes["inputs"].get(role, ())}
    for path in _places(wanted, f"{role}.zarr", home):
        return path
    beside = home / f"{role}.zarr"
    if beside.exists():  # opening it finds what is wrong with it
        return beside
    raise ArtifactError(
        f"the {role} store that {made[0].path} was made with is not in the rounds of "
        f"its experiment; give it after --{role}"
    )


def _places(wanted: Collection[str], pattern: str, home: Path) -> Iterator[Path]:
    """Yield one path, the nearest, of each store with a `wanted` provenance.

    Others may lie there: of other rounds and runs, or no longer asked for.
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
    """Yield what lies in this round, in others of its run, then of its experiment.

    What a training of an ablation or of a temperature does not change it shares with
    another run, in whose folder that lies.
    """
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
    provenance = attributes(path).get("provenance")
    return provenance if isinstance(provenance, str) else None


def _whole(paths: Iterator[Path]) -> Iterator[Artifact]:
    for path in paths:
        try:
            yield open_artifact(path)
        except ArtifactError:
            continue


def check_eyes(vision: Artifact, memory: Artifact) -> None:
    """Check that M learnt from this V's latents, as far as those are found.

    Raises:
        ArtifactError: naming both and a latents store.
    """
    lineage.check_eyes(vision, memory, _whole(inputs_of(memory, "latents")))


def check_one_vision(latents: Sequence[Artifact]) -> None:
    """Check that all latents are of one V, which later rounds may have kept.

    Raises:
        ArtifactError: naming two of different V's, or of V's that are not found.
    """
    makers = {p for s in latents for p in s.attributes["inputs"].get("vision", ())}
    if len(makers) < 2:
        return
    homes = {Path(os.path.abspath(s.path)).parent.parent for s in latents}
    beside = (home / "vision.zarr" for home in sorted(homes))
    found = _whole(path for path in beside if _provenance(path) in makers)
    lineage.check_one_vision(latents, list(found))


def check_game(vision: Artifact, rollouts: Artifact) -> None:
    """Check that V learnt from rollouts of the same game, as far as those are found.

    Raises:
        ArtifactError: naming both and a rollouts store.
    """
    if lineage.had_input(vision, "rollouts", rollouts):
        return
    for store in _whole(inputs_of(vision, "rollouts")):
        games = [s.config["environment"] for s in (store, rollouts)]
        if games[0] != games[1]:
            raise ArtifactError(
                f"{vision.path} learnt from {store.path}, which is of {games[0]}, and "
                f"{rollouts.path} is of {games[1]}; give the vision store of the same "
                "game"
            )
        return
