"""A run as it lies on disk: one training, or several that differ in their seed.

The folder of an experiment holds the rounds of one training. Beside them may lie
`seeds/seed-N/`, each with the rounds of one more. A folder without rounds of its own
may hold `seed-N/` at once, as that of an ablation does.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worldmodels.experiment.stages import CONFIGURED
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import attributes
from worldmodels.runtime.wording import one
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.lineage import had_input
from worldmodels.stores.neighbours import place_of_input

Stores = Mapping[str, Sequence[Artifact]]  # of one round, by kind, never an empty list

_SEVERAL = ("rollouts", "latents", "controller")  # stores a round
_LENT = ("vision", "memory")  # may lie in the folder of another training
_EXAMPLE = "give the folder of a run, such as results/default"


@dataclass(frozen=True)
class SeedStores:
    """The stores of one training by round and kind; those that are not there left out.

    Attributes:
        seed: that the training was given; None: no store records it.
        lent: provenances of the stores that lie in another training's folder.
    """

    folder: Path
    seed: int | None
    rounds: Mapping[int, Stores]
    lent: frozenset[str] = frozenset()

    def one(self, round: int, kind: str) -> Artifact | None:
        """Return the only store of a kind in a round, or None."""
        return next(iter(self.rounds.get(round, {}).get(kind, ())), None)

    def stores(self, kind: str) -> Iterator[Artifact]:
        """Yield the stores of a kind of all rounds."""
        for kinds in self.rounds.values():
            yield from kinds.get(kind, ())


@dataclass(frozen=True)
class RunFolder:
    """A run: the trainings of its seeds, in the order of their seeds.

    Attributes:
        unscored: folders of seeds that are left out, for they have no evaluation yet.
    """

    folder: Path
    seeds: tuple[SeedStores, ...]
    unscored: tuple[Path, ...] = ()

    def __iter__(self) -> Iterator[Artifact]:
        """Yield every store."""
        for seed in self.seeds:
            for kinds in seed.rounds.values():
                for stores in kinds.values():
                    yield from stores

    @property
    def rounds(self) -> list[int]:
        """The numbers of the rounds that any of its trainings has begun."""
        return sorted({number for seed in self.seeds for number in seed.rounds})

    def evaluations(self, round: int) -> dict[int | None, Artifact]:
        """Return the evaluations of a round by their trainings' seeds."""
        found = {seed.seed: seed.one(round, "evaluation") for seed in self.seeds}
        return {seed: store for seed, store in found.items() if store is not None}

    @property
    def scored(self) -> list[int]:
        """The numbers of the rounds that any of its trainings was scored after."""
        return [number for number in self.rounds if self.evaluations(number)]


def open_run_folder(folder: Path) -> RunFolder:
    """Open all stores of a run.

    Raises:
        UserError: for a folder that is no run, stores of one round that do not belong
            together, or two trainings of one seed.
        ArtifactError: for a store that is damaged or not complete.
    """
    _refuse_other(folder)
    own = [folder] if _rounds(folder) else []
    below = _seed_folders(folder if not own else folder / "seeds")
    below += _seed_folders(folder / "seeds") if not own else []
    scored = [path for path in below if any(path.glob("round-*/evaluation.zarr"))]
    if below and not own and not scored:
        raise UserError(
            f"none of the seeds in {folder} has an evaluation yet; finish one, or give "
            f"the folder of one, such as {below[0]}"
        )
    if not own and not scored:
        raise UserError(f"{folder} holds no rounds of a run; {_EXAMPLE}")
    seeds = [_open_seed(path) for path in (*own, *scored)]
    seeds = [seed for seed in seeds if seed.rounds]
    if not seeds:
        raise UserError(
            f"{folder} holds no store yet; run its first stages, or {_EXAMPLE}"
        )
    _refuse_twice(seeds)
    seeds.sort(key=lambda seed: -1 if seed.seed is None else seed.seed)
    left_out = [path for path in below if path not in scored]
    return RunFolder(folder, tuple(seeds), tuple(left_out))


def _refuse_other(folder: Path) -> None:
    """Refuse what is no folder of a run, and say what it is."""
    if not folder.exists():
        raise UserError(f"{folder} does not exist; {_EXAMPLE}")
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; {_EXAMPLE}")
    if kind := attributes(folder).get("kind"):
        of = "that it was exported from" if kind == "agent" else "that it is of"
        raise UserError(
            f"{folder} is {one(str(kind))} store and runs are compared; give the "
            f"folder of the run {of}, such as results/default"
        )
    if re.fullmatch(r"round-\d+", folder.absolute().name):
        raise UserError(
            f"{folder} is one round of a run; give the folder of the run, "
            f"{folder.absolute().parent}"
        )


def _rounds(folder: Path) -> dict[int, Path]:
    """Return the folders of rounds in a folder, by their numbers."""
    found = {
        int(path.name.removeprefix("round-")): path
        for path in folder.glob("round-*")
        if re.fullmatch(r"round-\d{1,3}", path.name) and path.is_dir()
    }
    return dict(sorted(found.items()))


def _seed_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("seed-*") if _rounds(path))


def _open_seed(folder: Path) -> SeedStores:
    rounds, lent, places = {}, set(), _rounds(folder)
    opened = {
        number: {kind: made for kind in CONFIGURED if (made := _opened(place, kind))}
        for number, place in places.items()
    }
    for number, place in places.items():
        stores = _of_one_search(opened[number], opened.get(number + 1, {}))
        for kind in _LENT:
            if kind not in stores and (borrowed := _borrowed(stores, kind, place)):
                stores[kind] = [borrowed]
                lent.add(borrowed.provenance)
        _refuse_strangers(stores)
        if stores:
            rounds[number] = stores
    return SeedStores(folder, _seed(rounds), rounds, frozenset(lent))


def _opened(place: Path, kind: str) -> list[Artifact]:
    pattern = f"{kind}/*.zarr" if kind in _SEVERAL else f"{kind}.zarr"
    return [open_artifact(path, kind) for path in sorted(place.glob(pattern))]


def _of_one_search(
    stores: dict[str, list[Artifact]], later: Stores
) -> dict[str, list[Artifact]]:
    """Leave out blocks of generations that are of no use any more.

    They were made for more generations than are asked for now, or for an earlier search
    that is being made anew.

    Args:
        later: stores of the next round, which a round without a score is known by.
    """
    blocks, scored = stores.get("controller"), stores.get("evaluation")
    if not blocks:
        return stores
    if not scored:
        chosen = _made_with(later, blocks) or _in_a_row(blocks)
        return stores | {"controller": chosen}
    chosen = [block for block in blocks if had_input(scored[0], "controller", block)]
    if len(chosen) < len(scored[0].attributes["inputs"].get("controller", ())):
        raise _unfinished(scored[0], "other generations than lie beside it")
    return stores | {"controller": chosen}


def _made_with(later: Stores, blocks: Sequence[Artifact]) -> list[Artifact]:
    """Return the blocks that a round was made with; none where it does not say."""
    for kind, role in (("rollouts", "controller"), ("controller", "start")):
        for store in later.get(kind, ())[:1]:
            chosen = [block for block in blocks if had_input(store, role, block)]
            if len(chosen) == len(store.attributes["inputs"].get(role, ())):
                return chosen
    return []


def _in_a_row(blocks: Sequence[Artifact]) -> list[Artifact]:
    """Return the blocks from the first on, as far as each goes on from the last."""
    chosen = [*blocks[:1]]
    for block in blocks[1:]:
        if not had_input(block, "previous", chosen[-1]):
            break
        chosen.append(block)
    return chosen


def _borrowed(stores: Stores, kind: str, place: Path) -> Artifact | None:
    """Return the V or M of a round whose store lies in another training's folder."""
    made = [*stores.get("controller", ()), *stores.get("evaluation", ())]
    if not made:
        return None
    try:
        path = place_of_input(made, kind, place)
    except ArtifactError:  # it is nowhere near
        return None
    return open_artifact(path, kind)


def _refuse_strangers(stores: Stores) -> None:
    """Refuse a round that is in the middle of being made anew."""
    for made in (*stores.get("controller", ()), *stores.get("evaluation", ())):
        for role in _LENT:
            for given in stores.get(role, ()):
                if not had_input(made, role, given):
                    raise _unfinished(made, f"another {role} store than {given.path}")


def _unfinished(made: Artifact, what: str) -> UserError:
    return UserError(
        f"{made.path} was made with {what}: the run is being made anew; finish it with "
        "its snakemake command, then compare"
    )


def _seed(rounds: Mapping[int, Stores]) -> int | None:
    """Return the seed that the stores of a training record, the scores' first."""
    for kind in reversed(CONFIGURED):
        for stores in rounds.values():
            for store in stores.get(kind, ()):
                if (seed := store.config.get("seed")) is not None:
                    return seed
    return None


def _refuse_twice(seeds: Sequence[SeedStores]) -> None:
    known: dict[int | None, SeedStores] = {}
    for seed in seeds:
        before = known.setdefault(seed.seed, seed)
        if before is not seed:
            raise UserError(
                f"{before.folder} and {seed.folder} are both trainings of seed "
                f"{seed.seed}; give one of them"
            )


def labels(folders: Sequence[Path]) -> list[str]:
    """Return a name for each folder: the part of its path that no other has.

    Raises:
        UserError: for a folder that is given twice.
    """
    places = [Path(os.path.realpath(folder)).parts for folder in folders]
    for n, place in enumerate(places):
        if place in places[:n]:
            raise UserError(f"{folders[n]} is given twice; give each run once")
    return [_label(place, places) for place in places]


def _label(place: tuple[str, ...], places: Sequence[tuple[str, ...]]) -> str:
    """Return the last folder that one path alone has, or its end that no other has."""
    for folder in reversed(place):
        if sum(folder in other for other in places) == 1:
            return folder
    count = 1
    while sum(other[-count:] == place[-count:] for other in places) > 1:
        count += 1
    return str(Path(*place[-count:]))
