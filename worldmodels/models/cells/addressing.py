"""How the DNC finds slots of its memory: by content, by usage and by order of writing.

Graves et al. 2016, "Hybrid computing using a neural network with dynamic external
memory", Methods. Every function takes any leading axes. A weighting is [..., N], at
least 0, and sums to at most 1.
"""

import jax
import jax.numpy as jnp

# Inside the roots of norms: without it the empty memory of the first step would have
# gradients that are NaN. Added to usage, whose logarithm is taken.
EPSILON = 1e-6


def cosine(memory: jax.Array, keys: jax.Array) -> jax.Array:
    """Return the cosine [..., K, N] of keys [..., K, W] with memory [..., N, W].

    Both lengths are sqrt(|x|^2 + EPSILON).
    """
    products = jnp.einsum("...kw,...nw->...kn", keys, memory)
    return products / (length(keys)[..., None] * length(memory)[..., None, :])


def length(x: jax.Array) -> jax.Array:
    """Return the length [...] of vectors [..., W]."""
    return jnp.sqrt(jnp.sum(x * x, axis=-1) + EPSILON)


def content(memory: jax.Array, keys: jax.Array, strengths: jax.Array) -> jax.Array:
    """Return the content weightings [..., K, N] of keys [..., K, W].

    Args:
        memory: [..., N, W].
        strengths: [..., K], at least 1.
    """
    return jax.nn.softmax(strengths[..., None] * cosine(memory, keys), axis=-1)


def retention(free: jax.Array, read: jax.Array) -> jax.Array:
    """Return psi [..., N], the share of each slot that the free gates do not give up.

    Args:
        free: [..., R] gates of now.
        read: [..., R, N] weightings of the step before.
    """
    kept = 1 - free[..., None] * read
    # Not jnp.prod: its gradient divides by the factors.
    product = kept[..., 0, :]
    for head in range(1, kept.shape[-2]):
        product = product * kept[..., head, :]
    return product


def used(usage: jax.Array, write: jax.Array, retained: jax.Array) -> jax.Array:
    """Return the usage [..., N] of now, of usage, write and retention [..., N].

    The gradient does not go into the write weighting of the step before, as in the
    authors' code; the text does not say.
    """
    write = jax.lax.stop_gradient(write)
    return (usage + write - usage * write) * retained


def allocation(usage: jax.Array) -> jax.Array:
    """Return the allocation weighting [..., N]: most where usage [..., N] is least.

    With slots in order of usage, a_i = (1 - u_i) times the product of u_j over the
    slots before i. The sum of logarithms over all slots before needs no sort.
    """
    usage = EPSILON + (1 - EPSILON) * usage
    logs = jnp.sum(jnp.where(before(usage), jnp.log(usage)[..., None, :], 0), axis=-1)
    return (1 - usage) * jnp.exp(logs)


def before(usage: jax.Array) -> jax.Array:
    """Return whether slot j is before slot i by usage [..., N]: [..., N (i), N (j)].

    Of two with the same usage that with the lower number is before.
    """
    u_i, u_j = usage[..., :, None], usage[..., None, :]
    slots = jnp.arange(usage.shape[-1])
    return (u_j < u_i) | ((u_j == u_i) & (slots[None, :] < slots[:, None]))


def linked(link: jax.Array, precedence: jax.Array, write: jax.Array) -> jax.Array:
    """Return the temporal links [..., N, N] after a write.

    L[i, j] is how much slot i was written right after slot j.

    Args:
        link: [..., N, N] before it.
        precedence: [..., N] before it.
        write: [..., N] the weighting.
    """
    w_i, w_j = write[..., :, None], write[..., None, :]
    link = (1 - w_i - w_j) * link + w_i * precedence[..., None, :]
    return jnp.where(jnp.eye(write.shape[-1], dtype=bool), 0, link)


def preceding(precedence: jax.Array, write: jax.Array) -> jax.Array:
    """Return the precedence [..., N] after a write: how much each slot was the last."""
    return (1 - write.sum(-1, keepdims=True)) * precedence + write
