"""The training loop's core, shared by V and M.

`updates` makes the jitted function that applies several minibatches in one call: one
call a minibatch maps hundreds of megabytes anew each time on a CPU.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Loss = Callable[[Any, Any, jax.Array], tuple[jax.Array, dict[str, jax.Array]]]


class TrainState(NamedTuple):
    """All that a training changes."""

    params: Any
    opt_state: Any
    step: jax.Array


def initial(params: Any, optimizer: optax.GradientTransformation) -> TrainState:
    """Return the state before the first update."""
    return TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))


def updates(
    loss: Loss, optimizer: optax.GradientTransformation, debug: bool = False
) -> Callable[[TrainState, Any, jax.Array], tuple[TrainState, dict[str, jax.Array]]]:
    """Return a jitted `(state, batches, key) -> (state, metrics)`.

    `batches` has a leading axis [S] of minibatches, applied in order; each metric
    comes back as [S]. The key of update n is `fold_in(key, n)`, so the result does not
    depend on how updates are grouped into calls. The state is donated. With `debug`
    the gradient norm of every parameter is a metric of its own.
    """

    def step(state: TrainState, batch_and_key):
        batch, key = batch_and_key
        key = jax.random.fold_in(key, state.step)
        (_, metrics), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params, batch, key
        )
        changes, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, changes)
        metrics = metrics | {"grad_norm": optax.global_norm(grads)}
        if debug:
            metrics |= gradient_norms(grads)
        return TrainState(params, opt_state, state.step + 1), metrics

    def run(state, batches, key):
        return jax.lax.scan(lambda s, batch: step(s, (batch, key)), state, batches)

    return jax.jit(run, donate_argnums=0)


def gradient_norms(grads: Any) -> dict[str, jax.Array]:
    """Return the norm of each parameter's gradient, named by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(grads)
    return {
        "grad_norm." + jax.tree_util.keystr(path, simple=True, separator="."): (
            jnp.linalg.norm(leaf.ravel())
        )
        for path, leaf in leaves
    }
