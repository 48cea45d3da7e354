"""The network of the study: a recurrent cell on pixels that predicts the next picture.

There is no V and no mixture. At step t the cell reads the 4,096 pixels of a sprite and
the change of its five factors to the next sprite; one linear layer on what the cell
gives tells the log-odds of each pixel of that next sprite.
"""

from dataclasses import dataclass
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.models.cells import registry
from worldmodels.models.cells.cell import Cell, State, restarted
from worldmodels.studies.dsprites.settings import SIZES
from worldmodels.studies.dsprites.sprites import PIXELS

ACTIONS = 5
_UNLIT = -3.0  # log-odds of a lit pixel: 5 of 100 are
Params = dict[str, jax.Array]


class Steps(NamedTuple):
    """What a model is shown of T steps of B rollouts."""

    pixels: jax.Array  # uint8 [T, B, 4096], 0 or 1
    actions: jax.Array  # [T, B, 5] change of the factors' values to the next sprite
    first: jax.Array  # bool [T, B] where a rollout begins


@dataclass(frozen=True)
class Model:
    """The shapes of the network, without its weights."""

    cell: Cell
    outputs: int  # numbers that the cell gives at a step
    dtype: str = "float32"  # of the weights and the state

    def initial(self, key: jax.Array) -> Params:
        """Return fresh weights."""
        parameters = dict(self.cell.parameters())
        keys = jax.random.split(key, len(parameters) + 1)
        params = {
            name: parameter.initial(key, parameter.shape, self.dtype)
            for key, (name, parameter) in zip(keys[1:], parameters.items(), strict=True)
        }
        glorot = nn.initializers.glorot_uniform()
        params["head_kernel"] = glorot(keys[0], (self.outputs, PIXELS), self.dtype)
        params["head_bias"] = jnp.full(PIXELS, _UNLIT, self.dtype)
        return params

    def initial_state(self, batch: int) -> State:
        """Return the state [B, ...] before the first step: zeros."""
        return self.cell.initial(batch, self.dtype)

    def unfold(
        self, params: Params, steps: Steps, state: State
    ) -> tuple[jax.Array, State]:
        """Return what the cell gives after each step, [T, B, N], and the state."""
        own = self.of_cell(params)
        return self.cell.unfold(own, self.inputs(steps), steps.first, state)

    def inputs(self, steps: Steps) -> jax.Array:
        """Return what the cell reads, [T, B, 4096 + 5]."""
        pixels = steps.pixels.astype(self.dtype)
        return jnp.concatenate([pixels, steps.actions.astype(self.dtype)], axis=-1)

    def of_cell(self, params: Params) -> Params:
        """Return the cell's own weights, without the linear layer's."""
        return {name: params[name] for name in self.cell.parameters()}

    def logits(self, params: Params, h: jax.Array) -> jax.Array:
        """Return the log-odds [..., 4096] of the next picture's pixels."""
        return h @ params["head_kernel"] + params["head_bias"]


def create(name: str, hidden_size: int, dtype: str = "float32") -> Model:
    """Return the model of that name, one of `settings.SIZES`."""
    cell, options = SIZES[name]
    inputs = PIXELS + ACTIONS
    size = registry.size(cell, inputs, hidden_size, **options)
    made = registry.create(cell, inputs, hidden_size, **options)
    return Model(made, size.output, dtype)


def loss(
    params: Params, batch: dict[str, jax.Array], key: jax.Array, state: State, *, model
) -> tuple[jax.Array, tuple[dict[str, jax.Array], State]]:
    """Return the cross-entropy of the next pictures, nats a picture: `loop.Loss`.

    Args:
        batch: pixels and next uint8 [B, T, 4096], actions [B, T, 5], first [B, T].
        key: of no use; nothing is drawn.
    """
    steps = Steps(*(jnp.swapaxes(batch[name], 0, 1) for name in Steps._fields))
    h, state = model.unfold(params, steps, state)
    lit = jnp.swapaxes(batch["next"], 0, 1).astype(model.dtype)
    costs = optax.sigmoid_binary_cross_entropy(model.logits(params, h), lit)
    value = costs.sum(axis=-1).mean()
    return value, ({"loss": value}, jax.lax.stop_gradient(state))


def baseline(pictures: np.ndarray) -> float:
    """Return the nats a picture of the best prediction without any input.

    Args:
        pictures: uint8 [N, 4096], many of them.
    """
    share = np.clip(pictures.mean(axis=0, dtype=np.float64), 1e-9, 1 - 1e-9)
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)).sum())


def observe(
    model: Model, params: Params, steps: Steps, state: State, names: tuple[str, ...]
) -> tuple[State, dict[str, jax.Array]]:
    """Return the state and the vectors [T, B, F] of these names after each step."""
    own, fresh = model.of_cell(params), model.initial_state(steps.first.shape[1])

    def step(state: State, at_t: tuple[jax.Array, jax.Array]):
        x, first = at_t
        _, state = model.cell.step(own, restarted(state, first, fresh), x)
        found = vectors(model, state)
        return state, {name: found[name] for name in names}

    return jax.lax.scan(step, state, (model.inputs(steps), steps.first))


def vectors(model: Model, state: State) -> dict[str, jax.Array]:
    """Return the vectors [B, F] of a state that probes read.

    They are h and c and, of a DNC, the read vectors r and the memory M.
    """
    found = dict(model.cell.features(state))
    if hasattr(state, "memory"):
        found["M"] = state.memory.reshape(len(state.memory), -1)
    return found
