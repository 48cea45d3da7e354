"""C: the controller, a linear map from what V sees and M remembers to an action.

World Models, section 2.3: a = W [z, h] + b, squashed to the bounds of the game (A.4:
for TakeCover W [z, c, h], without b). Its parameters are one flat vector, which is what
evolution searches; the optional hidden layer is the paper's ablation. Written for one
example: `jax.vmap` at the call site.
"""

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp

from worldmodels.environments.games import Game
from worldmodels.runtime.errors import UserError

INPUTS = ("z", "z_h", "z_c_h")

# What a game makes of x, a tanh, for a number of its actions between two bounds.
_SQUASHES = {
    "tanh": lambda x, low, high: x,
    "shifted": lambda x, low, high: (x + 1) / 2,
    "positive": lambda x, low, high: jnp.clip(x, 0, 1),
    # Rounding must not leave the bounds.
    "scaled": lambda x, low, high: jnp.clip(
        low + (high - low) * (x + 1) / 2, low, high
    ),
}


@dataclass(frozen=True)
class Controller:
    """The shape of C; `act` applies a flat vector of `parameter_count` numbers."""

    latent_size: int  # Z; paper: 32
    memory_size: int  # N; paper: 256
    game: Game  # whose actions it gives
    inputs: str = "z_h"  # which of V's and M's vectors C reads, in this order
    hidden_size: int = 0  # tanh units between; 0: none; the paper's ablation: 40
    bias: bool = True  # of every layer; the paper's for TakeCover: none

    def __post_init__(self):
        if self.inputs not in INPUTS:
            allowed = ", ".join(INPUTS)
            raise UserError(
                f"controller inputs are {self.inputs!r}; they must be one of {allowed}"
            )

    @property
    def action_size(self) -> int:
        """How many numbers an action has: A."""
        return len(self.game.actions)

    @property
    def feature_count(self) -> int:
        """How many numbers C reads: F."""
        memories = {"z": 0, "z_h": 1, "z_c_h": 2}[self.inputs]
        return self.latent_size + memories * self.memory_size

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each layer."""
        sizes = [self.feature_count, self.hidden_size, self.action_size]
        sizes = [size for size in sizes if size > 0]
        return tuple(pairwise(sizes))

    @property
    def parameter_count(self) -> int:
        """Length of the flat vector: D, 867 at the paper's sizes, TakeCover's 1,088."""
        return sum((inputs + self.bias) * outputs for inputs, outputs in self.layers)

    def unpack(self, params: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        """Return (weights [outputs, inputs], bias [outputs]) of each layer.

        The flat vector [D] holds the layers from the first to the last, each as its
        weights, an output's row after the other, then its bias, if it has one: without,
        zeros stand for it here.
        """
        unpacked, start = [], 0
        for inputs, outputs in self.layers:
            middle = start + inputs * outputs
            weights = params[start:middle].reshape(outputs, inputs)
            start = middle + outputs * self.bias
            none = jnp.zeros(outputs, params.dtype)
            unpacked.append((weights, params[middle:start] if self.bias else none))
        return unpacked

    def features(self, z: jax.Array, h: jax.Array, c: jax.Array) -> jax.Array:
        """Return what C reads, [F], of z [Z], h [N] and c [N]."""
        vectors = {"z": z, "c": c, "h": h}
        return jnp.concatenate([vectors[name] for name in self.inputs.split("_")])

    def act(
        self, params: jax.Array, z: jax.Array, h: jax.Array, c: jax.Array
    ) -> jax.Array:
        """Return the action [A] within the game's bounds.

        Args:
            params: [D] flat.
            z: [Z] of the current frame.
            h, c: [N] M's state before it consumes (z, action).
        """
        x = self.features(z, h, c)
        *hidden, (weights, bias) = self.unpack(params)
        for hidden_weights, hidden_bias in hidden:
            x = jnp.tanh(hidden_weights @ x + hidden_bias)
        return squash(weights @ x + bias, self.game)


def squash(raw: jax.Array, game: Game) -> jax.Array:
    """Return an action within the game's bounds of any raw [A].

    Of a choice the largest number wins.
    """
    if game.discrete:
        return _chosen(raw)
    pairs = zip(game.actions, jnp.tanh(raw), strict=True)
    return jnp.stack([_SQUASHES[a.squash](x, a.low, a.high) for a, x in pairs])


def bounded(action: jax.Array, game: Game) -> jax.Array:
    """Return the nearest action [..., A] that the game accepts."""
    if game.discrete:
        return _chosen(action)
    return jnp.clip(action, jnp.asarray(game.low), jnp.asarray(game.high))


def _chosen(numbers: jax.Array) -> jax.Array:
    """Return 1 at the largest of numbers [..., A] and 0 elsewhere.

    NaN where one of them is not finite: broken weights choose nothing.
    """
    largest = jnp.argmax(numbers, axis=-1)
    chosen = jax.nn.one_hot(largest, numbers.shape[-1], dtype=numbers.dtype)
    finite = jnp.isfinite(numbers).all(axis=-1, keepdims=True)
    return jnp.where(finite, chosen, jnp.nan)
