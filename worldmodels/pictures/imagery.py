"""What V and M see, as pictures: reconstructions, samples of the prior, dreams.

Frames are uint8, as inputs and as results. A reconstruction is decoded from the mean of
V's posterior.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import folding, memory, vision
from worldmodels.models.dream import Dream, DreamState, imagine
from worldmodels.models.folding import FoldedDecoder
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE, Params
from worldmodels.rollout import in_dream
from worldmodels.rollout.in_dream import Actor
from worldmodels.runtime.randomness import seed_words

_CHUNK = 100  # frames through V at once: bounded memory, one compilation
_REACH = 3.0  # standard deviations of the prior that a traversal covers


@dataclass(frozen=True)
class FittedVision:
    """V with its parameters."""

    model: VAE
    params: Params

    @cached_property
    def decoder(self) -> FoldedDecoder:
        """V's decoder, folded at its first use."""
        return folding.fold(self.params, self.model)


class FittedMemory(NamedTuple):
    """M with its parameters."""

    model: Memory
    params: memory.Params


def encode(v: FittedVision, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mu and logvar, each [T, Z], of uint8 frames [T, H, W, 3]."""
    parts = [_encode(v.model, v.params, f) for f in _chunks(frames)]
    mu, logvar = (np.concatenate(part) for part in zip(*parts, strict=True))
    return mu[: len(frames)], logvar[: len(frames)]


def decode(v: FittedVision, z: np.ndarray) -> np.ndarray:
    """Return the images of z [T, Z] as uint8 [T, H, W, 3].

    One alone has a program of its own, many times as fast as one for a chunk. It rounds
    in another order: of some ten thousand bytes one may be of the next shade.
    """
    given = _chunks(z) if len(z) > 1 else [z]
    parts = [_decode(v.model, v.decoder, part) for part in given]
    return np.concatenate(parts)[: len(z)]


def dream_rollout(
    v: FittedVision, dream: Dream, actor: Actor, given: Any, seed: int, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let an actor dream for at most `steps` steps, up to its death.

    Args:
        given: what the actor begins with: weights, actions or a policy's state.

    Returns:
        Images of what it saw, uint8 [T, H, W, 3], its actions, [T, A], and its
        rewards, [T].
    """
    (words,) = seed_words(np.array([seed]))
    found = in_dream.record(dream, actor, given, words, steps)
    lived = int(found.alive.sum())
    z, action, reward = (
        np.asarray(x)[:lived] for x in (found.z, found.action, found.reward)
    )
    return decode(v, z), action, reward


def _chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        # Zeros fill the last one up, so that all have one shape.
        padding = [(0, _CHUNK - len(part))] + [(0, 0)] * (values.ndim - 1)
        yield np.pad(part, padding)


@partial(jax.jit, static_argnums=0)
def _encode(model: VAE, params: Params, frames: jax.Array):
    return vision.encode(params, model, frames)


@partial(jax.jit, static_argnums=0)
def _decode(model: VAE, decoder: FoldedDecoder, z: jax.Array) -> jax.Array:
    images = folding.decode(decoder, model, z)
    return jnp.round(images * 255).astype(jnp.uint8)


def reconstruct(v: FittedVision, frames: np.ndarray) -> np.ndarray:
    """Return V's reconstruction of uint8 frames [T, H, W, 3], of their shape."""
    return decode(v, encode(v, frames)[0])


def prior_samples(v: FittedVision, key: jax.Array, count: int) -> np.ndarray:
    """Return images of `count` draws of z from N(0, 1), uint8 [count, H, W, 3]."""
    z = jax.random.normal(key, (count, v.model.latent_size), v.model.dtype)
    return decode(v, np.asarray(z))


def informative(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """Return the latent dimensions [Z] by falling mean KL of mu, logvar [T, Z]."""
    kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).mean(axis=0)
    return np.argsort(-kl, kind="stable")


def traversal(
    v: FittedVision, mu: np.ndarray, dimensions: np.ndarray, count: int
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
    images = decode(v, z.reshape(-1, mu.size))
    return images.reshape(len(dimensions), count, *images.shape[1:])


def one_step_ahead(
    v: FittedVision, m: FittedMemory, frames: np.ndarray, actions: np.ndarray
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
    mu, _ = encode(v, frames)
    dream = decode(v, _predicted(m, mu, actions))
    return decode(v, mu), np.concatenate([np.zeros_like(dream[:1]), dream[:-1]])


def _predicted(m: FittedMemory, mu: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return the expected z [T, Z] of M's mixture after (mu, actions) up to each t."""
    state, parts = memory.initial_state(m.model, 1), []
    for part in zip(_chunks(mu), _chunks(actions), strict=True):
        state, predicted = _predict(m.model, m.params, state, *part)
        parts.append(predicted)
    return np.concatenate(parts)[: len(mu)]


@partial(jax.jit, static_argnums=0)
def _predict(
    model: Memory,
    params: memory.Params,
    state: memory.State,
    mu: jax.Array,
    actions: jax.Array,
) -> tuple[memory.State, jax.Array]:
    given = mu[:, None], actions[:, None]
    state, predicted = memory.observe(params, model, state, *given)
    mixture = predicted.mixture
    return state, jnp.sum(jnp.exp(mixture.logweight) * mixture.mean, axis=-1)[:, 0]


def open_loop(
    v: FittedVision,
    m: FittedMemory,
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
    mu, _ = encode(v, frames[: start + 1])
    z = _imagine(m.model, m.params, key, mu, actions[: len(frames) - 1])
    return decode(v, np.asarray(z))


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
    return imagine(params, model, DreamState(mu[-1], state), actions[start:], key)
