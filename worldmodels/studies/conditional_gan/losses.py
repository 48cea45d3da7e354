"""What the two networks minimise: of scores [B], the mean over the batch.

`hinge`: D: mean max(0, 1 - D(x, y)) + mean max(0, 1 + D(G(z, y), y)); G: -mean D(G).
`cross_entropy`, the seed's: D tells real from drawn, with targets of real pictures that
may be below 1; G wants its own to be called real.
"""

import jax
import jax.numpy as jnp


def hinge_of_discriminator(
    real: jax.Array, drawn: jax.Array, targets: jax.Array
) -> jax.Array:
    """Return D's hinge loss; it has no targets."""
    del targets
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + drawn))


def hinge_of_generator(drawn: jax.Array) -> jax.Array:
    """Return G's loss beside D's hinge."""
    return -jnp.mean(drawn)


def cross_entropy_of_discriminator(
    real: jax.Array, drawn: jax.Array, targets: jax.Array
) -> jax.Array:
    """Return D's cross-entropy in nats; `targets` [B] are those of the real ones."""
    # -t log s(x) - (1 - t) log (1 - s(x)) = softplus(x) - t x
    of_real = jnp.mean(jax.nn.softplus(real) - targets * real)
    return of_real + jnp.mean(jax.nn.softplus(drawn))


def cross_entropy_of_generator(drawn: jax.Array) -> jax.Array:
    """Return G's cross-entropy in nats."""
    return jnp.mean(jax.nn.softplus(-drawn))


LOSSES = {
    "hinge": (hinge_of_discriminator, hinge_of_generator),
    "cross_entropy": (cross_entropy_of_discriminator, cross_entropy_of_generator),
}
