"""The network: its loss by hand, where it begins anew, and what probes see of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.studies.dsprites import models, observed
from worldmodels.studies.dsprites.models import Steps


def some_steps(time=5, batch=2) -> Steps:
    rng = np.random.default_rng(0)
    first = np.zeros((time, batch), bool)
    first[0] = True
    return Steps(
        rng.integers(2, size=(time, batch, 4096), dtype=np.uint8),
        rng.normal(size=(time, batch, 5)).astype(np.float32),
        first,
    )


@pytest.fixture(scope="module")
def lstm():
    model = models.create("lstm", 8)
    return model, model.initial(jax.random.key(0))


def test_the_loss_is_the_cross_entropy_of_the_next_picture(lstm):
    model, params = lstm
    steps, state = some_steps(), model.initial_state(2)
    following = np.random.default_rng(1).integers(2, size=(5, 2, 4096), dtype=np.uint8)
    batch = {name: np.swapaxes(getattr(steps, name), 0, 1) for name in Steps._fields}
    batch["next"] = np.swapaxes(following, 0, 1)
    value, (metrics, _) = models.loss(params, batch, None, state, model=model)
    p = observed.predicted(model, params, steps).astype(np.float64)
    right = np.where(following == 1, p, 1 - p)
    np.testing.assert_allclose(value, -np.log(right).sum(-1).mean(), rtol=1e-4)
    assert metrics["loss"] == value


def test_a_fresh_model_draws_as_much_as_is_lit(lstm):
    model, params = lstm
    p = observed.predicted(model, params, some_steps())
    assert 0.02 < p.mean() < 0.1


def test_the_best_prediction_without_any_input():
    # half of the pictures have the first pixel lit, and none any other: log 2
    pictures = np.zeros((10, 4096), np.uint8)
    pictures[:5, 0] = 1
    np.testing.assert_allclose(models.baseline(pictures), np.log(2), rtol=1e-3)


@pytest.mark.parametrize("name", ["lstm", pytest.param("b", marks=pytest.mark.slow)])
def test_what_probes_see_is_the_state_that_predicts(name):
    """Step by step it is what `unfold` gives, and a rollout begins with nothing."""
    model = models.create(name, 8)
    params = model.initial(jax.random.key(1))
    steps = some_steps()
    first = steps.first.copy()
    first[3, 1] = True
    steps = steps._replace(first=first)
    names = ("h", "c") if name == "lstm" else ("h", "c", "r", "M")
    found = observed.vectors_of(model, names, params, steps)
    gives, _ = model.unfold(
        params, jax.tree.map(jnp.asarray, steps), model.initial_state(2)
    )
    seen = [found["h"]] if name == "lstm" else [found["h"], found["r"]]
    np.testing.assert_allclose(np.concatenate(seen, axis=-1), gives, atol=1e-5)
    # Rollout 1 from step 3 on is as one that begins there.
    alone = Steps(*(part[3:, 1:] for part in steps))
    for key, values in observed.vectors_of(model, names, params, alone).items():
        np.testing.assert_allclose(values[:, 0], found[key][3:, 1], atol=1e-5)
