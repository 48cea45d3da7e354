"""The median, best and worst drive on test tracks, driven again for their frames.

No JAX is imported here: drives are begun first, while it starts.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.report.background import Background
from worldmodels.rollout.replay import Driven, Recording, replay
from worldmodels.stores.artifact import Artifact, check_recorded


@dataclass(frozen=True)
class TestDrive:
    """One drive of the evaluation, replayed."""

    __test__ = False  # not a test case

    name: str  # median, best or worst
    number: int  # among the evaluation's episodes
    seed: int
    total_reward: float
    recording: Recording
    faithful: bool  # the replay got the very same rewards


Replays = list[Future[TestDrive]]


def begin_latest(
    stores: Sequence[Artifact], background: Background
) -> dict[Path, Replays]:
    """Begin with the latest round's of some stores; return its, by the store's path."""
    scored = [store for store in stores if store.kind == "evaluation"]
    if not scored:
        return {}
    for store in scored:
        check_recorded(store)
    latest = max(scored, key=lambda store: store.config["round"])
    return {latest.path: begin(latest, background)}


def begin(store: Artifact, background: Background) -> Replays:
    """Let the median, best and worst drive of an evaluation store's agent be replayed.

    Only the seed and the actions are needed: the environment is deterministic.
    """
    returns, spec = store.read("agent/returns"), EnvironmentSpec.of(store.config)
    order = np.argsort(returns, kind="stable").tolist()
    chosen = {"median": order[(len(order) - 1) // 2], "best": order[-1]}
    chosen["worst"] = order[0]
    seeds, length = store.read("agent/seed"), store.read("agent/length")
    begun = []
    for name, number in chosen.items():
        actions, rewards = (
            store.read(f"agent/{part}", number)[: length[number]]
            for part in ("actions", "rewards")
        )
        driven = Driven(int(seeds[number]), actions)
        drive = name, number, driven.seed, float(returns[number])
        begun.append(
            background.begin(_replayed, background, spec, driven, rewards, drive)
        )
    return begun


def _replayed(
    background: Background,
    spec: EnvironmentSpec,
    driven: Driven,
    rewards: np.ndarray,
    drive: tuple[str, int, int, float],
) -> TestDrive:
    again = replay(spec, driven, lambda: background.left)
    return TestDrive(*drive, again, np.array_equal(again.rewards, rewards))
