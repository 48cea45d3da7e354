"""What M's predictions cost on a sequence: value and gradients in one pass.

M's outputs are one product h @ kernel + bias: 3KZ numbers of the mixtures, then the
logit of death and the reward, where M has these heads. The mixtures cost their
NLL (World Models, appendix A.2), death a weighted cross-entropy (the original's code
for TakeCover), the reward its squared error.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import mixture
from worldmodels.models.cells.cell import in_chunks
from worldmodels.models.precision import FLOAT32, Precision, contract, factor


class Number(NamedTuple):
    """A number at each step, and how much an error of it costs."""

    value: jax.Array  # [T, B]
    weight: jax.Array  # [T, B]; 0: nothing is known, and nothing costs


class Targets(NamedTuple):
    """What came of each step; None where M has no such head."""

    z: jax.Array  # [T, B, Z]
    known: jax.Array  # bool [T, B]: there is a next z
    death: Number | None  # of 0 or 1
    reward: Number | None
    # [T, B, 3KZ] that the outputs of the mixtures start from; it has no gradient
    start: jax.Array | None = None


class Costs(NamedTuple):
    """Sums over all steps; 0 where M has no such head."""

    nll: jax.Array  # nats
    death: jax.Array  # weight times nats
    reward: jax.Array  # weight times squared units


class CostGradients(NamedTuple):
    """Sums over the time steps so far."""

    costs: Costs
    kernel: jax.Array  # [N, O]
    bias: jax.Array  # [O]


def total(
    kernel: jax.Array,
    bias: jax.Array,
    h: jax.Array,
    targets: Targets,
    precision: Precision = FLOAT32,
    least: float | None = None,
) -> tuple[jax.Array, Costs]:
    """Return all costs together, which have gradients, and one by one, which have none.

    The gradients have a closed form and are made together with the value, a few time
    steps at a time: autodiff over a whole sequence keeps ten arrays [T, B, K, Z], and
    on a CPU their memory costs three times the arithmetic.

    Args:
        kernel: [N, O] and bias [O]: see `mixture.from_outputs`, then one column each
            for death and the reward where there are such targets.
        h: [T, B, N].
        precision: of the products with the kernel, forward and backward.
        least: None, or what bounds the mixtures' log-stds: see `mixture.floored`.
    """
    together, costs = _total(kernel, bias, h, targets, precision, least)
    return together, jax.lax.stop_gradient(costs)


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _total(kernel, bias, h, targets, precision, least):
    return _forward(kernel, bias, h, targets, precision, least)[0]


def _forward(kernel, bias, h, targets, precision, least):
    ahead, back = factor(kernel, precision), factor(kernel.T, precision)

    def step(total: CostGradients, rows):
        h, targets = rows
        outputs = contract("rn,no->ro", h, ahead, precision) + bias
        costs, (doutputs, dz) = _costs_and_gradients(outputs, targets, least)
        total = CostGradients(
            Costs(*map(jnp.add, total.costs, costs)),
            total.kernel + h.T @ doutputs,  # in float32: see `lstm`
            total.bias + doutputs.sum(axis=0),
        )
        return total, (contract("ro,on->rn", doutputs, back, precision), dz)

    none = Costs(*(jnp.zeros((), h.dtype) for _ in Costs._fields))
    zero = CostGradients(none, jnp.zeros_like(kernel), jnp.zeros_like(bias))
    rows = jax.tree.map(_in_rows, (h, targets))
    total, (dh, dz) = jax.lax.scan(step, zero, rows)
    gradients = (
        total.kernel,
        total.bias,
        dh.reshape(h.shape),
        Targets(dz.reshape(targets.z.shape), None, None, None),
    )
    return (sum(total.costs), total.costs), gradients


def _in_rows(x: jax.Array) -> jax.Array:
    """Cut x [T, B, ...] into [C, R, ...]: R rows are taken at once."""
    chunks = in_chunks(x)
    return chunks.reshape(len(chunks), -1, *x.shape[2:])


def _costs_and_gradients(outputs, targets: Targets, least: float | None):
    """Return the costs of outputs [R, O], and their gradients by outputs and z."""
    numbers = [name for name in _NUMBERS if getattr(targets, name) is not None]
    mixtures = outputs.shape[-1] - len(numbers)
    of_mixtures = outputs[:, :mixtures]
    if targets.start is not None:
        of_mixtures += targets.start
    each, parts = mixture.nll_and_gradients(
        of_mixtures, targets.z, targets.known, least
    )
    dz = -parts[1].sum(axis=1)
    costs = Costs(each.sum(), jnp.zeros((), each.dtype), jnp.zeros((), each.dtype))
    # Flattened first: XLA's CPU backend writes a concatenation at a fusion's root
    # piece by piece, and otherwise branches at every element.
    columns = [x.reshape(len(outputs), -1) for x in parts]
    for column, name in enumerate(numbers, start=mixtures):
        target = getattr(targets, name)
        cost, gradient = _NUMBERS[name](outputs[:, column], target.value)
        costs = costs._replace(**{name: (target.weight * cost).sum()})
        columns.append((target.weight * gradient)[:, None])
    return costs, (jnp.concatenate(columns, axis=-1), dz)


def _cross_entropy(logit, happened):
    """Return -log p of what happened, in nats, and its gradient by the logit."""
    return jnp.logaddexp(0, logit) - happened * logit, jax.nn.sigmoid(logit) - happened


def _squared_error(expected, value):
    error = expected - value
    return error**2, 2 * error


_NUMBERS = {"death": _cross_entropy, "reward": _squared_error}  # as their columns are


def _backward(precision, least, gradients, cotangents):
    dtotal, _ = cotangents
    return jax.tree.map(lambda x: dtotal * x, gradients)


_total.defvjp(_forward, _backward)
