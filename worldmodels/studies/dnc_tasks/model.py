"""A recurrent cell with a linear readout that answers a task: losses and errors."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from worldmodels.models.cells import registry
from worldmodels.models.cells.cell import Cell
from worldmodels.studies.dnc_tasks.tasks import COLUMNS, TASKS, Sequences, Task

Params = dict[str, jax.Array]


@dataclass(frozen=True)
class Model:
    """What answers a task."""

    task: str  # one of `TASKS`
    cell: str  # one of `registry.CELLS`
    units: int  # H
    options: tuple[tuple[str, Any], ...] = ()  # settings of that cell alone
    squared: bool = False  # bits are learnt as numbers 0 and 1, not as probabilities
    dtype: str = "float32"  # of the weights

    @property
    def asked(self) -> Task:
        """The task."""
        return TASKS[self.task]

    @property
    def recurrent(self) -> Cell:
        """The cell, without its weights."""
        return registry.create(self.cell, COLUMNS, self.units, **dict(self.options))

    @property
    def read(self) -> int:
        """Numbers that the readout reads at a step: F."""
        size = registry.size(self.cell, COLUMNS, self.units, **dict(self.options))
        return size.output


class Errors(NamedTuple):
    """How wrong the answers to sequences are, [B] each."""

    wrong: jax.Array  # share of the bits, or of the sums, that are wrong
    squared: jax.Array  # mean square of what the answer misses


@partial(jax.jit, static_argnames="model")
def initial(key: jax.Array, model: Model) -> Params:
    """Return fresh weights: the cell's, and a readout [F, Y] with its bias."""
    glorot, outputs = nn.initializers.glorot_uniform(), model.asked.outputs
    parameters = dict(model.recurrent.parameters())
    *keys, of_readout = jax.random.split(key, len(parameters) + 1)
    params = {
        name: parameter.initial(key, parameter.shape, model.dtype)
        for key, (name, parameter) in zip(keys, parameters.items(), strict=True)
    }
    params["readout_kernel"] = glorot(of_readout, (model.read, outputs), model.dtype)
    params["readout_bias"] = jnp.zeros(outputs, model.dtype)
    return params


def outputs(params: Params, model: Model, inputs: jax.Array) -> jax.Array:
    """Return the output [T, B, Y] at each step of sequences that begin now."""
    cell = model.recurrent
    first = jnp.zeros(inputs.shape[:2], bool).at[0].set(True)
    state = cell.initial(inputs.shape[1], inputs.dtype)
    own = {name: params[name] for name in cell.parameters()}
    read, _ = cell.unfold(own, inputs, first, state)
    return readout(params, read)


def readout(params: Params, read: jax.Array) -> jax.Array:
    """Return the output [..., Y] of what the cell gives, [..., F]."""
    return read @ params["readout_kernel"] + params["readout_bias"]


def answers(found: jax.Array, model: Model) -> jax.Array:
    """Return outputs as numbers that targets are compared with."""
    if model.asked.bits and not model.squared:
        return jax.nn.sigmoid(found)
    return found


def loss(params: Params, batch: Sequences, key: jax.Array, model: Model):
    """Return what is minimised and the metrics, of sequences [T, B, ...].

    It is the mean over all bits that are asked for of their cross-entropy, or over all
    sums of their squared error.
    """
    del key
    found = outputs(params, model, batch.inputs)
    missed = found - batch.targets
    if model.asked.bits:
        missed = optax.sigmoid_binary_cross_entropy(found, batch.targets)
    else:
        missed = missed**2
    value = _mean(missed, batch.answer)
    return value, _metrics(value, found, batch, model)


def squared_loss(params: Params, batch: Sequences, key: jax.Array, model: Model):
    """Return the mean squared error over all steps, as the seeds', and the metrics."""
    del key
    found = outputs(params, model, batch.inputs)
    value = _mean((found - batch.targets) ** 2, batch.inside)
    return value, _metrics(value, found, batch, model)


def _mean(values: jax.Array, counted: jax.Array) -> jax.Array:
    """Return the mean of values [T, B, Y] at the steps that are counted, [T, B]."""
    count = counted.sum() * values.shape[-1]
    return jnp.sum(jnp.where(counted[..., None], values, 0)) / count


def _metrics(value, found, batch, model) -> dict[str, jax.Array]:
    found = errors(found, batch, model)
    return {
        "loss": value,
        "wrong": found.wrong.mean(),
        "squared": found.squared.mean(),
    }


def errors(found: jax.Array, batch: Sequences, model: Model) -> Errors:
    """Return how wrong outputs [T, B, Y] are where an answer is asked for."""
    missed = jnp.abs(answers(found, model) - batch.targets)
    asked = jnp.broadcast_to(batch.answer[..., None], missed.shape)
    # A bit is read as the nearer of 0 and 1, a sum as the nearest whole number.
    wrong, squared = missed > 0.5, missed**2
    mean = partial(jnp.mean, axis=(0, 2), where=asked)
    return Errors(mean(wrong), mean(squared))


def parameters(model: Model) -> int:
    """Return how many weights there are."""
    size = registry.size(model.cell, COLUMNS, model.units, **dict(model.options))
    return size.parameters + (size.output + 1) * model.asked.outputs


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
