"""With which versions and processors the trainings of several seeds were made.

Where they differ, the spread over seeds is also one of versions and machines, which
the page and the table state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worldmodels.runtime.printable import printable
from worldmodels.stores.artifact import Artifact

Training = int | str  # its seed, and what else tells it from others
Stores = Mapping[Training, Sequence[Artifact]]


@dataclass(frozen=True)
class Making:
    """One thing that decides how numbers are computed, over all seeds."""

    name: str
    seeds: Mapping[str, list[Training]]  # that have each value in some store
    alike: bool  # whether each stage of each round had the same in all seeds

    @property
    def difference(self) -> str:
        """Which seeds had which value, in words."""
        everywhere = {tuple(seeds) for seeds in self.seeds.values()}
        if len(everywhere) == 1:  # not in the same stages
            return f"{self.name} {' and '.join(self.seeds)}, each in other stages"
        return f"{self.name} " + ", ".join(
            f"{value} (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))})"
            for value, seeds in self.seeds.items()
        )


def sentence(making: Sequence[Making]) -> str:
    """Return plainly whether all trainings were made alike, and else what differs."""
    unlike = [made.difference for made in making if not made.alike]
    if not unlike:
        return (
            "All trainings were made with the same versions, on as many devices of one "
            "kind of machine."
        )
    return (
        "The trainings were NOT all made alike, so that they differ by more than their "
        f"seeds: {'; '.join(unlike)}."
    )


def of_seeds(stores: Stores) -> list[Making]:
    """Return what the stores of several seeds were made with."""
    facts = {
        seed: [(_place(store), _facts(store)) for store in made]
        for seed, made in stores.items()
    }
    names = dict.fromkeys(n for made in facts.values() for _, f in made for n in f)
    return [_making(name, facts) for name in names]


def _making(name: str, facts: Mapping[Training, Sequence[tuple]]) -> Making:
    seeds: dict[str, list[Training]] = {}
    places = []
    for seed, made in facts.items():
        had = {(place, found[name]) for place, found in made if name in found}
        places.append(had)
        for value in dict.fromkeys(value for _, value in sorted(had)):
            seeds.setdefault(value, []).append(seed)
    return Making(name, seeds, all(had == places[0] for had in places))


def _place(store: Artifact) -> tuple[int, str]:
    return store.config["round"], store.kind


def _facts(store: Artifact) -> dict[str, str]:
    attributes = store.attributes
    commit = attributes["commit"][:10]
    facts = {
        "worldmodels": attributes["version"] + (f" ({commit})" if commit else ""),
        "computed on": attributes["compute"],
        "machine": attributes.get("machine", "not recorded"),  # by earlier versions
        **attributes["libraries"],
    }
    return {printable(name): printable(value) for name, value in facts.items()}
