"""Step train: one arm learns a world with one seed, and is scored on unseen levels.

A store keeps the last weights (`params`), those of the target, the moments of all
frames, the history by iteration, and the scores of the test. Sums over the episodes
that ended in an iteration are kept as sums beside their number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.runtime.randomness import generator_for, key_for, seed_words
from worldmodels.stores import publication
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.stores.publication import Writer
from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import distillation, learner, play, rollout, setup
from worldmodels.studies.curiosity.learner import Carry
from worldmodels.studies.curiosity.settings import Curiosity
from worldmodels.studies.curiosity.setup import Setup
from worldmodels.studies.curiosity.steps import STUDY
from worldmodels.training import loop, running_moments
from worldmodels.training.loop import TrainState

STEP = "train"


@dataclass(frozen=True)
class Iterations:
    """`training.batches.Batches` of a learner that makes its data itself.

    Attributes:
        steps: iterations in all.
    """

    steps: int

    @property
    def epochs(self) -> int:
        return 1

    def check(self, what: str) -> None:
        """There is always one: the settings say so."""

    def of_one_epoch(self) -> "Iterations":
        return replace(self)

    def groups(self, start: int, size: int) -> Iterator[np.ndarray]:
        """Yield the numbers of the iterations, `size` or fewer."""
        for first in range(start, self.steps, size):
            yield np.arange(first, min(first + size, self.steps))


def run(
    *,
    settings: Curiosity,
    world: str,
    arm: str,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train an arm in a world and publish its store at `out`.

    Args:
        world: one of `settings.WORLDS`.
        arm: one of `arms.ARMS`.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a full disk or a loss that is not finite.
    """
    config = setup.recorded(settings, world, arm, seed)
    known, iterations = setup.of(config), getattr(settings, world).iterations
    version = STUDY.steps[STEP].version
    identity = fingerprint([config, version, loop.TrainState._fields, Carry._fields])
    update = learner.updates(
        setup.coefficients(config, iterations), known.agent, known.world,
        setup.sizes(config), settings.debug,
    )  # fmt: skip
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs={}, stage_version=version
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):
        state, history = loop.fit(
            initial(known, config),
            update,
            Iterations(iterations),
            key(seed, "iterations"),
            group=1,
            checkpoint=saved,
            title=f"studies.curiosity {world} {arm}",
            log=log,
            interval=checkpoint_seconds,
            order=agents.order(known.agent),
            rate=f"studies.curiosity.{world}.learning_rate",
        )
        loop.write(store, saved, state, history)
        store.tree("target", jax.device_get(state.carry.target))
        store.tree("frames", jax.device_get(state.carry.seen)._asdict())
        store.write("bonus_deviation", _deviation(state.carry))
        _write_scores(store, state.params, known, config)


def initial(known: Setup, config: dict[str, Any]) -> TrainState:
    """Return the state before the first iteration."""
    seed, count, dtype = config["seed"], config["environments"], known.agent.body.dtype
    rng = generator_for(seed, 0, "curiosity weights")
    params, target = agents.initial(known.agent, rng)

    @jax.jit
    def begin(params: Any, target: Any, key: jax.Array) -> TrainState:
        keys = jax.random.split(key, count)
        place = rollout.begin(known.world, keys, known.stack, dtype)
        place = place._replace(state=learner.keys_as_numbers(place.state))
        bonus = running_moments.empty((), dtype)
        carry = Carry(
            place,
            running_moments.empty(known.world.shape, dtype),
            distillation.Filter(jnp.zeros(count, dtype), bonus),
            target,
        )
        states = learner.optimizer().init(params)
        return TrainState(params, states, jnp.zeros((), np.int32), carry)

    return begin(params, target, key(seed, "first levels"))


def key(seed: int, meaning: str) -> jax.Array:
    """Return the key of one use of randomness in a training."""
    return key_for(seed, 0, f"curiosity {meaning}")


def _deviation(carry: Carry) -> np.ndarray:
    return np.asarray(running_moments.deviation(carry.filter.moments))


def _write_scores(
    store: Writer, params: Any, known: Setup, config: dict[str, Any]
) -> None:
    """Play the unseen levels, and write what their episodes earned."""
    seeds = play.levels(config["test_levels"])
    found = jax.device_get(
        play.score(
            params, key(config["seed"], "tests"), seed_words(seeds),
            np.int32(known.limit), known,
        )
    )  # fmt: skip
    axes = ["level"]
    store.write("test/seed", seeds, axes)
    for way in ("drawn", "likeliest"):
        ended = getattr(found, way)
        for name, values in ended.flight._asdict().items():
            store.write(f"test/{way}/{name}", values, axes)
        store.write(f"test/{way}/died", ended.died, axes)
