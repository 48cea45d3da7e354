"""M on integer states: a recurrent cell and a mixture of Gaussians for each integer.

Every integer and the action are read as ones among zeros, through one dense layer.
K Gaussians predict each integer's next value; `starts` says what the network's outputs
are added to. An integer that never changes would drive its standard deviation to 0 and
the loss to minus infinity: it has a floor, a part of one unit. The likeliest
Gaussian's mean, rounded, is the prediction.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import memory_costs, mixture
from worldmodels.models.cells import registry
from worldmodels.models.cells.cell import Cell, State
from worldmodels.models.cells.registry import CellSize
from worldmodels.models.memory_costs import Targets
from worldmodels.models.mixture import Mixture
from worldmodels.studies.pommerman import starts
from worldmodels.studies.pommerman.components import (
    ACTIONS,
    ENTRY,
    INPUTS,
    PARTS,
    VALUE,
    Z,
    one_hot,
    rounded,
)

Params = dict[str, jax.Array]
# Standard deviations of the weights of inputs at the start: what a board shows is many
# ones, of which few change; bombs, agent 0's own numbers and its action are few. Where
# no bomb lies, nothing is read.
_BOARD, _BOMBS, _OWN, _ACTION = 0.05, 0.3, 0.5, 0.5
# Of the head's weights: at first predictions are what mixtures start from. Large
# weights would drive h to where it no longer tells one state from another; without any,
# Gaussians that start alike would stay so.
_HEAD = 0.001


@dataclass(frozen=True)
class Model:
    """What predicts the next state."""

    cell: str  # one of `registry.CELLS`
    units: int  # H
    embedding: int  # E, numbers that the cell reads of a state and an action
    mixtures: int  # K
    least_std: float  # in units of the integers
    options: tuple[tuple[str, Any], ...] = ()  # settings of that cell alone
    dtype: str = "float32"  # of the weights

    @property
    def recurrent(self) -> Cell:
        """The cell, without its weights."""
        return registry.create(self.cell, self.embedding, self.units, **self._options)

    @property
    def size(self) -> CellSize:
        """The counts of the cell."""
        return registry.size(self.cell, self.embedding, self.units, **self._options)

    @property
    def _options(self) -> dict[str, Any]:
        return dict(self.options)

    @property
    def least(self) -> float:
        """The floor of the log-stds."""
        return math.log(self.least_std)


@partial(jax.jit, static_argnames="model")
def initial(key: jax.Array, model: Model) -> Params:
    """Return fresh weights: the cell's, and those of the layers before and after it."""
    glorot, cell = nn.initializers.glorot_uniform(), dict(model.recurrent.parameters())
    of_input, of_head, *keys = jax.random.split(key, len(cell) + 2)
    params = {
        name: parameter.initial(key, parameter.shape, model.dtype)
        for key, (name, parameter) in zip(keys, cell.items(), strict=True)
    }
    return params | {
        "input_kernel": _spread().astype(model.dtype)[:, None]
        * jax.random.normal(of_input, (INPUTS, model.embedding), model.dtype),
        "input_bias": jnp.zeros(model.embedding, model.dtype),
        "head_kernel": _HEAD
        * glorot(of_head, (model.size.output, 3 * model.mixtures * Z), model.dtype),
        "head_bias": jnp.zeros(3 * model.mixtures * Z, model.dtype),
    }


def _spread() -> np.ndarray:
    """Return the standard deviations of the weights of each input, [I]."""
    bombs = np.where(VALUE > 0, _BOMBS, 0)
    of_states = np.where(
        PARTS["board"].stop > ENTRY,
        _BOARD,
        np.where(PARTS["bomb_life"].stop > ENTRY, bombs, _OWN),
    )
    return np.concatenate([of_states, np.full(ACTIONS, _ACTION)])


def unfold(
    params: Params,
    model: Model,
    states: jax.Array,
    actions: jax.Array,
    first: jax.Array,
    state: State,
) -> tuple[jax.Array, State]:
    """Return h [T, B, N] after states int8 [T, B, Z] and actions int8 [T, B].

    A game begins where `first` [T, B]: what was before it is forgotten.
    """
    read = jax.nn.relu(
        one_hot(states, actions, model.dtype) @ params["input_kernel"]
        + params["input_bias"]
    )
    own = {name: params[name] for name in model.recurrent.parameters()}
    return model.recurrent.unfold(own, read, first, state)


def loss(
    params: Params,
    batch: dict[str, jax.Array],
    key: jax.Array,
    *,
    model: Model,
    table: np.ndarray,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the mean NLL over (game, step, integer) in nats, and the metrics.

    Args:
        batch: "states" int8 [B, T + 1, Z], "actions" int8 [B, T] of agent 0 and
            "length" int32 [B].
        table: of `starts.table`.
    """
    del key
    states, actions = (jnp.swapaxes(batch[n], 0, 1) for n in ("states", "actions"))
    now, later = states[:-1], states[1:]
    time = jnp.arange(len(now))[:, None]
    begun = model.recurrent.initial(actions.shape[1], model.dtype)
    first = jnp.broadcast_to(time == 0, actions.shape)
    h, _ = unfold(params, model, now, actions, first, begun)
    known = time < batch["length"]
    targets = Targets(
        later.astype(model.dtype), known, None, None, starts.of(table, now)
    )
    kernel, bias = params["head_kernel"], params["head_bias"]
    total, costs = memory_costs.total(kernel, bias, h, targets, least=model.least)
    count = known.sum() * Z
    return total / count, {"loss": costs.nll / count}


def head(
    params: Params, model: Model, table: np.ndarray, h: jax.Array, now: jax.Array
) -> Mixture:
    """Return the mixtures [..., Z, K] of the next state, of h [..., N] and of now."""
    outputs = h @ params["head_kernel"] + params["head_bias"]
    found = mixture.from_outputs(outputs + starts.of(table, now), model.mixtures)
    return found._replace(logstd=mixture.floored(found.logstd, model.least))


def likeliest(found: Mixture) -> jax.Array:
    """Return the integers nearest to the means of the likeliest Gaussians, [..., Z]."""
    best = jnp.argmax(found.logit, axis=-1, keepdims=True)
    return rounded(jnp.take_along_axis(found.mean, best, axis=-1)[..., 0])


def parameters(model: Model) -> int:
    """Return how many weights there are."""
    outputs = 3 * model.mixtures * Z
    read = (INPUTS + 1) * model.embedding
    return read + model.size.parameters + (model.size.output + 1) * outputs


def operations(model: Model) -> int:
    """Return the multiply-adds of products for one step of one game, forwards."""
    outputs = 3 * model.mixtures * Z
    read = INPUTS * model.embedding
    return read + model.size.multiplies + model.size.output * outputs


def of_as_many(model: Model) -> Model:
    """Return the LSTM whose number of weights is nearest to the model's."""
    wanted = parameters(model)

    def lstm(units: int) -> Model:
        return replace(model, cell=registry.LSTM, units=units, options=())

    units = 1
    while parameters(lstm(units)) < wanted:
        units += 1
    return min(
        (lstm(n) for n in (units - 1, units) if n),
        key=lambda some: abs(parameters(some) - wanted),
    )
