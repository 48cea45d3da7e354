"""One round of an experiment as the report sees it: its stores, models and clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.games import GAMES, Game
from worldmodels.experiment.stages import CONFIGURED
from worldmodels.pictures import grids
from worldmodels.pictures.imagery import FittedMemory, FittedVision
from worldmodels.report.membership import check_drivers, check_round
from worldmodels.runtime.randomness import rounds_of
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.stores import networks, searches
from worldmodels.stores.artifact import Artifact, ArtifactError, check_recorded
from worldmodels.stores.lineage import check_distinct
from worldmodels.training import excerpts
from worldmodels.training.excerpts import Excerpt, RolloutFacts

_ONE = ("vision", "memory", "random", "evaluation")  # store a round


class Scores(NamedTuple):
    """Returns on the same unseen tracks; the published score is gymnasium's."""

    agent: Summary  # in gymnasium
    random: Summary  # the random policy's, in gymnasium
    simulator: Summary | None  # the agent's in the simulator, where there is one
    difference: Summary | None  # simulator's less gymnasium's, track by track
    dream: Summary | None = None  # the agent's in M's dream, where it learnt there
    gap: Summary | None = None  # the dream's less the game's, seed by seed


class StageCost(NamedTuple):
    """The time, space and hardware that a stage took in a round."""

    stores: int
    wall_seconds: float
    bytes: int  # on disk
    seeds: list[str]
    compute: list[str]


@dataclass(frozen=True)
class RoundStores:
    """The stores of one round by kind, each in the order of its parts.

    Latents may be of earlier rounds' rollouts too, seen by this round's V.
    """

    number: int
    stores: Mapping[str, list[Artifact]]
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

    def learnt_from(self, kind: str) -> dict[int, int]:
        """Return how many episodes of each round V or M learnt from.

        Empty for a network that was not trained, or where the given stores do not say.
        """
        store = self.one(kind)
        if store is None or not store.config["epochs"]:
            return {}
        if kind == "memory":
            return _episodes(self._inputs([store], "latents"))
        found = self._kept[1] or excerpts.facts(self._inputs([store], "rollouts"))
        return {facts.round: facts.episodes for facts in found}

    @cached_property
    def _kept(self) -> tuple[list[Excerpt], list[RolloutFacts]]:
        """The parts of the rollouts that V's store keeps, and their facts."""
        store = self.one("vision")
        return ([], []) if store is None else excerpts.read(store)

    @cached_property
    def excerpts(self) -> list[Excerpt]:
        """Some episodes of the rollouts, in part; none where no frames are given."""
        given = self.stores.get("rollouts")
        if self._kept[0] or not given:
            return self._kept[0]
        return excerpts.excerpts(excerpts.draw(given, given[0].config["seed"]))

    @cached_property
    def rollout_facts(self) -> RolloutFacts | None:
        """Settings and cost of the round's own rollouts, if they are known."""
        given = excerpts.facts(self.stores.get("rollouts", []))
        known = (f for f in [*given, *self._kept[1]] if f.round == self.number)
        return next(known, None)

    @cached_property
    def episodes(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Length and return of each of the round's own rollouts, if they are known."""
        stores = self.stores.get("rollouts") or [
            store
            for store in self.stores.get("latents", [])
            if self.number in _episodes([store])
        ]
        if not stores:
            return None
        length = np.concatenate([s.read("length") for s in stores])
        return length, np.concatenate([s.read("rewards").sum(axis=1) for s in stores])

    def cost(self, stage: str) -> StageCost | None:
        """Return what a stage took, from V's store where the rollouts are not given."""
        if stores := self.stores.get(stage):
            return StageCost(
                len(stores),
                sum(store.attributes["wall_seconds"] for store in stores),
                sum(store.size() for store in stores),
                sorted({str(s.attributes["seed"]) for s in stores} - {"None"}),
                sorted({s.attributes["compute"] for s in stores}),
            )
        if stage != "rollouts" or self.rollout_facts is None:
            return None
        facts = self.rollout_facts
        seed = str(facts.config.get("seed"))
        return StageCost(
            facts.shards, facts.wall_seconds, facts.bytes, [seed], facts.compute
        )

    def settings(self, stage: str) -> Mapping[str, Any]:
        """Return the settings that a stage of the round was given, if it is known."""
        if stage == "rollouts":
            return {} if self.rollout_facts is None else self.rollout_facts.config
        stores = self.stores.get(stage)
        return stores[0].config if stores else {}

    def _inputs(self, stores: Sequence[Artifact], role: str) -> list[Artifact]:
        """Return what `stores` had as their input `role`; none if any is not given."""
        needed = [p for s in stores for p in s.attributes["inputs"].get(role, ())]
        known = all(provenance in self.given for provenance in needed)
        return [self.given[provenance] for provenance in needed] if known else []

    @cached_property
    def game(self) -> Game:
        """The game that is played."""
        stores = [store for kind in self.stores.values() for store in kind]
        of_rollouts = GAMES.get(self.settings("rollouts").get("environment"))
        games = [*(store.game for store in stores), of_rollouts]
        if not any(games):
            raise ArtifactError(
                f"none of the stores of round {self.number} says which game it is of, "
                f"as {stores[0].path}; give its rollouts, controller or evaluation "
                "too, which do"
            )
        return next(filter(None, games))

    @cached_property
    def vision(self) -> FittedVision | None:
        """V, if its store is given."""
        store = self.one("vision")
        return None if store is None else FittedVision(*networks.load_vision(store))

    @cached_property
    def memory(self) -> FittedMemory | None:
        """M, if its store is given."""
        store = self.one("memory")
        return None if store is None else FittedMemory(*networks.load_memory(store))

    @cached_property
    def scores(self) -> Scores | None:
        """The agent's and the random policy's returns on unseen tracks."""
        store = self.one("evaluation")
        if store is None:
            return None
        agent, random = (store.read(f"{name}/returns") for name in ("agent", "random"))
        scores = Scores(summarise(agent), summarise(random), None, None)
        if store.names("simulator"):
            returns = store.read("simulator/returns")
            scores = scores._replace(
                simulator=summarise(returns), difference=summarise(returns - agent)
            )
        if store.names("dream"):
            returns = store.read("dream/returns")
            scores = scores._replace(
                dream=summarise(returns), gap=summarise(returns - agent)
            )
        return scores

    @property
    def temperature(self) -> float | None:
        """Tau of the dream that C learnt in; None: in the game, or nothing is known."""
        blocks = self.stores.get("controller")
        if not blocks or blocks[0].config.get("train_in") != "dream":
            return None
        return blocks[0].config["temperature"]

    def place(self, kind: str) -> str | None:
        """Return in words where the rollouts or the controller (`kind`) were played."""
        config = self.settings(kind)
        if not config:
            return None
        if kind == "controller" and self.temperature is not None:
            return f"M's dream at temperature {self.temperature:g}"
        return self._played(config)

    @property
    def tested_elsewhere(self) -> str | None:
        """In words where C's means were tested; None: where C learnt, or not known."""
        config = self.settings("controller")
        if self.temperature is None or searches.tested_in_dream(config):
            return None
        return self._played(config)

    def _played(self, config: Mapping[str, Any]) -> str:
        return "the simulator" if config["backend"] == "simulator" else self.game.home


def _episodes(stores: Sequence[Artifact]) -> dict[int, int]:
    """Return how many episodes of each round some stores hold."""
    if not stores:
        return {}
    rounds = np.concatenate([rounds_of(store.read("seed")) for store in stores])
    return dict(zip(*(n.tolist() for n in np.unique_counts(rounds)), strict=True))


@dataclass(frozen=True)
class Clip:
    """Frames with the actions taken on them: something for V and M to look at."""

    name: str
    frames: np.ndarray  # uint8 [T, H, W, 3]
    actions: np.ndarray  # float32 [T, A]
    overview: np.ndarray  # uint8 [C, H, W, 3] spread over the whole of it


def whole_clip(name: str, frames: np.ndarray, actions: np.ndarray) -> Clip:
    """Return a clip of all frames of an episode."""
    overview = frames[grids.spread(len(frames), excerpts.COLUMNS)]
    return Clip(name, frames, actions, overview)


def rollout_clips(round: RoundStores) -> list[Clip]:
    """Return some episodes of a round's rollouts, the first with its beginning."""
    return [Clip(e.name, e.frames, e.actions, e.overview) for e in round.excerpts]


def group(stores: Sequence[Artifact]) -> list[RoundStores]:
    """Return the rounds that `stores`, of any kind and in any order, belong to.

    Raises:
        ArtifactError: for a store that no chapter is about, one that is given twice, or
            stores that do not belong together.
    """
    for store in stores:
        check_recorded(store)
        if store.kind not in CONFIGURED:
            raise ArtifactError(
                f"{store.path} is of kind {store.kind}, which no report is about; give "
                "the stores of a run: " + ", ".join(CONFIGURED)
            )
    check_distinct([s for s in stores if s.kind not in _ONE])
    rounds: dict[int, dict[str, list[Artifact]]] = {}
    for store in sorted(stores, key=_place):
        kinds = rounds.setdefault(store.config["round"], {})
        kinds.setdefault(store.kind, []).append(store)
    given = {store.provenance: store for store in stores}
    for number, kinds in rounds.items():
        check_drivers(kinds.get("rollouts", []), rounds.get(number - 1, {}))
    return [
        RoundStores(number, kinds, given) for number, kinds in sorted(rounds.items())
    ]


def _place(store: Artifact) -> int:
    return store.config.get("shard", store.config.get("block", 0))
