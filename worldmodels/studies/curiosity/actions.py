"""The distribution of an action: a choice of K, or D numbers between bounds.

A network's outputs are the logits of K actions; or D means, whose deviations are
parameters of their own. Numbers are drawn from a normal distribution whose -1 and 1 are
the bounds of the action; the environment cuts off what lies outside.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.curiosity.networks import Params


@dataclass(frozen=True)
class Choice:
    """One of `count` actions, int32 [B]."""

    count: int

    @property
    def outputs(self) -> int:
        """How many numbers the network gives."""
        return self.count

    @property
    def start(self) -> tuple[float, ...]:
        """Outputs of an untrained policy."""
        return (0.0,) * self.count

    @property
    def words(self) -> int:
        """Random words that a draw takes."""
        return 1

    def draw(self, outputs: jax.Array, params: Params, bits: jax.Array) -> jax.Array:
        """Draw actions for outputs [B, K] with uint32 bits [B, 1]."""
        del params
        chance = jax.nn.softmax(outputs)
        below = jnp.cumsum(chance, axis=-1)[:, :-1]
        drawn = uniform(bits, outputs.dtype)
        return (drawn >= below).sum(axis=-1).astype(np.int32)

    def likeliest(self, outputs: jax.Array) -> jax.Array:
        """Return the likeliest actions."""
        return outputs.argmax(axis=-1).astype(np.int32)

    def log_prob(
        self, outputs: jax.Array, params: Params, actions: jax.Array
    ) -> jax.Array:
        """Return the logarithms of the actions' probabilities, [...]."""
        del params
        found = jax.nn.log_softmax(outputs)
        return jnp.where(actions[..., None] == np.arange(self.count), found, 0).sum(-1)

    def entropy(self, outputs: jax.Array, params: Params) -> jax.Array:
        """Return the entropies [...], in nats."""
        del params
        found = jax.nn.log_softmax(outputs)
        return -(jnp.exp(found) * found).sum(-1)

    def applied(self, actions: jax.Array) -> jax.Array:
        """Return the actions as the environment takes them."""
        return actions


@dataclass(frozen=True)
class Numbers:
    """D numbers between bounds, [B, D]; -1 and 1 stand for the bounds."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    start: tuple[float, ...]  # means of an untrained policy

    @property
    def outputs(self) -> int:
        """How many numbers the network gives."""
        return len(self.low)

    @property
    def words(self) -> int:
        """Random words that a draw takes."""
        return len(self.low)

    def draw(self, outputs: jax.Array, params: Params, bits: jax.Array) -> jax.Array:
        """Draw actions for outputs [B, D] with uint32 bits [B, D]."""
        noise = jax.scipy.special.ndtri(uniform(bits, outputs.dtype))
        return outputs + jnp.exp(params["log_std"]) * noise

    def likeliest(self, outputs: jax.Array) -> jax.Array:
        """Return the likeliest actions."""
        return outputs

    def log_prob(
        self, outputs: jax.Array, params: Params, actions: jax.Array
    ) -> jax.Array:
        """Return the logarithms of the actions' densities, [...]."""
        log_std = params["log_std"]
        distance = (actions - outputs) * jnp.exp(-log_std)
        each = -jnp.square(distance) / 2 - log_std - np.log(2 * np.pi) / 2
        return each.sum(-1)

    def entropy(self, outputs: jax.Array, params: Params) -> jax.Array:
        """Return the entropies [...], in nats."""
        one = (params["log_std"] + np.log(2 * np.pi * np.e) / 2).sum()
        return jnp.broadcast_to(one, outputs.shape[:-1])

    def applied(self, actions: jax.Array) -> jax.Array:
        """Return the actions as the environment takes them."""
        low, high = (
            np.asarray(bound, actions.dtype) for bound in (self.low, self.high)
        )
        return jnp.clip(low + (actions + 1) / 2 * (high - low), low, high)


Actions = Choice | Numbers


def uniform(bits: jax.Array, dtype: str) -> jax.Array:
    """Return numbers within (0, 1), its ends left out, from uint32 bits."""
    return ((bits >> np.uint32(9)).astype(dtype) + 0.5) / 2**23
