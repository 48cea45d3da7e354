"""The grid of pictures along a training, drawn between calls of the updates.

The film is a part of the state, so that a training that was killed goes on with it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.conditional_gan import networks, painting
from worldmodels.studies.conditional_gan.learning import Carry
from worldmodels.studies.conditional_gan.networks import Params, Shapes
from worldmodels.training.gradients import Metrics
from worldmodels.training.loop import TrainState

FRAMES = 40


class Scene(NamedTuple):
    """What is drawn again and again.

    Attributes:
        z, labels: of the grid's pictures, [R C, Z] and [R C, L].
        batches: z [K, B, Z] and labels [K, B, L] that batch norms are measured with.
    """

    z: np.ndarray
    labels: np.ndarray
    batches: tuple[np.ndarray, np.ndarray]


class Filmed(NamedTuple):
    """What the updates carry, and the film: uint8 [frames, R C, H, W, 3]."""

    learning: Carry
    film: Any


def times(updates: int, group: int, most: int = FRAMES) -> np.ndarray:
    """Return after which updates the grid is drawn, [F]: early ones more often.

    Args:
        group: updates in one call, between which nothing is drawn.
    """
    frames = np.arange(1, most + 1)
    calls = -(-updates * frames**2 // (most**2 * group))  # rounded up, exactly
    return np.unique(np.minimum(calls * group, updates))


def begun(state: TrainState, shapes: Shapes, scene: Scene, frames: int) -> TrainState:
    """Return the state before the first update, with a film that has no picture."""
    size = frames, len(scene.z), shapes.height, shapes.width, 3
    return state._replace(carry=Filmed(state.carry, np.zeros(size, np.uint8)))


def filmed(
    update: Callable[[TrainState, Any, jax.Array], tuple[TrainState, Metrics]],
    shapes: Shapes,
    scene: Scene,
    at: np.ndarray,
) -> Callable[[TrainState, Any, jax.Array], tuple[TrainState, Metrics]]:
    """Return the updates, after which the grid is drawn where `at` says so."""

    def run(state, batches, key):
        done, (own, film) = int(state.step), state.carry
        state, metrics = update(state._replace(carry=own), batches, key)
        due = np.flatnonzero((at > done) & (at <= int(state.step)))
        if due.size:
            film = np.array(film)
            film[due] = np.asarray(still(state.carry.average, shapes, scene))
        return state._replace(carry=Filmed(state.carry, film)), metrics

    return run


@partial(jax.jit, static_argnums=1)
def still(weights: Params, shapes: Shapes, scene: Scene) -> jax.Array:
    """Draw the grid with weights, uint8 [R C, H, W, 3]."""
    statistics = painting.measured(weights, shapes, *scene.batches)
    images = networks.paint((weights, statistics), shapes, scene.z, scene.labels)
    return jnp.round((images + 1) * 127.5).astype(jnp.uint8)
