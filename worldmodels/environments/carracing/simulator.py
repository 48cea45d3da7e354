"""CarRacing for whole batches in JAX: gymnasium's CarRacing-v3 as four pure functions.

    made = [tracks.from_seed(seed) for seed in (0, 1)]
    world = jax.jit(build)(jax.tree.map(lambda *each: np.stack(each), *made))
    state = reset(world, track=jnp.array([0, 0, 1]))  # three cars on two tracks
    state, reward, terminated = jax.jit(step)(world, state, actions)
    frames = rendering.unpack(jax.jit(observe)(world, state))

`physics` moves the cars, `contacts` finds the tiles under their wheels, `rendering`
draws what they see. Here are the game's rules: what is paid, and when it is over.

Cars do not see each other. Episodes are cut at 1,000 steps by the caller. A car whose
episode is over may be stepped on; what it earns then means nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import (
    contacts,
    physics,
    rendering,
    rendering_v0,
    textures,
)
from worldmodels.environments.carracing.body import Car
from worldmodels.environments.carracing.colors import Palette
from worldmodels.environments.carracing.contacts import Tiles
from worldmodels.environments.carracing.rendering import View
from worldmodels.environments.carracing.textures import Sharp, Texture
from worldmodels.environments.carracing.tracks import Track
from worldmodels.environments.games import V3
from worldmodels.runtime.errors import UserError

PLAYFIELD = 2000 / 6  # m, from the middle to each edge
LAP_REWARD = 1000.0  # for all tiles of a track together
STEP_REWARD = -0.1
OUTSIDE_REWARD = -100.0  # in place of what else the step would earn
LAP_COMPLETE = 0.95  # of the tiles, before tile 0 counts as the finish

_BATCH = 8  # tracks baked at once on a GPU, to bound the memory that it takes


class World(NamedTuple):
    """R tracks and what is looked up in them."""

    tiles: Tiles
    texture: Texture | Sharp  # by what is seen of them: v3, v0
    count: jax.Array  # int32 [R], tiles
    start: jax.Array  # [R, 3] beta (rad), x, y (m)


class RaceState(NamedTuple):
    """B cars, each on its own in an episode."""

    car: Car
    track: jax.Array  # int32 [B], index into the world
    visited: jax.Array  # uint32 [B, 13], bitset of the tiles visited
    visited_count: jax.Array  # int32 [B]
    step: jax.Array  # int32 [B], since the reset


def build(tracks: Track, palette: Palette | None = None, view: str = V3) -> World:
    """Make the world of R tracks, each field of `tracks` with a leading [R]; jit it.

    It is in float32, whatever JAX's default is: so is the physics.

    Args:
        palette: the colours of each, with a leading [R]; None: gymnasium's usual ones.
        view: what drivers see, one of `games.VIEWS`; v0 has its own colours.

    Raises:
        UserError: they are more than one world holds.
    """
    tracks = jax.tree.map(_single, tracks)
    _refuse_too_many(len(tracks.count))
    tiles = jax.vmap(contacts.index)(tracks)
    # A CPU is fastest with little at a time, a GPU with much.
    on_cpu = jax.default_backend() == "cpu"
    together, batch = (textures.TOGETHER, None) if on_cpu else (textures.ALL, _BATCH)
    each = (tracks,) if palette is None else (tracks, palette)
    bake = textures.bake if view == V3 else _bake_v0
    texture = jax.lax.map(
        lambda one: bake(*one, together=together), each, batch_size=batch
    )
    return World(tiles, texture, tracks.count, tracks.start)


def _bake_v0(track: Track, together: int) -> Sharp:
    return textures.bake_sharp(track, rendering_v0.PALETTE, together)


def _single(x: np.ndarray | jax.Array) -> jax.Array:
    """Return an array on the device, its real numbers in float32."""
    real = jnp.issubdtype(x.dtype, np.floating)
    return jnp.asarray(x, np.float32 if real else None)


def _refuse_too_many(count: int) -> None:
    most = (2**31 - 1) // textures.size()  # rendering counts texels in int32
    if count > most:
        raise UserError(
            f"{count} tracks are asked for, but a world holds {most} at most: let "
            "several cars share a track"
        )


def reset(world: World, track: jax.Array) -> RaceState:
    """Put B cars at the start of their tracks; `track` is int32 [B].

    Source: gymnasium's `CarRacing.reset`, with the step that it takes. Tiles that the
    wheels touch where they are put count as visited; the first step pays for them.
    """
    car = physics.place(world.start[track])
    on_road, visited = contacts.touching(world.tiles, track, car)
    car = physics.settle(car, on_road)
    return RaceState(car, track, visited, _count(visited), jnp.zeros_like(track))


def step(
    world: World,
    state: RaceState,
    action: jax.Array,
    lap_complete: float | jax.Array = LAP_COMPLETE,
) -> tuple[RaceState, jax.Array, jax.Array]:
    """Drive 1/50 s with `action` [B, 3]: steering (-1 left .. 1 right), gas, brake.

    Args:
        lap_complete: the part of the tiles after which tile 0 is the finish.

    Returns:
        The new state, the rewards [B], and whether the episodes are over, bool [B]: by
        all tiles visited, by the finish, or by leaving the playfield.

    Source: gymnasium's `CarRacing.step`.
    """
    on_road, touched = contacts.touching(world.tiles, state.track, state.car)
    car = physics.step(state.car, action, on_road)
    visited = state.visited | touched
    count = _count(visited)
    tiles = world.count[state.track].astype(car.x.dtype)
    paid = jnp.where(state.step == 0, 0, state.visited_count)
    reward = (count - paid) * (LAP_REWARD / tiles) + STEP_REWARD
    finish, reached = _finish(state, visited, count)
    lap = (count == tiles) | (finish & (reached / tiles > lap_complete))
    x, y = physics.position(car)
    outside = jnp.maximum(jnp.abs(x), jnp.abs(y)) > PLAYFIELD
    reward = jnp.where(outside, OUTSIDE_REWARD, reward)
    state = RaceState(car, state.track, visited, count, state.step + 1)
    return state, reward, lap | outside


def lap_finished(reward: float) -> bool:
    """Return whether an episode that is over ended by a lap: the others left."""
    return bool(reward != OUTSIDE_REWARD)


def _finish(
    state: RaceState, visited: jax.Array, count: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return whether tile 0 was visited in this step, and how many were by then, [B].

    All tiles of the step count, where gymnasium counts them one after the other.
    The first step answers for the reset as well, where gymnasium too may find that a
    lap is over.
    """
    before, now = ((bits[:, 0] & 1) > 0 for bits in (state.visited, visited))
    at_reset = before & (state.step == 0)
    finish = at_reset | (now & ~before)
    return finish, jnp.where(at_reset, state.visited_count, count)


def observe(world: World, state: RaceState) -> jax.Array:
    """Draw what the cars' drivers see: uint32 [B, 64, 64], see `rendering.unpack`."""
    car, view = state.car, _seen(state)
    if isinstance(world.texture, Sharp):
        up = rendering_v0.turned(car.angle, car.vx, car.vy)
        return rendering_v0.render(world.texture, view, up)
    return rendering.render(world.texture, view)


def _seen(state: RaceState) -> View:
    car = state.car
    x, y = physics.position(car)
    return View(
        track=state.track,
        x=x,
        y=y,
        angle=car.angle,
        wheel_x=car.wheel_x,
        wheel_y=car.wheel_y,
        wheel_angle=car.wheel_angle,
        wheel_phase=car.phase,
        step=state.step,
    )


def _count(visited: jax.Array) -> jax.Array:
    """Return how many tiles are in a bitset [B, 13]: int32 [B]."""
    return jax.lax.population_count(visited).sum(-1).astype(np.int32)
