"""Norms of gradients, and the first gradient that was not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.training import gradients, loop
from worldmodels.training.gradients import Watch

BAD, STEPS = 4, 8  # the update, counted from 1, whose gradient is not finite; all


class Numbers:
    """`Batches` that are their own numbers."""

    epochs = 1

    def __init__(self, steps=STEPS):
        self.steps = steps

    def check(self, what):
        pass

    def groups(self, start, size):
        for first in range(start, self.steps, size):
            yield np.arange(first, min(first + size, self.steps)) + 1


def loss(params, number, key):
    """A loss that is finite at update BAD, where a gradient is not: a root of 0."""
    rooted = jnp.where(number == BAD, 0.0, 1.0) * params["z"] ** 2
    value = params["a"] ** 2 + jnp.sqrt(rooted)
    return value, {"loss": value}


def train(
    folder,
    group,
    update=None,
    log=None,
    debug=False,
    steps=STEPS,
    interval=1e9,
    **given,
):
    optimizer = optax.sgd(0.1)
    with open_checkpoint(folder / "ckpt", "abc") as checkpoint:
        return loop.fit(
            loop.initial({"a": jnp.ones(()), "z": jnp.ones(())}, optimizer),
            update or loop.updates(loop.separate(loss), optimizer, debug),
            Numbers(steps),
            jax.random.key(0),
            group=group,
            checkpoint=checkpoint,
            title="toy",
            log=log,
            interval=interval,
            **given,
        )


@pytest.mark.parametrize("group", [1, 2, 3, 4, STEPS])
def test_the_first_gradient_that_is_not_finite_is_named(tmp_path, group):
    """The loss is not finite one update later, in the same call or in the next."""
    with pytest.raises(UserError) as raised:
        train(tmp_path, group)
    assert str(raised.value) == (
        "the loss of toy is nan at update 5; the first gradients that were not finite, "
        "at update 4, were that of z alone, one of 2 parameters; lower "
        "toy.learning_rate or look at its inputs with `worldmodels inspect` (nothing "
        "that was finished is lost)"
    )


@pytest.mark.parametrize("interval", [1e9, -1.0])
def test_weights_that_are_not_finite_are_neither_returned_nor_kept(tmp_path, interval):
    """The gradient of the last update is not finite, and its loss is."""
    with pytest.raises(UserError) as raised:
        train(tmp_path, 2, steps=BAD, interval=interval)
    assert "the weights of toy are not finite after update 4; the first" in str(
        raised.value
    )
    with open_checkpoint(tmp_path / "ckpt", "abc") as checkpoint:
        kept = checkpoint.load()
    assert (kept is None) == (interval > 0)


def test_a_study_names_its_own_setting_to_lower(tmp_path):
    with pytest.raises(UserError, match=r"lower studies\.toy\.rate or look"):
        train(tmp_path, 2, rate="studies.toy.rate")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["loss", "grad_norm.a", "grad_norm.z"], "at update 4, were that of z alone"),
        (["loss", "grad_norm"], "; debug: true tells which gradient was the first"),
    ],
)
def test_an_update_of_another_form_tells_what_it_can(tmp_path, keys, told):
    update = loop.updates(loop.separate(loss), optax.sgd(0.1), debug=True)

    def other(*given):
        state, metrics = update(*given)
        return state, {name: metrics[name] for name in keys}

    with pytest.raises(UserError) as raised:
        train(tmp_path, 2, other)
    assert told in str(raised.value)


def seen(*finite, order=()):
    """Return the sentence after calls of one update each: a, b and c finite or not."""
    watch = Watch(order)
    for number, each in enumerate(finite):
        named = zip("abc", each, strict=True)
        watch.see({name: np.array([good]) for name, good in named}, number)
    return watch.sentence()


GOOD, NONE = (True, True, True), (False, False, False)


def test_parameters_are_in_the_order_of_the_network():
    told = "were those of c to b, from input to output, 3 of 3 parameters"
    assert told in seen(GOOD, NONE, order=("c", "a"))
    assert "those of a to c, in alphabetical order, 3 of 3" in seen(GOOD, NONE)
    assert "those of c to a, from input" in seen((False, True, False), order=("c",))


def test_a_gradient_that_the_optimizer_survived_is_not_named():
    """As one that is clipped by its value: later gradients are finite again."""
    assert "at update 4, were that of b alone" in seen(
        NONE, NONE, GOOD, (True, False, True), NONE
    )
    assert seen(NONE, GOOD) == ""


def test_a_norm_beyond_the_largest_number_is_told_as_not_finite():
    found = gradients.metrics({"a": jnp.float32(1e30), "b": jnp.float32(1.0)})
    assert found[gradients.FINITE].tolist() == [False, True]
    assert not np.isfinite(found[gradients.NORM])


@pytest.mark.parametrize("debug", [True, False])
def test_the_log_has_a_line_for_each_parameter_in_debug(tmp_path, debug):
    log = tmp_path / "log"
    with pytest.raises(UserError):
        train(tmp_path, BAD - 1, log=log, debug=debug)  # the next call fails
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    # d/da of a² is 2a, and a shrinks by a fifth an update; d/dz of |z| is 1.
    means = [f"  gradient of a  norm {2 * (1 + 0.8 + 0.64) / 3:.4g}"]
    means += ["  gradient of z  norm 1"]
    assert lines[1:] == (means if debug else [])
