"""The environments that the learner plays, each as five functions and its actions.

All B environments advance together. What a world needs to be one: pure functions that
begin, play and renew, and one that shows a state as numbers or as a picture.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments import carracing
from worldmodels.environments.carracing import functional as cars
from worldmodels.environments.pixelcopter import functional as copters
from worldmodels.runtime.barrier import after
from worldmodels.studies.curiosity import networks
from worldmodels.studies.curiosity.actions import Actions, Choice, Numbers

State = Any
# Middle and half width of where the numbers of PixelCopter's vector lie, in pixels.
_MIDDLE = np.array([24, 0, 12, 12, 20, 24, 33], np.float32)
_WIDTH = np.array([12, 1, 12, 12, 20, 12, 12], np.float32)
_PAPERS_SIDE = 84  # pixels: the same picture enlarged
# Straight on, half of the gas and no brake: a car that brakes as well goes nowhere.
_CAR_START = (0.0, 0.0, -1.0)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class World(NamedTuple):
    """An environment of ours.

    Attributes:
        reset: typed keys [B] -> state.
        step: state, actions, limit -> state, rewards [B], deaths [B], cuts [B].
        renew: state, typed keys [B], done [B], observations [B, ...] of that state ->
            the state in which the done episodes begin anew, and observations of it.
        observe: state -> observations [B, ...], as its body reads them.
        picture: state -> what people look at, uint8 [B, H, W] or [B, H, W, 3].
        shape: of one observation.
        scale: by what an observation is multiplied before a policy reads it.
        idle: actions -> whether nothing was done, bool [B].
    """

    reset: Callable[[jax.Array], State]
    step: Callable[..., tuple[State, jax.Array, jax.Array, jax.Array]]
    renew: Callable[..., tuple[State, jax.Array]]
    observe: Callable[[State], jax.Array]
    picture: Callable[[State], jax.Array]
    shape: tuple[int, ...]
    scale: float
    actions: Actions
    idle: Callable[[jax.Array], jax.Array]


def copter_vector() -> World:
    """PixelCopter, seen as the seven numbers that the original says of a state."""
    return _copter(_numbers, 1.0)


def copter_pixels(kind: str) -> World:
    """PixelCopter, seen as a grey picture: 48 x 48 pixels, for convolutions 84 x 84."""

    def observe(state: State) -> jax.Array:
        frames = copters.observe(state)
        if kind == "convolutions":
            shape = len(frames), _PAPERS_SIDE, _PAPERS_SIDE
            frames = jax.image.resize(frames.astype(np.float32), shape, "linear")
            frames = frames.round().astype(np.uint8)
        return networks.arranged(kind, frames)

    return _copter(observe, 1 / 255)


def car_pixels(kind: str) -> World:
    """CarRacing, seen as a grey picture of 64 x 64 pixels."""

    def observe(state: State) -> jax.Array:
        grey = (cars.observe(state) * _GREY).sum(-1)
        return networks.arranged(kind, grey.round().astype(np.uint8))

    low, high = (
        tuple(map(float, bound))
        for bound in (carracing.ACTION_LOW, carracing.ACTION_HIGH)
    )
    actions = Numbers(low, high, _CAR_START)
    world = _world(cars, observe, 1 / 255, actions, lambda a: jnp.zeros(len(a), bool))

    def renew(state, keys, done, observed):
        # Tracks are large. They change in place only after the pictures of before are
        # made. Where no episode begins, those pictures are still right.
        state, _ = cars.renew(state, keys, after(observed, done))
        observed = jax.lax.cond(done.any(), observe, lambda _: observed, state)
        return state, observed

    return world._replace(renew=renew)


def _copter(observe: Callable[[State], jax.Array], scale: float) -> World:
    return _world(copters, observe, scale, Choice(2), lambda actions: actions == 0)


def _world(functional: Any, observe, scale, actions, idle) -> World:
    def step(state, action, limit):
        state, _, reward, dead, cut = functional.step(state, action, limit)
        return state, reward, dead, cut & ~dead

    def reset(keys):
        return functional.reset(keys)[0]

    def renew(state, keys, done, observed):
        del observed
        state, _ = functional.renew(state, keys, done)
        return state, observe(state)

    one = jax.eval_shape(lambda key: observe(reset(key)), jax.random.key(0))
    return World(
        reset, step, renew, observe, functional.observe, one.shape[1:], scale, actions,
        idle,
    )  # fmt: skip


def _numbers(state: State) -> jax.Array:
    return (copters.vector(state) - _MIDDLE) / _WIDTH
