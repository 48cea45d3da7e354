"""C against numpy."""

import jax
import numpy as np
import pytest
from support import worlds

from worldmodels.environments.games import CARRACING, TAKECOVER
from worldmodels.models.controller import Controller, bounded, squash
from worldmodels.runtime.errors import UserError

Z, H, C = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
Z = Z[:2]
FEATURES = (("h", 4), ("c", 4))
MEMORY = {"h": H, "c": C}


def driven(raw):
    steer, gas, brake = np.tanh(raw)
    return np.array([steer, (gas + 1) / 2, max(brake, 0)])


def random_params(controller):
    rng = np.random.default_rng(1)
    return rng.normal(size=controller.parameter_count).astype(np.float32)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 867),  # 3 * (32 + 256 + 1)
        ({"inputs": "z"}, 99),  # 3 * (32 + 1)
        ({"inputs": "z_c_h"}, 1635),  # 3 * (32 + 512 + 1)
        ({"inputs": "z", "hidden_size": 40}, 1443),  # 40 * 33 + 3 * 41
        ({"inputs": "z", "hidden_size": 40, "bias": False}, 1400),
        # The paper's for TakeCover, of z 64 and an LSTM of 512: 64 + 2 * 512.
        (
            {
                "latent_size": 64,
                "features": (("h", 512), ("c", 512)),
                "game": TAKECOVER,
                "inputs": "z_c_h",
                "bias": False,
            },
            1088,
        ),
    ],
)
def test_parameter_count(options, count):
    features = (("h", 256), ("c", 256))
    sizes = {"latent_size": 32, "features": features, "game": CARRACING}
    assert Controller(**sizes | options).parameter_count == count


@pytest.mark.parametrize(
    ("inputs", "features"),
    [("z", [Z]), ("z_h", [Z, H]), ("z_c_h", [Z, C, H])],
)
def test_linear_act_equals_numpy(inputs, features):
    controller = Controller(2, FEATURES, CARRACING, inputs=inputs)
    params, x = random_params(controller), np.concatenate(features)
    # an output's weights after the other, then the three biases
    weights, bias = params[:-3].reshape(3, len(x)), params[-3:]
    np.testing.assert_allclose(
        controller.act(params, Z, MEMORY), driven(weights @ x + bias), atol=1e-6
    )


def test_hidden_layer_equals_numpy():
    controller = Controller(2, FEATURES, CARRACING, hidden_size=5)
    params, x = random_params(controller), np.concatenate([Z, H])
    hidden = np.tanh(params[:30].reshape(5, 6) @ x + params[30:35])
    raw = params[35:50].reshape(3, 5) @ hidden + params[50:]
    np.testing.assert_allclose(
        controller.act(params, Z, MEMORY), driven(raw), atol=1e-6
    )


@pytest.mark.parametrize("hidden_size", [0, 5])
def test_takecovers_equals_numpy(hidden_size):
    """One raw number, tanh W [z, c, h]; without a bias."""
    controller = Controller(2, FEATURES, TAKECOVER, "z_c_h", hidden_size, bias=False)
    params, x = random_params(controller), np.concatenate([Z, C, H])
    if hidden_size:
        x, params = np.tanh(params[:50].reshape(5, 10) @ x), params[50:]
    action = controller.act(random_params(controller), Z, MEMORY)
    assert action.shape == (1,)
    np.testing.assert_allclose(action, [np.tanh(params @ x)], atol=1e-6)


def test_every_parameter_matters():
    controller = Controller(2, FEATURES, CARRACING, inputs="z_c_h", hidden_size=5)
    params = 0.1 * random_params(controller)
    params[-1] = 1  # a brake that is pressed: released, it is flat
    jacobian = jax.jacobian(controller.act)(params, Z, MEMORY)
    assert np.abs(jacobian).sum(0).min() > 0


def test_squash_stays_within_the_bounds():
    raw = np.random.default_rng(2).normal(0, 50, (1000, 3)).astype(np.float32)
    actions = jax.vmap(lambda x: squash(x, CARRACING))(raw)
    low, high = np.array([-1, 0, 0]), np.array([1, 1, 1])
    assert ((actions >= low) & (actions <= high)).all()
    # an untrained controller steers straight, half gas, no brake
    np.testing.assert_array_equal(squash(np.zeros(3), CARRACING), [0, 0.5, 0])
    np.testing.assert_allclose(squash(np.full(3, 9.0), CARRACING), [1, 1, 1], atol=1e-5)
    np.testing.assert_allclose(
        squash(np.full(3, -9.0), CARRACING), [-1, 0, 0], atol=1e-5
    )


def test_takecovers_actions_stay_within_the_bounds():
    raw = np.random.default_rng(2).normal(0, 50, (1000, 1)).astype(np.float32)
    actions = np.asarray(jax.vmap(lambda x: squash(x, TAKECOVER))(raw))
    np.testing.assert_allclose(actions, np.tanh(raw), atol=1e-6)
    np.testing.assert_array_equal(bounded(raw, TAKECOVER), np.clip(raw, -1, 1))


@pytest.mark.parametrize("inputs", ["h", "z_r", "z_z"])
def test_inputs_that_m_does_not_have_are_refused(inputs):
    with pytest.raises(UserError, match=f"'{inputs}'; .* has, which is h and c, "):
        Controller(2, FEATURES, CARRACING, inputs=inputs)


def test_features_of_any_name_and_length_are_read_in_the_order_of_the_inputs():
    read = {"r": np.arange(3, dtype=np.float32), "h": H}
    controller = Controller(2, (("h", 4), ("r", 3)), CARRACING, inputs="z_r_h")
    params = random_params(controller)
    x = np.concatenate([Z, read["r"], H])
    expected = driven(params[:-3].reshape(3, 9) @ x + params[-3:])
    np.testing.assert_allclose(controller.act(params, Z, read), expected, atol=1e-6)


def test_a_world_of_gymnasium_is_scaled_between_its_bounds():
    game = worlds.game(low=(-2, 0.25), high=(2, 0.75))
    raw = np.random.default_rng(2).normal(0, 50, (1000, 2)).astype(np.float32)
    actions = np.asarray(jax.vmap(lambda x: squash(x, game))(raw))
    middle, half = np.array([0, 0.5]), np.array([2, 0.25])
    np.testing.assert_allclose(actions, middle + half * np.tanh(raw), atol=1e-6)
    assert ((actions >= game.low) & (actions <= game.high)).all()
    np.testing.assert_array_equal(actions.max(axis=0), game.high)  # raw reaches 100


def test_the_largest_output_is_the_choice():
    game = worlds.game(choices=3)
    raw = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    for choose in (squash, bounded):
        chosen = np.asarray(jax.vmap(lambda x, f=choose: f(x, game))(raw))
        np.testing.assert_array_equal(chosen, np.eye(3)[raw.argmax(axis=1)])
    broken = np.asarray(squash(np.array([0, np.nan, 1], np.float32), game))
    assert np.isnan(broken).all()


@pytest.mark.parametrize("hidden", [0, 3])
def test_parameters_read_from_an_origin_act_on_what_lies_beyond_it(hidden):
    controller = Controller(2, FEATURES, CARRACING, hidden_size=hidden)
    rng = np.random.default_rng(2)
    z, h = rng.normal(size=2), rng.normal(size=4)
    moved = controller.read_from(random_params(controller), np.concatenate([z, h]))
    seen = {"h": H + h, "c": C}
    np.testing.assert_allclose(
        controller.act(moved, Z + z, seen),
        controller.act(random_params(controller), Z, MEMORY),
        atol=1e-5,
    )
    # The weights are the same: the bias of the first layer alone has moved.
    first = (hidden or 3) * 6
    np.testing.assert_array_equal(moved[:first], random_params(controller)[:first])
