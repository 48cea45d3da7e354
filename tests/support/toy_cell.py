"""A recurrent cell that shares nothing with the LSTM: what a newcomer writes.

Its state is a dict of two arrays that begin at other numbers than zero, the heads read
more numbers than it has units, and it has a setting of its own.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp

from worldmodels.models.cells.cell import Parameter, unfold_by_steps
from worldmodels.models.cells.registry import CellSize, Kind


@dataclass(frozen=True)
class Toy:
    inputs: int
    units: int
    slots: int = 2

    def parameters(self):
        shape = (self.inputs + self.units + self.slots, self.units)
        return {"toy_kernel": Parameter(nn.initializers.glorot_uniform(), shape)}

    def initial(self, batch, dtype):
        return {
            "hidden": jnp.full((batch, self.units), 0.5, dtype),
            "read": jnp.ones((batch, self.slots), dtype),
        }

    def step(self, params, state, x):
        read = jnp.concatenate([x, state["hidden"], state["read"]], axis=-1)
        hidden = jnp.tanh(read @ params["toy_kernel"])
        slots = 0.9 * state["read"] + hidden[..., : self.slots]
        y = jnp.concatenate([hidden, slots], axis=-1)
        return y, {"hidden": hidden, "read": slots}

    def unfold(self, params, x, first, state):
        return unfold_by_steps(self, params, x, first, state)

    def features(self, state):
        return {"h": state["hidden"], "r": state["read"]}


def size(inputs: int, units: int, slots: int = 2) -> CellSize:
    weights = (inputs + units + slots) * units
    return CellSize(
        output=units + slots,
        features=(("h", units), ("r", slots)),
        state=units + slots,
        gates=units,
        kept=units + slots,
        parameters=weights,
        multiplies=weights,
    )


KIND = Kind(__name__, "Toy", ("z", "z_h", "z_r_h"), size)
