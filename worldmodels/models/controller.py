"""C: the controller, a linear map from what V sees and M remembers to an action.

World Models, section 2.3: a = W [z, h] + b, squashed to the bounds of the game; for
TakeCover W [z, c, h], without b (appendix A.3). C reads z and features of M's recurrent
cell by their names. Its parameters are one flat vector, which evolution searches; the
optional hidden layer is the paper's ablation. Written for one example: `jax.vmap` at
the call site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp

from worldmodels.environments.games import Game
from worldmodels.models.cells.registry import Features
from worldmodels.runtime.errors import UserError

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
    features: Features  # that M's cell has; paper: h and c of 256 each
    game: Game  # whose actions it gives
    inputs: str = "z_h"  # z, and the features that C reads, in this order
    hidden_size: int = 0  # tanh units between; 0: none; the paper's ablation: 40
    bias: bool = True  # of every layer; the paper's for TakeCover: none

    def __post_init__(self):
        first, *others = self.reads
        if first != "z" or not {*others} <= {*self._sizes} - {"z"}:
            known = " and ".join(name for name, _ in self.features)
            raise UserError(
                f"controller inputs are {self.inputs!r}; they must be z, or z and what "
                f"M's recurrent cell has, which is {known}, joined by _, as z_h"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the vectors that C reads, in their order."""
        return tuple(self.inputs.split("_"))

    @property
    def _sizes(self) -> dict[str, int]:
        return {"z": self.latent_size, **dict(self.features)}

    @property
    def action_size(self) -> int:
        """How many numbers an action has: A."""
        return len(self.game.actions)

    @property
    def feature_count(self) -> int:
        """How many numbers C reads: F."""
        return sum(self._sizes[name] for name in self.reads)

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

        The flat vector [D] holds the layers from the first to the last. Each is its
        weights, row after row, one row an output, and then its bias. A C without biases
        stores none, and gets zeros here.
        """
        unpacked, start = [], 0
        for inputs, outputs in self.layers:
            middle = start + inputs * outputs
            weights = params[start:middle].reshape(outputs, inputs)
            start = middle + outputs * self.bias
            none = jnp.zeros(outputs, params.dtype)
            unpacked.append((weights, params[middle:start] if self.bias else none))
        return unpacked

    def read(self, z: jax.Array, features: Mapping[str, jax.Array]) -> jax.Array:
        """Return what C reads [..., F] of z [..., Z] and of M's features by name."""
        vectors = {"z": z, **features}
        return jnp.concatenate([vectors[name] for name in self.reads], axis=-1)

    def read_from(self, params: jax.Array, origin: jax.Array) -> jax.Array:
        """Return the parameters [D] that act on x as `params` [D] do on x - origin.

        W (x - origin) + b is W x + (b - W origin). So the first layer needs its bias.

        Args:
            origin: [F].
        """
        inputs, outputs = self.layers[0]
        weights, bias = self.unpack(params)[0]
        start = inputs * outputs
        moved = bias - weights @ origin
        return jnp.concatenate([params[:start], moved, params[start + outputs :]])

    def act(
        self, params: jax.Array, z: jax.Array, features: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Return the action [A] within the game's bounds.

        Args:
            params: [D] flat.
            z: [Z] of the current frame.
            features: by name, of M's state before it consumes (z, action).
        """
        x = self.read(z, features)
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
