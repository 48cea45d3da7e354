"""Trainings of the study: settings, an interruption, double precision, gradients."""

import jax
import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.mixture_density import networks, toys, train
from worldmodels.studies.mixture_density.settings import of_training
from worldmodels.studies.mixture_density.steps import STUDY
from worldmodels.training.rows import Rows

SMALL = {
    "seeds": [3, 5], "widths": [3], "mixtures": [2], "shown": {"a": 2, "b": 2},
    "test_points": 40, "a": {"points": 20, "batch_size": 6, "updates": 7},
}  # fmt: skip


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Train the small network of two Gaussians on toy a; return its store."""
    monkeypatch.setattr(train, "_GROUP", 2)

    def run(name: str, mixtures: int = 2, **changes):
        train.run(
            settings=STUDY.load(SMALL | changes), toy="a", mixtures=mixtures,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0,
            out=tmp_path / f"{name}.zarr", log=None,
        )  # fmt: skip
        return open_artifact(tmp_path / f"{name}.zarr", "mixture_density_train")

    return run


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_an_equal_result(fit, monkeypatch):
    groups = Rows.groups

    def killed(self, start, size):
        yield next(groups(self, start, size))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Rows, "groups", killed)
        with pytest.raises(KeyboardInterrupt):
            fit("killed")
    again, whole = fit("killed"), fit("whole")
    assert again.names() == whole.names()
    assert whole.read("history/loss").shape == (7,)
    for name in whole.names():
        np.testing.assert_array_equal(again.read(name), whole.read(name))
    check_measures(whole)


def check_measures(store):
    """Compare what a store says of its network with what its weights say."""
    params, scale, model = train.trained(store)
    x, y = toys.draw(train.generator_for(0, 0, "mixture_density tests a"), "a", 40)
    found = jax.jit(networks.errors, static_argnums=2)(
        params, scale, model, train.by_seed(x, scale), train.by_seed(y, scale)
    )
    np.testing.assert_allclose(store.read("test/loss"), found.mean(axis=0), rtol=1e-5)
    settings = STUDY.load(SMALL)
    x, y = train.training_points(settings, "a")
    for seed in range(2):
        np.testing.assert_allclose(scale.x_mean[seed], x[:, seed].mean(), rtol=1e-5)
        np.testing.assert_allclose(scale.y_std[seed], y[:, seed].std(), rtol=1e-5)
    assert np.abs(x[:, 0] - x[:, 1]).min() > 0  # each seed has points of its own
    near = store.read("test/near")
    assert ((near >= 0) & (near <= 1)).all()


def test_double_precision_reaches_weights_points_and_losses(fit, float64):
    store = fit("double", mixtures=0, dtype="float64", debug=True)
    found = {name: store.read(name).dtype for name in store.names()}
    assert all(dtype == np.float64 for dtype in found.values()), found
    # With debug the norm of each gradient is stored, and of all together.
    parts = [store.read(n) for n in store.names() if n.startswith("history/grad_norm.")]
    assert len(parts) == 4
    whole = np.sqrt(np.sum(np.square(parts), axis=0))
    np.testing.assert_allclose(store.read("history/grad_norm"), whole)


def test_a_training_records_what_changes_it_and_no_more():
    used = of_training(STUDY.used("train", STUDY.load(SMALL)), "a")
    assert used["a"]["updates"] == 7
    assert not used.keys() & {"b", "mixtures", "shown", "dtype", "debug"}
    other = STUDY.load(SMALL | {"b": {"updates": 1}, "mixtures": [2, 4]})
    assert of_training(STUDY.used("train", other), "a") == used


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"mixtures": [5, 5, 20]}, "each number in mixtures must be there once"),
        ({"shown": {"a": 4}}, r"shown\.a must be one of its mixtures"),
        ({"a": {"updates": 0}}, r"a\.updates is 0; it must be .* at least 1"),
    ],
)
def test_impossible_settings_are_refused(values, why):
    with pytest.raises(UserError, match=why):
        STUDY.load(values)
