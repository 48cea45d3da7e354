"""M on integers: its loss against scipy, its floor, its counts of weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import special, stats

from worldmodels.models.mixture import floored
from worldmodels.studies.pommerman import learning, starts
from worldmodels.studies.pommerman import model as models
from worldmodels.studies.pommerman.components import Z
from worldmodels.studies.pommerman.model import Model
from worldmodels.studies.pommerman.settings import Pommerman

SMALL = Model("lstm", 4, 3, 2, 0.3)
DNC = Model("dnc", 4, 3, 2, 0.3, (("slots", 3), ("word_size", 2), ("read_heads", 1)))


@pytest.fixture
def table(games):
    states = games["states"]
    counts = starts.counted(states[:, :-1].reshape(-1, Z), states[:, 1:].reshape(-1, Z))
    return starts.table("counts", counts, 2, SMALL.least).astype("f4")


@pytest.fixture
def params(key):
    fresh = models.initial(key, SMALL)
    return fresh | {"head_kernel": 5 * fresh["head_kernel"]}


@jax.jit
def predicted(params, table, games):
    """The mixtures [T, B, Z, K] of the next states."""
    states, actions = (jnp.swapaxes(games[n], 0, 1) for n in ("states", "actions"))
    first = jnp.zeros(actions.shape, bool)
    start = SMALL.recurrent.initial(actions.shape[1], "float32")
    h, _ = models.unfold(params, SMALL, states[:-1], actions, first, start)
    return models.head(params, SMALL, table, h, states[:-1])


def test_the_loss_is_that_of_scipy_up_to_the_end_of_each_game(games, params, table):
    found, metrics = jax.jit(partial(models.loss, model=SMALL, table=table))(
        params, games, jax.random.key(0)
    )
    logit, mean, logstd = (np.asarray(x) for x in predicted(params, table, games))
    each = []
    for game, length in enumerate(games["length"]):
        for time in range(length):
            target = games["states"][game, time + 1][:, None]
            at = time, game
            density = stats.norm.logpdf(target, mean[at], np.exp(logstd[at]))
            weight = special.log_softmax(logit[at], axis=-1)
            each.append(-special.logsumexp(weight + density, axis=-1))
    assert found == pytest.approx(np.mean(each), rel=1e-4)
    assert metrics["loss"] == found
    assert logstd.min() >= SMALL.least


def test_the_floor_keeps_the_loss_of_a_constant_column_finite(games, table):
    """Without it the loss falls for ever; with it, to the density's peak."""
    states = np.broadcast_to(games["states"][:1, :1], games["states"].shape)
    batch = games | {"states": states}
    peak = np.log(0.3 * np.sqrt(2 * np.pi))
    params = models.initial(jax.random.key(0), SMALL)
    optimizer = optax.adam(0.5)

    @jax.jit
    def learn(params):
        def step(carry, _):
            params, state = carry
            loss = partial(models.loss, model=SMALL, table=table)
            (value, _), grads = jax.value_and_grad(loss, has_aux=True)(
                params, batch, jax.random.key(0)
            )
            changes, state = optimizer.update(grads, state)
            return (optax.apply_updates(params, changes), state), value

        start = params, optimizer.init(params)
        (params, _), losses = jax.lax.scan(step, start, length=60)
        return params, losses

    params, losses = learn(params)
    assert np.isfinite(losses).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    assert losses.min() >= peak - 1e-4
    assert losses[-1] == pytest.approx(peak, abs=0.05)
    # What is floored is far below by now: nothing else held it.
    raw = params["head_bias"].reshape(3, 2, Z)[2] + table[2].min()
    assert np.median(raw[0]) < SMALL.least - 5
    assert (floored(raw, SMALL.least) >= SMALL.least).all()


def test_the_prediction_is_the_mean_of_the_likeliest_gaussian(games, params, table):
    found = predicted(params, table, games)
    best = np.asarray(found.logit).argmax(-1)
    mean = np.take_along_axis(np.asarray(found.mean), best[..., None], -1)[..., 0]
    expected = np.clip(np.round(mean), 0, [*[13] * 121, *[10] * 121, *[9] * 121,
                                           10, 10, 10, 10, 1])  # fmt: skip
    np.testing.assert_array_equal(models.likeliest(found), expected)


@pytest.mark.parametrize("model", [SMALL, DNC], ids=["lstm", "dnc"])
def test_weights_are_counted(model):
    params = jax.eval_shape(lambda: models.initial(jax.random.key(0), model))
    assert models.parameters(model) == sum(x.size for x in jax.tree.leaves(params))


def test_the_larger_lstm_has_as_many_weights_as_the_dnc():
    settings = Pommerman()
    configs = [
        learning.recorded("train", settings, model, 0)
        for model in ("lstm", "lstm_larger", "dnc")
    ]
    same, larger, dnc = (models.parameters(learning.model_of(c)) for c in configs)
    assert [c["hidden_size"] for c in configs][::2] == [256, 256]
    assert same < larger
    assert larger == pytest.approx(dnc, rel=0.003)
    assert "dnc" not in configs[0]
    assert configs[2]["options"]["slots"] == 16


def test_a_game_is_not_predicted_from_the_one_before(games, params, table):
    """Where a game begins the cell's state is forgotten."""
    states = jnp.swapaxes(games["states"][:1, :4], 0, 1)
    actions = jnp.swapaxes(games["actions"][:1, :4], 0, 1)
    start = SMALL.recurrent.initial(1, "float32")
    run = jax.jit(partial(models.unfold, params, SMALL))
    first = jnp.array([False, False, True, False])[:, None]
    whole, _ = run(states, actions, first, start)
    # The same two steps from the beginning, and what comes after means nothing.
    own, _ = run(jnp.roll(states, -2, 0), jnp.roll(actions, -2, 0), first, start)
    np.testing.assert_allclose(whole[2:], own[:2], rtol=1e-6)
