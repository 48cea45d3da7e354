"""Stores that lie near the given ones, found to check what those do not record.

They only add checks: one that is gone, moved or damaged is passed over.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.games import IMPORTED, Game, View
from worldmodels.experiment.settings import Environment
from worldmodels.experiment.worlds import check_world, spec_of
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

    What a training of an ablation, a temperature or a cell does not change it shares
    with the experiment's training of the same seed, in whose folder that lies, the same
    round's first. In earlier versions that of ablations was an ablation itself.
    """
    # Without "..", which has no parent among the rounds; links stay what they are.
    home = Path(os.path.abspath(home))
    yield from sorted(home.glob(pattern))
    for folder in home.parents[:_ABOVE]:
        for rounds in ("round-*", "seeds/seed-*/round-*", "ablations/*/seed-*/round-*"):
            found = folder.glob(f"{rounds}/{pattern}")
            yield from sorted(found, key=lambda p: (home.name not in p.parts, p))


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


def check_vision_of_memory(vision: Artifact, memory: Artifact) -> None:
    """Check that M learnt from this V's latents, as far as those are found.

    Raises:
        ArtifactError: naming both and a latents store.
    """
    lineage.check_vision_of_memory(vision, memory, _whole(inputs_of(memory, "latents")))


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


def game_of(*stores: Artifact) -> Game | None:
    """Return the one game that stores are of; None: nothing that is found tells.

    V, latents and M of earlier versions do not say it; what they were made from does.

    Raises:
        ArtifactError: naming two stores of two games.
    """
    known: list[tuple[Artifact, Game]] = []
    for store in stores:
        if (game := _game(store)) is None:
            continue
        known.append((store, game))
        (first, of_first), *_ = known
        if game.world != of_first.world:
            names = [g.label for g in (of_first, game)]
            if names[0] == names[1]:
                names = [f"{g.label} with {_told(g)}" for g in (of_first, game)]
            raise ArtifactError(
                f"{first.path} is of {names[0]} and {store.path} of {names[1]}; give "
                "stores of one game"
            )
    return known[0][1] if known else None


def _game(store: Artifact) -> Game | None:
    """Return the game of a store, or of a rollouts store that lies behind it."""
    if store.game is not None:
        return store.game
    for role in ("latents", "rollouts"):
        if (source := next(_whole(inputs_of(store, role)), None)) is not None:
            return _game(source)
    return None


def _told(game: Game) -> str:
    """Return what two versions of one world may differ in."""
    return f"{len(game.actions)} numbers of an action, {_look(game.view, game)}"


def _look(view: View, world: Game | EnvironmentSpec) -> str:
    return (
        f"view {view.name}, crop {list(view.crop)}, size {view.size} and frame_skip "
        f"{world.frame_skip}"
    )


def check_settings(settings: Environment, *stores: Artifact) -> Game:
    """Return the game that settings ask for, which stores must be of.

    Raises:
        ArtifactError: when they are of another game, or of a person's own episodes.
        UserError: for settings that name no world, or, where no store tells of it, a
            world that cannot be built.
    """
    check_world(settings)
    spec = spec_of(settings)
    game = game_of(*stores)
    if game is None:
        return spec.game
    if game.name == IMPORTED:
        raise ArtifactError(
            f"{stores[0].path} is of imported episodes, and there is no game in which "
            "C could act and be scored; V, M and M's dreams are what can be made of "
            "them (the target memory)"
        )
    asked = spec.name, spec.id, spec.seen, spec.frame_skip
    if asked != (game.name, game.id, game.view, game.frame_skip):
        store = next(store for store in stores if _game(store) is not None)
        raise ArtifactError(
            f"{store.path} is of {game.label} ({_look(game.view, game)}) and the "
            f"settings ask for {spec.id or spec.name} ({_look(spec.seen, spec)}); give "
            "stores of the same game and view"
        )
    return game
