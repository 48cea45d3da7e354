"""The training loop: equal to plain Python, however it is grouped or interrupted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.regression import (
    KEY,
    OPTIMIZER,
    OPTIMIZERS,
    UPDATE,
    assert_same,
    batches,
    fit,
    loss,
    source,
    start,
)

from worldmodels.runtime.errors import UserError
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.training import gradients, loop
from worldmodels.training.loop import TrainState, initial, separate, updates


def python_loop(optimizer, count: int, dtype=np.float32):
    """Return parameters and metrics of one gradient and one update at a time."""
    params, data, history = start(dtype), batches(count, dtype), []
    gradient, change = jax.jit(jax.grad(loss, has_aux=True)), jax.jit(optimizer.update)
    opt_state = optimizer.init(params)
    for n in range(count):
        batch = {name: values[n] for name, values in data.items()}
        key = jax.random.fold_in(KEY, n)
        grads, metrics = gradient(params, batch, key)
        norms = {k: np.linalg.norm(g) for k, g in flat(grads).items()}
        metrics["grad_norm"] = np.sqrt(sum(n**2 for n in norms.values()))
        metrics["grad_finite"] = np.ones(len(norms), bool)
        history.append(metrics | {f"grad_norm.{k}": n for k, n in norms.items()})
        changes, opt_state = change(grads, opt_state, params)
        params = jax.tree.map(np.add, params, changes)
    return params, {k: np.stack([m[k] for m in history]) for k in history[0]}


def flat(tree: dict) -> dict:
    return {"dense.kernel": tree["dense"]["kernel"], "bias": tree["bias"]}


def assert_close(found: dict, expected: dict, tolerance: float) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance),
        found,
        expected,
    )


def test_the_first_state_is_one_program(caplog):
    """Each shape of the moments would be one more; a start waits for each."""
    params = {"a": np.ones((5, 3)), "b": np.ones((2, 7)), "c": np.ones(11)}
    with jax.log_compiles():
        state = initial(params, OPTIMIZER)
    assert caplog.text.count("Finished XLA compilation") == 1
    assert_same(state.opt_state, OPTIMIZER.init(params))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_equal_a_python_loop(name):
    optimizer = OPTIMIZERS[name]
    update = updates(separate(loss), optimizer, debug=True)
    state, metrics = update(initial(start(), optimizer), batches(6), KEY)
    params, history = python_loop(optimizer, 6)
    assert_close(state.params, params, 1e-5)
    assert_close(metrics, history, 1e-5)
    assert state.step == 6
    # It learned something to be compared at all.
    assert np.abs(params["dense"]["kernel"] - start()["dense"]["kernel"]).min() > 1e-3


def test_grouping_into_calls_does_not_matter():
    optimizer, data = OPTIMIZERS["clipped"], batches(6)
    update = updates(separate(loss), optimizer)

    def grouped(sizes):
        state, parts, done = initial(start(), optimizer), [], 0
        for size in sizes:
            part = jax.tree.map(lambda x, a=done, b=size: x[a : a + b], data)
            state, metrics = update(state, part, KEY)
            parts.append(metrics)
            done += size
        return state, jax.tree.map(lambda *m: np.concatenate(m), *parts)

    whole = grouped([6])
    for sizes in ([2] * 3, [4, 2], [2, 4]):
        # To rounding: newer XLA compiles scans of other lengths otherwise.
        assert_close(grouped(sizes), whole, 1e-5)


def test_debug_adds_a_gradient_norm_for_each_parameter():
    optimizer = OPTIMIZERS["adam"]
    plain = updates(separate(loss), optimizer)(
        initial(start(), optimizer), batches(2), KEY
    )
    debug = updates(separate(loss), optimizer, debug=True)(
        initial(start(), optimizer), batches(2), KEY
    )
    added = debug[1].keys() - plain[1].keys()
    assert added == {"grad_norm.dense.kernel", "grad_norm.bias"}
    squares = sum(np.square(debug[1][name]) for name in added)
    np.testing.assert_allclose(np.sqrt(squares), debug[1]["grad_norm"], rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, plain[0], debug[0])


def test_float64_reaches_everything():
    optimizer = OPTIMIZERS["adam"]
    with jax.enable_x64(True):
        update = updates(separate(loss), optimizer, debug=True)
        state = initial(start(np.float64), optimizer)
        state, metrics = update(state, batches(4, np.float64), KEY)
        params, history = python_loop(optimizer, 4, np.float64)
        moments = jax.tree.leaves((state.opt_state[0].mu, state.opt_state[0].nu))
        told = {k: v for k, v in metrics.items() if k != gradients.FINITE}
        leaves = jax.tree.leaves((state.params, told)) + moments
        assert {leaf.dtype for leaf in leaves} == {np.dtype("float64")}
        assert state.step.dtype == np.int32
        assert_close(state.params, params, 1e-12)
        assert_close(metrics, history, 1e-12)


# The loop with its side effects.


def test_fit_equals_a_python_loop_over_the_batches(tmp_path):
    state, history = fit(tmp_path / "a", log=tmp_path / "log")
    expected, steps = initial(start(), OPTIMIZER), 13  # 3 epochs * 22 items // 5
    assert source().steps == steps
    for n, batch in enumerate(source().groups(0, 1)):
        expected, metrics = UPDATE(expected, batch, KEY)
        np.testing.assert_allclose(history["loss"][n], metrics["loss"][0], rtol=1e-5)
    assert_close(state, expected, 1e-5)
    assert state.step == steps
    assert {name: len(values) for name, values in history.items()} == {
        "loss": steps, "bias": steps, "grad_norm": steps,
    }  # fmt: skip
    assert "vision 13/13" in (tmp_path / "log").read_text()


def test_no_epochs_change_nothing_and_test_one_batch(tmp_path):
    state, history = fit(tmp_path / "a", source(epochs=0))
    assert_same(state, initial(start(), OPTIMIZER))
    batch = next(source().groups(0, 1))
    _, metrics = UPDATE(initial(start(), OPTIMIZER), batch, KEY)
    assert metrics.pop(gradients.FINITE).all()
    assert_same(history, jax.tree.map(np.asarray, metrics))
    assert history["loss"].shape == (1,)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, calls):
    whole = fit(tmp_path / "whole")
    done = []

    def stops(state: TrainState, data, key):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(len(data["x"]))
        return UPDATE(state, data, key)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "a", update=stops)

    def counted(state: TrainState, data, key):
        done.append(len(data["x"]))
        return UPDATE(state, data, key)

    assert_same(fit(tmp_path / "a", update=counted), whole)
    assert sum(done) == source().steps  # no update twice


def test_a_finished_training_is_not_done_again(tmp_path):
    whole = fit(tmp_path / "a")
    assert_same(fit(tmp_path / "a", update=None), whole)


def test_grouping_and_saving_do_not_change_the_result(tmp_path):
    whole = fit(tmp_path / "a")
    assert_same(fit(tmp_path / "b", interval=1e9), whole)
    assert_close(fit(tmp_path / "c", group=13), whole, 1e-5)
    assert_close(fit(tmp_path / "d", group=1), whole, 1e-5)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(tmp_path):
    # The first epoch is clean, the item is spoilt in what the second one reads.
    fit(tmp_path / "a", source(epochs=1))
    with open_checkpoint(tmp_path / "a", "abc") as checkpoint:
        before = checkpoint.load()
    with pytest.raises(UserError) as raised:
        fit(tmp_path / "a", source(epochs=3, spoil=3), group=1)
    sentence = str(raised.value)
    assert sentence.startswith("the loss of vision is nan at update ")
    assert "vision.learning_rate" in sentence
    assert "\n" not in sentence
    with open_checkpoint(tmp_path / "a", "abc") as checkpoint:
        after = checkpoint.load()
    assert np.isfinite(after["history"]["loss"]).all()
    failed = int(sentence.split("update ")[1].split(";")[0])
    assert len(before["history"]["loss"]) <= len(after["history"]["loss"]) == failed - 1


def running(params, batch, key, carry):
    """`loss`, and a running mean that is its carry."""
    value, metrics = loss(params, batch, key)
    seen = 0.5 * carry["seen"] + 0.5 * batch["y"].mean(axis=0)
    error = jnp.sum((params["bias"] - carry["seen"]) ** 2)
    return value + error, (metrics | {"loss": value + error}, {"seen": seen})


def fit_running(path, update, group=1):
    """Train with a carry that starts at one."""
    carry = {"seen": jnp.ones(2)}
    with open_checkpoint(path, "abc") as checkpoint:
        return loop.fit(
            initial(start(), OPTIMIZER, carry),
            update,
            source(),
            KEY,
            group=group,
            checkpoint=checkpoint,
            title="memory",
            log=None,
            interval=0.0,
        )


def test_what_the_loss_carries_goes_from_batch_to_batch_and_into_the_checkpoint(
    tmp_path,
):
    update = updates(running, OPTIMIZER)
    whole = fit_running(tmp_path / "whole", update)
    expected = np.ones(2)
    for batch in source().groups(0, 1):
        expected = 0.5 * expected + 0.5 * batch["y"][0].mean(axis=0)
    np.testing.assert_allclose(whole[0].carry["seen"], expected, rtol=1e-5)
    calls = []

    def stops(*given):
        if len(calls) == 7:
            raise KeyboardInterrupt
        calls.append(None)
        return update(*given)

    with pytest.raises(KeyboardInterrupt):
        fit_running(tmp_path / "a", stops)
    assert_same(fit_running(tmp_path / "a", update), whole)
    assert_close(fit_running(tmp_path / "b", update, group=4), whole, 1e-5)


def test_too_few_items_for_one_batch(tmp_path):
    with pytest.raises(UserError, match=r"vision\.batch_size"):
        fit(tmp_path / "a", source(epochs=1, count=4))
