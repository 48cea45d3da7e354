"""What V and M see, as pictures: reconstructions, samples of the prior, dreams.

Frames come and go as uint8; V's posterior mean stands for a frame wherever one picture
of it is asked for.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import memory, vision
from worldmodels.models.dream import Dream, State, imagine
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE, Params
from worldmodels.rollout import in_dream
from worldmodels.rollout.in_dream import Actor
from worldmodels.runtime.randomness import seed_words

_CHUNK = 100  # frames through V at once: bounded memory, one compilation
_REACH = 3.0  # standard deviations of the prior that a traversal covers


class Eyes(NamedTuple):
    """V with its parameters."""

    model: VAE
    params: Params


class Mind(NamedTuple):
    """M with its parameters."""

    model: Memory
    params: memory.Params


def encode(eyes: Eyes, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mu and logvar, each [T, Z], of uint8 frames [T, H, W, 3]."""
    parts = [_encode(eyes.model, eyes.params, f) for f in _chunks(frames)]
    mu, logvar = (np.concatenate(part) for part in zip(*parts, strict=True))
    return mu[: len(frames)], logvar[: len(frames)]


def decode(eyes: Eyes, z: np.ndarray) -> np.ndarray:
    """Return the images of z [T, Z] as uint8 [T, H, W, 3]."""
    parts = [_decode(eyes.model, eyes.params, part) for part in _chunks(z)]
    return np.concatenate(parts)[: len(z)]


def film(
    eyes: Eyes, dream: Dream, actor: Actor, mind: Any, seed: int, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let an actor dream for at most `steps` steps, up to its death.

    Returns:
        What it saw, uint8 [T, H, W, 3], what it did, [T, A], and was paid, [T].
    """
    (words,) = seed_words(np.array([seed]))
    found = in_dream.record(dream, actor, mind, words, steps)
    lived = int(found.alive.sum())
    z, action, reward = (
        np.asarray(x)[:lived] for x in (found.z, found.action, found.reward)
    )
    return decode(eyes, z), action, reward


def _chunks(values: np.ndarray):
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        # Zeros fill the last one up, so that all have one shape.
        padding = [(0, _CHUNK - len(part))] + [(0, 0)] * (values.ndim - 1)
        yield np.pad(part, padding)


@partial(jax.jit, static_argnums=0)
def _encode(model: VAE, params: Params, frames: jax.Array):
    return vision.encode(params, model, frames)


@partial(jax.jit, static_argnums=0)
def _decode(model: VAE, params: Params, z: jax.Array) -> jax.Array:
    images = vision.decode(params, model, z)
    return jnp.round(images * 255).astype(jnp.uint8)


def reconstruct(eyes: Eyes, frames: np.ndarray) -> np.ndarray:
    """Return V's reconstruction of uint8 frames [T, H, W, 3], of their shape."""
    return decode(eyes, encode(eyes, frames)[0])


def prior_samples(eyes: Eyes, key: jax.Array, count: int) -> np.ndarray:
    """Return images of `count` draws of z from N(0, 1), uint8 [count, H, W, 3]."""
    z = jax.random.normal(key, (count, eyes.model.latent_size), eyes.model.dtype)
    return decode(eyes, np.asarray(z))


def informative(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """Return the latent dimensions [Z] by falling mean KL of mu, logvar [T, Z]."""
    kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).mean(axis=0)
    return np.argsort(-kl, kind="stable")


def traversal(
    eyes: Eyes, mu: np.ndarray, dimensions: np.ndarray, count: int
) -> np.ndarray:
    """Return mu's image with one dimension at a time moved from -3 to 3.

    Args:
        mu: [Z] the frame to start from.
        dimensions: [D] which to move, one a row.

    Returns:
        uint8 [D, count, H, W, 3].
    """
    z = np.tile(mu, (len(dimensions), count, 1))
    for row, dimension in zip(z, dimensions, strict=True):
        row[:, dimension] = np.linspace(-_REACH, _REACH, count)
    images = decode(eyes, z.reshape(-1, mu.size))
    return images.reshape(len(dimensions), count, *images.shape[1:])


def watch(
    eyes: Eyes, mind: Mind, frames: np.ndarray, actions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return V's reconstruction of a drive and M's prediction of it one step ahead.

    M's picture of frame t is the expected z of its mixture after (z, a) up to t - 1;
    frame 0 has no such past, and its picture is black.

    Args:
        frames: [T, H, W, 3] uint8.
        actions: [T, A].

    Returns:
        Two uint8 arrays of the frames' shape.
    """
    mu, _ = encode(eyes, frames)
    predicted = np.asarray(_predict(mind.model, mind.params, mu, actions))
    dream = decode(eyes, predicted)
    return decode(eyes, mu), np.concatenate([np.zeros_like(dream[:1]), dream[:-1]])


@partial(jax.jit, static_argnums=0)
def _predict(
    model: Memory, params: memory.Params, mu: jax.Array, actions: jax.Array
) -> jax.Array:
    start = memory.initial_state(model, 1)
    _, predicted = memory.observe(params, model, start, mu[None], actions[None])
    mixture = predicted.mixture
    return jnp.sum(jnp.exp(mixture.logweight) * mixture.mean, axis=-1)[0]


def dream(
    eyes: Eyes,
    mind: Mind,
    key: jax.Array,
    frames: np.ndarray,
    actions: np.ndarray,
    start: int,
) -> np.ndarray:
    """Return M's open-loop dream of a drive from frame `start` on.

    M watches the real frames up to `start`, then feeds on its own samples under the
    real actions.

    Args:
        frames: [T, H, W, 3] uint8.
        actions: [T, A].

    Returns:
        uint8 [T - start - 1, H, W, 3], images of the frames after `start`.
    """
    mu, _ = encode(eyes, frames[: start + 1])
    z = _imagine(mind.model, mind.params, key, mu, actions[: len(frames) - 1])
    return decode(eyes, np.asarray(z))


@partial(jax.jit, static_argnums=0)
def _imagine(
    model: Memory,
    params: memory.Params,
    key: jax.Array,
    mu: jax.Array,
    actions: jax.Array,
) -> jax.Array:
    start = len(mu) - 1

    def step(state, at_t):
        return memory.remember(params, model, state, *at_t), None

    begun = jax.tree.map(lambda x: x[0], memory.initial_state(model, 1))
    state, _ = jax.lax.scan(step, begun, (mu[:-1], actions[:start]))
    return imagine(params, model, State(mu[-1], state), actions[start:], key)
