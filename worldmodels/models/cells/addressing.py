"""How the DNC finds slots of its memory: by content, by usage and by order of writing.

Graves et al. 2016, "Hybrid computing using a neural network with dynamic external
memory", Methods. Every function takes any leading axes. A weighting is [..., N], at
least 0, and sums to at most 1.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

# Inside the roots of norms: without it the empty memory of the first step would have
# gradients that are NaN. Added to usage, whose logarithm is taken.
EPSILON = 1e-6
FEW = 32  # slots


def cosine(
    memory: jax.Array, keys: jax.Array, masks: jax.Array | None = None
) -> jax.Array:
    """Return the cosine [..., K, N] of keys [..., K, W] with memory [..., N, W].

    Both lengths are sqrt(|x|^2 + EPSILON). With masks m [..., K, W] it is the cosine of
    m k with m M_i: a key says which of a slot's numbers it looks for (Csordas &
    Schmidhuber 2019, section 3.1).
    """
    if masks is None:
        lengths = length(memory)[..., None, :]
    else:
        keys = keys * masks
        squares = jnp.einsum("...kw,...nw->...kn", masks**2, memory**2)
        lengths = jnp.sqrt(squares + EPSILON)
    looked_for = keys if masks is None else keys * masks
    products = jnp.einsum("...kw,...nw->...kn", looked_for, memory)
    return products / (length(keys)[..., None] * lengths)


def length(x: jax.Array) -> jax.Array:
    """Return the length [...] of vectors [..., W]."""
    return jnp.sqrt(jnp.sum(x * x, axis=-1) + EPSILON)


def content(
    memory: jax.Array,
    keys: jax.Array,
    strengths: jax.Array,
    masks: jax.Array | None = None,
) -> jax.Array:
    """Return the content weightings [..., K, N] of keys [..., K, W].

    Args:
        memory: [..., N, W].
        strengths: [..., K], at least 1.
        masks: None, or [..., K, W] in (0, 1); see `cosine`.
    """
    near = cosine(memory, keys, masks)
    return jax.nn.softmax(strengths[..., None] * near, axis=-1)


def sharpened(weightings: jax.Array, powers: jax.Array) -> jax.Array:
    """Return weightings [..., R, N] with what is large in them larger; sums are 1.

    S(w, s)_i is ((w_i + EPSILON) / max_j (w_j + EPSILON))^s over the sum of all such
    (Csordas & Schmidhuber 2019, section 3.3).

    Args:
        powers: s [..., R], at least 1.
    """
    return jax.nn.softmax(powers[..., None] * jnp.log(weightings + EPSILON), axis=-1)


def few(weighting: jax.Array) -> bool:
    """Return whether N x N numbers cost less than the calls that they are made by."""
    return weighting.shape[-1] <= FEW


def made(*vectors: jax.Array) -> Sequence[jax.Array]:
    """Return vectors [..., N] as arrays that are there before their use.

    XLA on a CPU would else make a vector anew for each of the N x N numbers that it
    goes into. It joins no product with what reads it, so here is one, with ones.
    """
    if few(vectors[0]):
        return vectors
    ones = jnp.eye(len(vectors), dtype=vectors[0].dtype)
    return jnp.tensordot(ones, jnp.stack(vectors), 1, precision="highest")


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
    slots before i. The order is a constant of the gradient.
    """
    return _allocated(EPSILON + (1 - EPSILON) * usage)


@jax.custom_vjp
def _allocated(usage: jax.Array) -> jax.Array:
    return _allocated_forward(usage)[0]


def _allocated_forward(usage):
    # The sum of logarithms over all slots before needs no sort.
    known, logs = made(usage, jnp.log(usage))
    logs = jnp.where(before(known), logs[..., :, None], 0)
    left = checkpoint_name(jnp.exp(jnp.sum(logs, axis=-2)), "dnc")
    return (1 - usage) * left, (usage, left)


def _allocated_backward(saved, gradient):
    usage, left = saved
    # da_i / du_j = a_i / u_j where j is before i, and da_i / du_i = -left_i.
    known, later = made(usage, (1 - usage) * left * gradient)
    later = jnp.sum(jnp.where(before(known), later[..., None, :], 0), axis=-1)
    return (later / usage - left * gradient,)


_allocated.defvjp(_allocated_forward, _allocated_backward)


def before(usage: jax.Array) -> jax.Array:
    """Return whether slot j is before slot i by usage [..., N]: [..., N (j), N (i)].

    Of two with the same usage that with the lower number is before.
    """
    u_j, u_i = usage[..., :, None], usage[..., None, :]
    slots = jnp.arange(usage.shape[-1])
    return (u_j < u_i) | ((u_j == u_i) & (slots[:, None] < slots[None, :]))


def preceding(precedence: jax.Array, write: jax.Array) -> jax.Array:
    """Return the precedence [..., N] after a write: how much each slot was the last."""
    return (1 - write.sum(-1, keepdims=True)) * precedence + write
