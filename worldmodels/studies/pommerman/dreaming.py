"""What a trained model predicts: 1 step ahead, and further in a dream of its own.

A dream begins at a state that was seen, after all that came before it. From there the
model reads its own predictions, and agent 0's actions as they were.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import mixture
from worldmodels.models.cells.cell import State
from worldmodels.studies.pommerman import model as models
from worldmodels.studies.pommerman import starts
from worldmodels.studies.pommerman.components import rounded
from worldmodels.studies.pommerman.model import Model, Params


class Trained(NamedTuple):
    """A trained model."""

    params: Params
    table: np.ndarray  # of `starts.table`


@partial(jax.jit, static_argnames=("model", "steps", "drawn"))
def dream(
    trained: Trained,
    model: Model,
    states: jax.Array,
    actions: jax.Array,
    key: jax.Array,
    steps: int,
    drawn: bool = False,
) -> jax.Array:
    """Return what is predicted from each step of games on, int8 [S, B, T, Z].

    Entry [k - 1, b, t] is the state at t + k that was predicted at t. Where t + k is
    past the last state it means nothing.

    Args:
        states: int8 [B, T + 1, Z].
        actions: int8 [B, T] of agent 0.
        key: of what is drawn.
        steps: S, ahead.
        drawn: predictions are draws, rounded; else the likeliest Gaussians' means.
    """
    before, now = _before(trained.params, model, states, actions)
    batch, time = actions.shape
    acted = [jnp.roll(actions, -ahead, axis=1).ravel() for ahead in range(steps)]

    def step(carry, at):
        state, now = carry
        action, key = at
        first = jnp.zeros((1, len(now)), bool)
        h, state = models.unfold(
            trained.params, model, now[None], action[None], first, state
        )
        found = models.head(trained.params, model, trained.table, h[0], now)
        draw = partial(mixture.sample, key)
        after = rounded(draw(found)) if drawn else models.likeliest(found)
        return (state, after), after

    keys = jax.random.split(key, steps)
    _, after = jax.lax.scan(step, (before, now), (jnp.stack(acted), keys))
    return after.reshape(steps, batch, time, -1)


def _before(
    params: Params, model: Model, states: jax.Array, actions: jax.Array
) -> tuple[State, jax.Array]:
    """Return the cell's state before each step and the game's, [B T, ...] both."""
    by_time = jnp.swapaxes(states[:, :-1], 0, 1)

    def step(state, at):
        now, action = (x[None] for x in at)
        _, after = models.unfold(
            params, model, now, action, jnp.zeros(action.shape, bool), state
        )
        return after, state

    start = model.recurrent.initial(len(actions), model.dtype)
    _, found = jax.lax.scan(step, start, (by_time, actions.T))
    rows = jax.tree.map(
        lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]), found
    )
    return rows, states[:, :-1].reshape(-1, states.shape[-1])


def by_counts(counts: np.ndarray, states: np.ndarray, steps: int) -> np.ndarray:
    """Return, as `dream`, what follows most often, again and again: [S, B, T, Z].

    Args:
        counts: of `starts.counted`.
        states: int8 [B, T + 1, Z].
    """
    found, now = [], states[:, :-1]
    for _ in range(steps):
        now = starts.likeliest(counts, now)
        found.append(now)
    return np.stack(found)


def later(states: np.ndarray, ahead: Sequence[int]) -> np.ndarray:
    """Return the states [H, B, T, Z] so many steps after each; past the last, the last.

    Args:
        states: int8 [B, T + 1, Z].
    """
    time = np.arange(states.shape[1] - 1)
    last = states.shape[1] - 1
    return np.stack([states[:, np.minimum(time + k, last)] for k in ahead])
