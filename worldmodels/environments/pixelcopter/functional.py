"""PixelCopter alone, as pure functions: to train anything on, within a jitted program.

    keys = jax.random.split(jax.random.key(0), 16)
    state, frames = jax.jit(reset)(keys)
    state, frames, reward, terminated, truncated = jax.jit(step)(state, action)

All B environments advance together: there is nothing to vmap. Each plays a level of its
own, which its key decides, whatever is done in it. An action is a whole number: 0
nothing, 1 up. A step is 1/30 s. A frame is uint8 [48, 48], in the original's grey
(`picture.colored` colours it). A program that does not use frames does not draw them.

A column that leaves the picture is worth 1, a block that is passed 1, death -5.

Nothing resets itself. An episode that is over may be stepped on, but what it earns then
means nothing: mask it, or give it a new level with `renew`.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.environments.batches import renewed, shaped, typed
from worldmodels.environments.pixelcopter import game, picture
from worldmodels.environments.pixelcopter.game import Copter
from worldmodels.environments.pixelcopter.tables import BATCH

MAX_STEPS = 10_000  # until truncation, as in the original's environment of gym


class EnvironmentState(NamedTuple):
    """B environments."""

    level: jax.Array  # typed keys [B], from which all numbers are drawn
    game: Copter  # each field with a leading [B]; game.step counts from the reset


def reset(keys: jax.Array) -> tuple[EnvironmentState, jax.Array]:
    """Begin B episodes, each in a fresh level, from typed keys [B] (or one key: B = 1).

    Returns:
        The state, and the first frames, uint8 [B, 48, 48].

    Raises:
        UserError: the keys are not typed.
    """
    keys = typed(keys)
    state = EnvironmentState(keys, jax.vmap(_begin)(keys))
    return state, observe(state)


def step(
    state: EnvironmentState,
    action: jax.Array,
    max_steps: int | jax.Array = MAX_STEPS,
) -> tuple[EnvironmentState, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Play 1/30 s in all environments with `action` [B], 0 or 1 (up).

    Returns:
        The new state; the frames, uint8 [B, 48, 48]; the rewards, float32 [B];
        whether the player died, bool [B]; and whether `max_steps` steps have been made
        since the reset, bool [B].

    Raises:
        UserError: the actions are not [B].

    Source: `Pixelcopter.step` of the PyGame Learning Environment.
    """
    action = shaped("action", action, state.level.shape)
    keys = jax.vmap(jax.random.fold_in)(state.level, state.game.step + 1)
    blocks = jax.vmap(game.draw_block)(keys)
    now, reward, terminated = jax.vmap(game.step)(
        state.game, action == 1, blocks, _columns(state.game, keys)
    )
    state = EnvironmentState(state.level, now)
    return state, observe(state), reward, terminated, now.step >= max_steps


def renew(
    state: EnvironmentState, keys: jax.Array, done: jax.Array
) -> tuple[EnvironmentState, jax.Array]:
    """Begin the episodes that are `done` (bool [B]) anew, each in a fresh level.

    Where none is done nothing is drawn, so that it may follow every step of a jitted
    program; the frames of `step`, if they are not used, are then not drawn.

    Args:
        keys: typed, [B]; those of the others are not used.

    Returns:
        As `reset`; the other environments are as they were.

    Raises:
        UserError: the keys are not typed, or they or `done` are not [B].
    """
    keys, done = renewed(keys, done, len(state.level))

    def begun(state: EnvironmentState) -> EnvironmentState:
        new = EnvironmentState(keys, jax.vmap(_begin)(keys))
        return jax.tree.map(partial(_where, done), new, state)

    state = jax.lax.cond(done.any(), begun, lambda state: state, state)
    return state, observe(state)


def observe(state: EnvironmentState) -> jax.Array:
    """Draw the frames, uint8 [B, 48, 48]."""
    return jax.vmap(picture.observe)(state.game)


def vector(state: EnvironmentState) -> jax.Array:
    """Return what the original says beside the picture, float32 [B, 7], in pixels.

    The player's y and momentum, the room above and below, how far ahead the next block
    is, its middle (which the original calls its top), and 9 more than that.
    """
    return jax.vmap(game.vector)(state.game)


def _begin(key: jax.Array) -> Copter:
    key = jax.random.fold_in(key, 0)
    return game.begin(game.draw_block(key), _terrain(key, first=True))


def _columns(copters: Copter, keys: jax.Array) -> jax.Array:
    """Draw the columns that this step adds, if it adds any anywhere."""

    none = jnp.zeros((len(keys), BATCH), copters.columns.dtype)
    added = jax.vmap(game.adds_columns)(copters).any()
    drawn = jax.vmap(partial(_terrain, first=False))
    return jax.lax.cond(added, drawn, lambda _: none, keys)


def _terrain(key: jax.Array, first: bool) -> jax.Array:
    """Draw a batch of columns, from the key of the step that adds it."""
    return game.columns(game.draw_terrain(jax.random.fold_in(key, 1)), first)


def _where(done: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(done.reshape(-1, *[1] * (new.ndim - 1)), new, old)
