"""The one training loop of V and M: batches in, state out, checkpoints, stop on NaN.

`updates` makes the jitted function that applies several minibatches in one call: with a
call a minibatch, a CPU would map hundreds of megabytes anew each time. `fit` calls it
over all batches and has all side effects of a training.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import serialization

from worldmodels.runtime import stopping
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.stores.checkpoint import Checkpoint
from worldmodels.stores.publication import Writer
from worldmodels.training import gradients
from worldmodels.training.batches import Batches
from worldmodels.training.gradients import Metrics, Watch, gradient_norms

# (params, batch, key, carry) -> (loss, (metrics, carry)); the carry goes from each
# batch to the next.
Loss = Callable[[Any, Any, jax.Array, Any], tuple[jax.Array, tuple[Metrics, Any]]]


class TrainState(NamedTuple):
    """All that a training changes."""

    params: Any
    opt_state: Any
    step: jax.Array
    carry: Any = ()  # of the loss: M's state in episodes that go on in the next batch


def initial(
    params: Any, optimizer: optax.GradientTransformation, carry: Any = ()
) -> TrainState:
    """Return the state before the first update."""
    step = np.zeros((), np.int32)
    # One program: the moments of each shape would otherwise be one each.
    return TrainState(params, jax.jit(optimizer.init)(params), step, carry)


def separate(loss: Callable[[Any, Any, jax.Array], tuple[jax.Array, Metrics]]) -> Loss:
    """Return a `Loss` that carries nothing from one batch to the next."""

    def carrying(params, batch, key, carry):
        value, metrics = loss(params, batch, key)
        return value, (metrics, carry)

    return carrying


def updates(
    loss: Loss, optimizer: optax.GradientTransformation, debug: bool = False
) -> Callable[[TrainState, Any, jax.Array], tuple[TrainState, Metrics]]:
    """Return a jitted `(state, batches, key) -> (state, metrics)`.

    `batches` has a leading axis [S] of minibatches, applied in order; each metric
    comes back as [S]. The key of update n is `fold_in(key, n)`, so the result does not
    depend on how updates are grouped into calls. The state is donated. `grad_norm` is
    that of the loss, before the optimizer clips anything; with `debug` the norm of
    every parameter's gradient is a metric of its own.
    """

    def step(state: TrainState, batch_and_key):
        batch, key = batch_and_key
        key = jax.random.fold_in(key, state.step)
        (_, (metrics, carry)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params, batch, key, state.carry
        )
        changes, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, changes)
        metrics = metrics | gradients.metrics(grads)
        if debug:
            metrics |= gradient_norms(grads)
        return TrainState(params, opt_state, state.step + 1, carry), metrics

    def run(state, batches, key):
        return jax.lax.scan(lambda s, batch: step(s, (batch, key)), state, batches)

    return jax.jit(run, donate_argnums=0)


def fit(
    state: TrainState,
    update: Callable,
    source: Batches,
    key: jax.Array,
    *,
    group: int,
    checkpoint: Checkpoint,
    title: str,
    log: Path | None,
    interval: float,
    order: Sequence[str] = (),
    rate: str = "",
) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Train on all batches, from the checkpoint on when there is one.

    A signal to stop takes effect after the next call of `update`, once that is saved.

    Args:
        state: where to start when there is no checkpoint.
        update: made by `updates`, or a function of the same form.
        group: minibatches in one call of `update`, S.
        title: the stage, for progress and errors.
        log: where lines of progress are appended.
        interval: seconds between checkpoints; the result does not depend on it.
        order: how the names of parameters begin, from the network's input to its
            output; an error names the first whose gradient was not finite.
        rate: the setting to lower when the loss is not finite; else that of the title.

    Returns:
        The last state, and each metric at every step, [steps]. No epochs change
        nothing; the metrics are then those of one batch, [1].

    Raises:
        UserError: when there is not one batch, or when the loss or the weights are not
            finite. The last checkpoint is kept.
    """
    if not source.epochs:
        return state, _tested(state, update, source, key, title)
    source.check(title)
    state, history = _resume(checkpoint, state)
    done, watch = int(state.step), Watch(order)
    saved = time.monotonic()
    with (
        Progress(title, source.steps, log, initial=done) as progress,
        stopping.held_back() as stop,
    ):
        for batches in source.groups(done, group):
            state, metrics = update(state, batches, key)
            metrics = {name: np.asarray(values) for name, values in metrics.items()}
            _check(metrics, state.params, done, watch, title, rate)
            metrics.pop(gradients.FINITE, None)
            for name, values in metrics.items():
                history.setdefault(name, []).append(values)
            count = len(metrics["loss"])
            done += count
            due = time.monotonic() - saved > interval
            if due or stop() or done == source.steps:
                _check_weights(state.params, done, watch, title, rate)
                _save(checkpoint, state, history)
                saved = time.monotonic()
            loss = float(metrics["loss"].mean())
            progress.update(count, gradients.lines(metrics), loss=loss)
            if stop():
                break
    return state, {name: np.concatenate(parts) for name, parts in history.items()}


def write(
    store: Writer,
    checkpoint: Checkpoint,
    state: TrainState,
    history: dict[str, np.ndarray],
) -> None:
    """Write what `fit` returned: params/..., history/... by update, and its time."""
    store.seconds_before = checkpoint.seconds_before
    store.tree("params", jax.device_get(state.params))
    for name, values in history.items():
        store.write(f"history/{name}", values, ["update"])


def _tested(
    state: TrainState, update: Callable, source: Batches, key: jax.Array, title: str
) -> dict[str, np.ndarray]:
    """Return the metrics of the first batch that one epoch would have."""
    once = source.of_one_epoch()
    once.check(title)
    batches = next(once.groups(0, 1))
    # A copy: `update` donates the state that it is given.
    _, metrics = update(jax.tree.map(jnp.copy, state), batches, key)
    metrics.pop(gradients.FINITE, None)
    return {name: np.asarray(values) for name, values in metrics.items()}


def _resume(checkpoint: Checkpoint, state: TrainState) -> tuple[TrainState, dict]:
    saved = checkpoint.load()
    if saved is None:
        return state, {}
    state = serialization.from_state_dict(state, saved["train_state"])
    history = {name: [values] for name, values in saved["history"].items()}
    return jax.device_put(state), history


def _save(checkpoint: Checkpoint, state: TrainState, history: dict) -> None:
    arrays = jax.tree.map(np.asarray, serialization.to_state_dict(state))
    joined = {name: np.concatenate(parts) for name, parts in history.items()}
    checkpoint.save({"train_state": arrays, "history": joined})


def _check(
    metrics: dict[str, np.ndarray],
    params: Any,
    done: int,
    watch: Watch,
    title: str,
    rate: str,
) -> None:
    """Look at the updates after number `done`, and refuse a loss that is not finite."""
    loss = metrics["loss"]
    bad = np.flatnonzero(~np.isfinite(loss))
    seen = len(loss) if not bad.size else bad[0] + 1
    finite = gradients.finite(metrics, params)
    watch.see({name: values[:seen] for name, values in finite.items()}, done)
    if bad.size:
        found = f"the loss of {title} is {loss[bad[0]]} at update {done + seen}"
        raise _failure(found, watch, title, rate)


def _check_weights(params: Any, done: int, watch: Watch, title: str, rate: str) -> None:
    """Refuse weights that are not finite: the loss would tell one update later."""
    if not all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        found = f"the weights of {title} are not finite after update {done}"
        raise _failure(found, watch, title, rate)


def _failure(found: str, watch: Watch, title: str, rate: str) -> UserError:
    told = (
        found,
        watch.sentence(),
        f"lower {rate or f'{title}.learning_rate'} or look at its inputs with "
        "`worldmodels inspect` (nothing that was finished is lost)",
    )
    return UserError("; ".join(filter(None, told)))
