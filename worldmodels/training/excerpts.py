"""What V's store keeps of the rollouts that V learnt from: enough for the report.

Rollouts take most of a run's disk and may be freed once V and the latents are finished.
The latents have the numbers of every step; a few frames, and the settings and the cost
of the rollouts, stay in V's store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from worldmodels.pictures import grids
from worldmodels.runtime.randomness import generator_for, rounds_of
from worldmodels.stores import layouts, metadata
from worldmodels.stores.artifact import Artifact, ArtifactError, Settings
from worldmodels.training.datasets import HELD_OUT, StoredEpisodes, held_out_order

COLUMNS = 12  # frames that show a whole episode
_EPISODES = 4
_STEPS = 300  # of the first episode without a gap, at most
_FACTS = "rollouts"  # the attribute of the frames that holds the facts
_AXES = {
    "frames": ("frame", "y", "x", "channel"),
    "actions": ("frame", "action"),
    "rewards": ("frame",),
    "number": ("frame",),
    "step": ("frame",),
    "seed": ("episode",),
    "length": ("episode",),
    "shard": ("episode",),
    "place": ("episode",),
}


class Sample(NamedTuple):
    """Some steps of C episodes, S in all, in the order of episodes and of time."""

    frames: np.ndarray  # uint8 [S, H, W, 3]
    actions: np.ndarray  # float32 [S, A]
    rewards: np.ndarray  # float32 [S]
    number: np.ndarray  # int [S] which of the C episodes
    step: np.ndarray  # int [S] which step of it
    seed: np.ndarray  # int64 [C]
    length: np.ndarray  # int32 [C] steps in the whole episode
    shard: np.ndarray  # int [C] the number of the store that it was in
    place: np.ndarray  # int [C] its place there


class RolloutFacts(NamedTuple):
    """Settings and cost of the rollouts of one round, as JSON values."""

    round: int
    shards: int
    episodes: int
    wall_seconds: float  # of all shards together
    bytes: int  # on disk, while they are there
    compute: list[str]
    config: Mapping[str, Any]  # the settings that all shards share


@dataclass(frozen=True)
class Excerpt:
    """The beginning of an episode, and some frames of all of it."""

    name: str
    seed: int
    length: int  # steps in the whole episode
    frames: np.ndarray  # uint8 [T, H, W, 3]
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T]
    overview: np.ndarray  # uint8 [<= COLUMNS, H, W, 3] spread over its time


def draw(shards: Sequence[Artifact], seed: int) -> Sample:
    """Return the sample of the rollouts of one round.

    It begins with the first episode that is held out from M in a run of this seed, if
    any is: its film then shows what M never learnt from.
    """
    episodes = StoredEpisodes(shards)
    round = int(rounds_of(episodes.seed[:1])[0])
    order = held_out_order(episodes.seed, round, generator_for(seed, round, HELD_OUT))
    others = [n for n in range(len(episodes)) if n != order[0]]
    chosen = [int(order[0]), *others[: _EPISODES - 1]]
    length = episodes.length[chosen]
    steps = [grids.spread(n, COLUMNS) for n in length.tolist()]
    steps[0] = np.union1d(steps[0], np.arange(min(length[0], _STEPS)))
    parts = (
        [episodes.read(name, n)[s] for n, s in zip(chosen, steps, strict=True)]
        for name in ("frames", "actions", "rewards")
    )
    number = np.repeat(np.arange(len(chosen)), [len(s) for s in steps])
    shard, place = np.transpose([episodes.place[n] for n in chosen])
    return Sample(
        *(np.concatenate(part) for part in parts),
        number=number,
        step=np.concatenate(steps),
        seed=episodes.seed[chosen],
        length=length,
        shard=np.array([s.config["shard"] for s in shards])[shard],
        place=place,
    )


def excerpts(sample: Sample) -> list[Excerpt]:
    """Return what a sample has of each of its episodes."""
    return [_excerpt(sample, n) for n in range(len(sample.seed))]


def _excerpt(sample: Sample, number: int) -> Excerpt:
    inside = sample.number == number
    step, frames = sample.step[inside], sample.frames[inside]
    length = int(sample.length[number])
    begun = step == np.arange(len(step))  # up to the first gap
    shown = np.isin(step, grids.spread(length, COLUMNS))
    if not (begun.any() and shown.any()):
        raise ValueError(f"there is no frame of episode {number}")
    return Excerpt(
        name=f"rollout {sample.place[number]} of shard {sample.shard[number]}",
        seed=int(sample.seed[number]),
        length=length,
        frames=frames[begun],
        actions=sample.actions[inside][begun],
        rewards=sample.rewards[inside][begun],
        overview=frames[shown],
    )


def facts(shards: Sequence[Artifact]) -> list[RolloutFacts]:
    """Return settings and cost of rollouts, one entry a round, in the order given."""
    return [
        RolloutFacts(
            round,
            len(some),
            sum(s.array("length").shape[0] for s in some),
            sum(s.attributes["wall_seconds"] for s in some),
            sum(s.size() for s in some),
            sorted({s.attributes["compute"] for s in some}),
            _shared(some[0]),
        )
        for round, some in by_round(shards).items()
    ]


def _shared(shard: Artifact) -> Mapping[str, Any]:
    """Return the settings that all shards of a round share."""
    shared = {name: v for name, v in shard.config.items() if name != "shard"}
    return Settings(shared, shard.path)


def by_round(shards: Sequence[Artifact]) -> dict[int, list[Artifact]]:
    """Return rollouts by the round that they are of."""
    rounds: dict[int, list[Artifact]] = {}
    for shard in shards:
        rounds.setdefault(shard.config["round"], []).append(shard)
    return rounds


def arrays(
    shards: Sequence[Artifact], seed: int
) -> dict[str, tuple[np.ndarray, Sequence[str], Mapping[str, Any]]]:
    """Return the arrays that V's store keeps: values, axes and attributes, by name.

    Args:
        shards: all that V learns from; those of its own round come first.
    """
    own, *_ = by_round(shards).values()
    attributes = {_FACTS: [known._asdict() for known in facts(shards)]}
    return {
        f"sample/{name}": (values, _AXES[name], attributes if name == "frames" else {})
        for name, values in draw(own, seed)._asdict().items()
    }


def read(store: Artifact) -> tuple[list[Excerpt], list[RolloutFacts]]:
    """Return what V's store keeps; nothing of one of an earlier version.

    Raises:
        ArtifactError: when it is damaged.
    """
    if not store.names("sample"):
        return [], []
    sample = Sample(*(store.read(f"sample/{name}") for name in Sample._fields))
    kept = store.array("sample/frames").attrs.get(_FACTS, [])
    try:
        return excerpts(sample), [_checked(values, store) for values in kept]
    except (TypeError, ValueError, IndexError) as error:
        raise ArtifactError(
            f"{store.path}: what it keeps of the rollouts is damaged ({error}); delete "
            "this store and run its stage again"
        ) from error


def _checked(values: Mapping[str, Any], store: Artifact) -> RolloutFacts:
    """Return the facts of a round in V's store, after checking them.

    Raises:
        TypeError: for other fields than they have.
        Malformed: for a value of the wrong kind.
    """
    found = RolloutFacts(**values)
    counts = found.round, found.shards, found.episodes, found.bytes
    metadata.check_cost(found.wall_seconds, found.compute, counts)
    metadata.check_config("rollouts", found.config)
    layouts.check_settings("rollouts", found.config)
    return found._replace(config=Settings(found.config, store.path))
