"""A DNC over a whole sequence: what its backward pass keeps, and how.

The state is large: 337 kB at 256 slots of 64 numbers, of which links are 262 kB. So of
a long sequence only the states at the starts of segments are kept, and the backward
pass makes a segment again. With segments of S steps it keeps T / S states and, for a
while, what the gradients of S steps need: least where S is about sqrt(T). The gradients
of the kernels by all steps of a segment are one product each.
"""

from functools import partial
from math import isqrt

import jax
import jax.numpy as jnp

from worldmodels.models.cells.cell import Cell, Params, State, restarted
from worldmodels.models.cells.registry import SMALL
from worldmodels.models.precision import contract, factor

KEPT = jax.checkpoint_policies.save_only_these_names("dnc")


def unfold(
    cell: Cell, params: Params, x: jax.Array, first: jax.Array, state: State
) -> tuple[jax.Array, State]:
    """Do what `Cell.unfold` does with a DNC."""
    time = len(x)
    small = sum(leaf[0].size for leaf in jax.tree.leaves(state)) <= SMALL
    steps = time if small else length(time)
    if steps == time:
        return segment(cell, params, x, first, state)

    @partial(jax.checkpoint, prevent_cse=False, policy=KEPT)
    def step(state, at):
        y, state = segment(cell, params, *at, state)
        return state, y

    rest = time % steps
    state, y = step(state, (x[:rest], first[:rest])) if rest else (state, x[:0])
    cut = jax.tree.map(lambda a: a[rest:].reshape(-1, steps, *a.shape[1:]), (x, first))
    state, others = jax.lax.scan(step, state, cut)
    others = others.reshape(-1, *others.shape[2:])
    return (jnp.concatenate([y, others]) if rest else others), state


def length(time: int) -> int:
    """Return the steps of a segment: near sqrt(T), and a divisor where one is near."""
    root = max(1, isqrt(time))
    near = range(root, max(root, (3 * root) // 2) + 1)
    return next((n for n in near if time % n == 0), root)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def segment(
    cell: Cell, params: Params, x: jax.Array, first: jax.Array, state: State
) -> tuple[jax.Array, State]:
    """Do what `Cell.unfold` does, keeping all that the gradients need of each step."""
    return _by_steps(cell, params, x, first, state, (None, None))


def _by_steps(cell, params, x, first, state, offsets):
    fresh = cell.initial(x.shape[1], x.dtype)
    kept = 1 - first.astype(x.dtype)

    @partial(jax.checkpoint, prevent_cse=False, policy=KEPT)
    def step(state, at_t):
        x, first, kept, *offsets = at_t
        # Links are forgotten in the pass that changes them.
        cut = restarted(state, first, fresh)._replace(link=state.link)
        y, state = cell.advance(params, cut, x, kept, offsets)
        return state, y

    state, y = jax.lax.scan(step, state, (x, first, kept, *offsets))
    return y, state


def _forward(cell, params, x, first, state):
    gates, xi = (params[name] for name in ("dnc_bias", "dnc_interface_bias"))
    offsets = tuple(
        jnp.zeros((*x.shape[:2], *bias.shape), x.dtype) for bias in (gates, xi)
    )
    (y, after), pull = jax.vjp(
        lambda state, offsets: _by_steps(cell, params, x, first, state, offsets),
        state,
        offsets,
    )
    return (y, after), (params, x, first, state, y, pull)


def _backward(cell, saved, gradients):
    params, x, first, state, y, pull = saved
    dstate, (dgates, dxi) = pull(gradients)
    outputs = jnp.concatenate([_output(state)[None], y[:-1]])
    outputs = jnp.where(first[..., None], 0, outputs)
    h, r = outputs[..., : cell.units], outputs[..., cell.units :]
    seen = jnp.concatenate([x, r, h], axis=-1)
    kernel = params["dnc_kernel"]
    from_x = factor(kernel[: cell.inputs].T, cell.precision)
    dx = contract("tbg,gi->tbi", dgates, from_x, cell.precision)
    dparams = {
        "dnc_kernel": jnp.einsum("tbr,tbg->rg", seen, dgates),
        "dnc_bias": dgates.sum((0, 1)),
        "dnc_interface_kernel": jnp.einsum("tbh,tbx->hx", y[..., : cell.units], dxi),
        "dnc_interface_bias": dxi.sum((0, 1)),
    }
    return dparams, dx, None, dstate


def _output(state):
    """Return [h, r] [B, H + R W] of a state."""
    return jnp.concatenate([state.h, state.r.reshape(len(state.r), -1)], axis=-1)


segment.defvjp(_forward, _backward)
