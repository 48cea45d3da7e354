"""CarRacing alone, as pure functions: to train anything on, within a jitted program.

    keys = jax.random.split(jax.random.key(0), 16)
    state, frames = jax.jit(reset)(keys)
    drive = jax.jit(step, donate_argnums=0)
    state, frames, reward, terminated, truncated = drive(state, action)

Donated, the tracks in the state stay where they are; else each call copies them, 3.2 MB
a track. (Only what a jitted `reset` or `start` returned can be donated.) Inside
`lax.scan` that comes by itself. All B environments advance together:
there is nothing to vmap. Each drives a track of its own, drawn from its key. Where cars
share tracks, a few do:

    world = jax.jit(draw)(keys)  # 16 tracks
    state, frames = jax.jit(start)(world, track=jnp.arange(64) % 16)  # 64 cars

An action is float32 [3]: steering in [-1, 1] (left to right), gas and brake in [0, 1];
`ACTION_LOW` and `ACTION_HIGH` of the package say so. What lies outside counts as the
nearest bound; one that is no number (NaN) breaks its car, whose rewards are NaN from
then on. A step is 1/50 s. A frame is uint8 [64, 64, 3], red first: gymnasium's,
without the bar of indicators below it, at this size.

Nothing resets itself. An episode that is over may be stepped on, but what it earns then
means nothing: mask it, or give it a new track with `renew`.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.batches import typed
from worldmodels.environments.carracing import rendering, simulator, tracks
from worldmodels.environments.carracing.colors import Palette
from worldmodels.environments.carracing.simulator import World
from worldmodels.environments.carracing.tracks import Track

MAX_STEPS = 1000  # until truncation, as in gymnasium


class EnvironmentState(NamedTuple):
    """B environments."""

    world: World  # R tracks; of `reset`, R = B and environment i is on track i
    car: simulator.RaceState  # [B]; car.step counts the steps since the reset


def reset(keys: jax.Array) -> tuple[EnvironmentState, jax.Array]:
    """Begin B episodes, each on a fresh track, from typed keys [B] (or one key: B = 1).

    Returns:
        The state, and the first frames, uint8 [B, 64, 64, 3].

    Raises:
        UserError: the keys are not typed, or more than the tracks of one world.
    """
    world = draw(keys)
    return start(world, jnp.arange(len(world.count), dtype=np.int32))


def draw(keys: jax.Array) -> World:
    """Return a world of R fresh tracks, from typed keys [R] (or one key: R = 1).

    Raises:
        UserError: as `reset`.
    """
    return simulator.build(jax.vmap(tracks.from_key)(typed(keys)))


def start(world: World, track: jax.Array) -> tuple[EnvironmentState, jax.Array]:
    """Begin B episodes on tracks `track` (int32 [B]) of a world, which they share.

    Returns:
        As `reset`.
    """
    state = EnvironmentState(world, simulator.reset(world, track))
    return state, observe(state)


def step(
    state: EnvironmentState,
    action: jax.Array,
    max_steps: int | jax.Array = MAX_STEPS,
    lap_complete: float | jax.Array = simulator.LAP_COMPLETE,
) -> tuple[EnvironmentState, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Drive all environments 1/50 s with `action` [B, 3].

    Returns:
        The new state; the frames, uint8 [B, 64, 64, 3]; the rewards, float32 [B];
        whether the lap is complete (tile 0 is the finish once more than `lap_complete`
        of all are visited) or the car left the playfield, bool [B]; and whether
        `max_steps` steps have been made since the reset, bool [B].

    Source: gymnasium's `CarRacing.step` and `TimeLimit`.
    """
    # NaN for a pedal breaks the car for good; for the wheel alone it would not.
    broken = jnp.isnan(action).any(axis=-1, keepdims=True)
    action = jnp.where(broken, jnp.nan, action)
    car, reward, terminated = simulator.step(
        state.world, state.car, action, lap_complete
    )
    reward = jnp.where(jnp.isnan(car.car.x), jnp.nan, reward)
    state = EnvironmentState(state.world, car)
    return state, observe(state), reward, terminated, car.step >= max_steps


def renew(
    state: EnvironmentState, keys: jax.Array, done: jax.Array
) -> tuple[EnvironmentState, jax.Array]:
    """Begin the episodes that are `done` (bool [B]) anew, each on a fresh track.

    Where none is done no track is drawn, so that it may follow every step of a jitted
    program; the frames of `step`, if they are not used, are then not drawn. Where all
    are done, `reset` does the same with more tracks at a time.

    On a CPU a program that keeps the frames of before copies all tracks in each step.
    `renew(state, keys, runtime.barrier.after(frames, done))` copies none.

    Args:
        state: one that came from `reset`: every environment has a track of its own.
        keys: typed, [B]; those of the others are not used.

    Returns:
        As `reset`; the other environments are as they were.

    Raises:
        UserError: the keys are not typed.
        ValueError: there are not as many tracks as environments.
    """
    keys = typed(keys)
    if len(state.world.count) != len(done):
        raise ValueError("renew needs a state whose environments share no tracks")
    world = jax.lax.cond(
        done.any(), _redraw, lambda state, keys, done: state.world, state, keys, done
    )
    return _restart(state, world, done)


def replace(
    state: EnvironmentState, made: Track, palette: Palette, done: jax.Array
) -> tuple[EnvironmentState, jax.Array]:
    """Begin the episodes that are `done` (bool [B]) anew on tracks `made` of those
    colours, each field with a leading [B]; those of the others are not used.

    Args:
        state: as for `renew`.

    Returns:
        As `renew`.
    """
    return _restart(state, _relay(state, made, palette, done), done)


def observe(state: EnvironmentState) -> jax.Array:
    """Draw the frames, uint8 [B, 64, 64, 3]."""
    return rendering.unpack(simulator.observe(state.world, state.car))


def _redraw(state: EnvironmentState, keys: jax.Array, done: jax.Array) -> World:
    """Draw the tracks of those that are done."""
    return _relay(state, jax.vmap(tracks.from_key)(keys), None, done)


def _relay(
    state: EnvironmentState, made: Track, palette: Palette | None, done: jax.Array
) -> World:
    """Lay the tracks of those that are done, one after the other, in place."""
    first = jnp.argsort(~done)

    def lay(i: jax.Array, world: World) -> World:
        one = jax.tree.map(lambda x: x[first[i]][None], (made, palette))
        place = state.car.track[first[i]]
        return jax.tree.map(
            lambda all, new: all.at[place].set(new[0]), world, simulator.build(*one)
        )

    return jax.lax.fori_loop(0, done.sum(), lay, state.world)


def _restart(
    state: EnvironmentState, world: World, done: jax.Array
) -> tuple[EnvironmentState, jax.Array]:
    """Put the cars of those that are done at the start of their new tracks."""
    placed = simulator.reset(world, state.car.track)
    # Environments are the last axis of all fields but this one.
    new, old = (car._replace(visited=car.visited.T) for car in (placed, state.car))
    car = jax.tree.map(partial(jnp.where, done), new, old)
    state = EnvironmentState(world, car._replace(visited=car.visited.T))
    return state, observe(state)
