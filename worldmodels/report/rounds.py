"""One round of an experiment as the report sees it: its stores, models and clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from worldmodels import trained
from worldmodels.artifacts import Artifact, ArtifactError, check_recorded
from worldmodels.environments.games import CARRACING, Game, game_of
from worldmodels.imagery import Eyes, Mind
from worldmodels.lineage import check_distinct
from worldmodels.report.belonging import check_drivers, check_round
from worldmodels.statistics import Summary, summarise

_CLIPS = 4
_ONE = ("vision", "memory", "evaluation")  # store a round
_KINDS = ("rollouts", "vision", "latents", "memory", "controller", "evaluation")

Stores = dict[str, list[Artifact]]


class Scores(NamedTuple):
    """Returns on the same unseen tracks; the published score is gymnasium's."""

    agent: Summary  # in gymnasium
    random: Summary  # the random policy's, in gymnasium
    simulator: Summary | None  # the agent's in the simulator, where there is one
    difference: Summary | None  # simulator's less gymnasium's, track by track
    dream: Summary | None = None  # the agent's in M's dream, where it learnt there
    gap: Summary | None = None  # the dream's less the game's, seed by seed


@dataclass(frozen=True)
class Round:
    """The stores of one round by kind, each in the order of its parts.

    Latents may be of earlier rounds' rollouts too, seen by this round's V.
    """

    number: int
    stores: Stores
    given: Mapping[str, Artifact] = field(default_factory=dict)  # all, by provenance

    def __post_init__(self):
        for kind in _ONE:
            if len(found := self.stores.get(kind, [])) > 1:
                raise ArtifactError(
                    f"{found[0].path} and {found[1].path} are both the {kind} store of "
                    f"round {self.number}; report on one experiment at a time"
                )
        check_round(self.stores, self.given)

    def one(self, kind: str) -> Artifact | None:
        """Return the only store of a kind, or None."""
        return next(iter(self.stores.get(kind, [])), None)

    def learnt_from(self, kind: str) -> list[Artifact]:
        """Return the rollouts that V or M learnt from, of earlier rounds too.

        Empty where it was left as it was, or where not all of them are given.
        """
        store = self.one(kind)
        if store is None or not store.config["epochs"]:
            return []
        made = [store] if kind == "vision" else self._inputs([store], "latents")
        return self._inputs(made, "rollouts")

    def _inputs(self, stores: Sequence[Artifact], role: str) -> list[Artifact]:
        """Return what `stores` had as their input `role`; none if any is not given."""
        needed = [p for s in stores for p in s.attributes["inputs"].get(role, ())]
        known = all(provenance in self.given for provenance in needed)
        return [self.given[provenance] for provenance in needed] if known else []

    @cached_property
    def game(self) -> Game:
        """The game that is played."""
        stores = (store for kind in self.stores.values() for store in kind)
        names = (store.config.get("environment") for store in stores)
        return game_of(next(filter(None, names), CARRACING.name))

    @cached_property
    def eyes(self) -> Eyes | None:
        store = self.one("vision")
        return None if store is None else Eyes(*trained.load_vision(store))

    @cached_property
    def mind(self) -> Mind | None:
        store = self.one("memory")
        return None if store is None else Mind(*trained.load_memory(store))

    @cached_property
    def scores(self) -> Scores | None:
        """The agent's and the random policy's returns on unseen tracks."""
        store = self.one("evaluation")
        if store is None:
            return None
        agent, random = (store.read(f"{who}/returns") for who in ("agent", "random"))
        told = Scores(summarise(agent), summarise(random), None, None)
        if store.names("simulator"):
            returns = store.read("simulator/returns")
            told = told._replace(
                simulator=summarise(returns), difference=summarise(returns - agent)
            )
        if store.names("dream"):
            returns = store.read("dream/returns")
            told = told._replace(
                dream=summarise(returns), gap=summarise(returns - agent)
            )
        return told

    @property
    def temperature(self) -> float | None:
        """Tau of the dream that C learnt in; None: in the game, or nothing is known."""
        blocks = self.stores.get("controller")
        if not blocks or blocks[0].config.get("train_in") != "dream":
            return None
        return blocks[0].config["temperature"]

    def place(self, kind: str) -> str | None:
        """Return where `kind`, rollouts or controller, was played, as words."""
        if kind not in self.stores:
            return None
        if kind == "controller" and self.temperature is not None:
            return f"M's dream at temperature {self.temperature:g}"
        config = self.stores[kind][0].config
        return "the simulator" if config["backend"] == "simulator" else self.game.home


@dataclass(frozen=True)
class Clip:
    """Frames with the actions taken on them: something for V and M to look at."""

    name: str
    frames: np.ndarray  # uint8 [T, 64, 64, 3]
    actions: np.ndarray  # float32 [T, A]


def rollout_clips(round: Round) -> list[Clip]:
    """Return up to four episodes of the round's first shard of rollouts."""
    stores = round.stores.get("rollouts")
    if not stores:
        return []
    store = stores[0]
    length = store.read("length")
    return [
        Clip(
            f"rollout {n}",
            store.read("frames", n)[: length[n]],
            store.read("actions", n)[: length[n]],
        )
        for n in range(min(_CLIPS, len(length)))
    ]


def group(stores: Sequence[Artifact]) -> list[Round]:
    """Return the rounds that `stores`, of any kind and in any order, belong to.

    Raises:
        ArtifactError: for a store that no chapter is about, one that is given twice, or
            stores that do not belong together.
    """
    for store in stores:
        check_recorded(store)
        if store.kind not in _KINDS:
            raise ArtifactError(
                f"{store.path} is of kind {store.kind}, which no report is about; give "
                "the stores of a run: " + ", ".join(_KINDS)
            )
    check_distinct([s for s in stores if s.kind not in _ONE])
    rounds: dict[int, Stores] = {}
    for store in sorted(stores, key=_place):
        kinds = rounds.setdefault(store.config["round"], {})
        kinds.setdefault(store.kind, []).append(store)
    given = {store.provenance: store for store in stores}
    for number, kinds in rounds.items():
        check_drivers(kinds.get("rollouts", []), rounds.get(number - 1, {}))
    return [Round(number, kinds, given) for number, kinds in sorted(rounds.items())]


def _place(store: Artifact) -> int:
    return store.config.get("shard", store.config.get("block", 0))
