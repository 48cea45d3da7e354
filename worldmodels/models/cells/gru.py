"""The gated recurrent unit: one state h where the LSTM has two.

Cho et al. 2014, in the form of PyTorch's, cuDNN's and flax's GRU, where the reset gate
acts on the product with h and not on h (their "reset after"):

    r = sigmoid(W_r x + U_r h + b_r)
    u = sigmoid(W_u x + U_u h + b_u)
    n = tanh(W_n x + b_n + r (U_n h + b_h))
    h' = (1 - u) n + u h

The paper has no GRU: it is the second cell, with a quarter fewer weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models.cells.cell import Parameter, Params, unfold_by_steps
from worldmodels.models.precision import FLOAT32, Precision, product


class GRUState(NamedTuple):
    """What the GRU carries from one time step to the next."""

    h: jax.Array  # [B, N], in (-1, 1)


@dataclass(frozen=True)
class GRU:
    """A GRU of N units that reads I inputs; columns are ordered r, u, n."""

    inputs: int  # I
    units: int  # N
    precision: Precision = FLOAT32  # of the products

    def parameters(self) -> Mapping[str, Parameter]:
        """Return two kernels [I, 3N] and [N, 3N], and biases [3N] and, b_h, [N]."""
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        gates = 3 * self.units
        return {
            "gru_kernel": Parameter(glorot, (self.inputs, gates)),
            "gru_recurrent_kernel": Parameter(glorot, (self.units, gates)),
            "gru_bias": Parameter(_update_one, (gates,)),
            "gru_recurrent_bias": Parameter(zeros, (self.units,)),
        }

    def initial(self, batch: int, dtype: Any) -> GRUState:
        """Return the state [B, N] before the first step: zeros."""
        return GRUState(jnp.zeros((batch, self.units), dtype))

    def step(
        self, params: Params, state: GRUState, x: jax.Array
    ) -> tuple[jax.Array, GRUState]:
        """Return h and the state after x [..., I]."""
        n = self.units
        times = partial(product, precision=self.precision)
        of_x = times(x, params["gru_kernel"]) + params["gru_bias"]
        of_h = times(state.h, params["gru_recurrent_kernel"])
        gates = jax.nn.sigmoid(of_x[..., : 2 * n] + of_h[..., : 2 * n])
        r, u = jnp.split(gates, 2, axis=-1)
        recurrent = of_h[..., 2 * n :] + params["gru_recurrent_bias"]
        candidate = jnp.tanh(of_x[..., 2 * n :] + r * recurrent)
        h = (1 - u) * candidate + u * state.h
        return h, GRUState(h)

    def unfold(
        self, params: Params, x: jax.Array, first: jax.Array, state: GRUState
    ) -> tuple[jax.Array, GRUState]:
        """Return h [T, B, N] after each of x [T, B, I], and the state at the end."""
        return unfold_by_steps(self, params, x, first, state)

    def features(self, state: GRUState) -> dict[str, jax.Array]:
        """Return h, all that C may read."""
        return {"h": state.h}


def _update_one(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Return a bias [3N] of 1 at u, which keeps h: as the LSTM's forget gate has."""
    return jnp.zeros((3, shape[0] // 3), dtype).at[1].set(1).ravel()
