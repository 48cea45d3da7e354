"""M's loss against plain autodiff, and its rows of episodes against whole ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models import memory, memory_loss
from worldmodels.models.memory import Memory

SMALL = Memory(latent_size=4, action_size=3, hidden_size=8, mixtures=3)
HEADS = SMALL.clone(death_head=True, reward_head=True)
MEANS = HEADS.clone(target=memory.MEAN)
SLOTS = HEADS.clone(
    cell="dnc", cell_options=(("slots", 3), ("word_size", 2), ("read_heads", 2))
)
SCALE = memory_loss.Scale(death_weight=7.0, reward_variance=2.5)
LENGTHS = np.array([8, 3, 1, 7, 2])


def episodes(lengths=LENGTHS, seed: int = 4) -> list[dict]:
    """Episodes without noise: z is mu exactly. Every other one ends in death."""
    rng = np.random.default_rng(seed)
    made = []
    for n, length in enumerate(lengths):
        terminated = np.zeros(length, bool)
        terminated[-1] = n % 2 == 0
        first, last = np.zeros((2, length), bool)
        first[0] = last[-1] = True
        made.append({
            "mu": rng.normal(size=(length, 4)),
            "logvar": np.full((length, 4), -np.inf),
            "actions": rng.uniform(-1, 1, (length, 3)),
            "rewards": rng.normal(1, 2, length),
            "terminated": terminated,
            "first": first,
            "last": last,
            "inside": np.ones(length, bool),
        })  # fmt: skip
    return made


def row(*some: dict, steps: int) -> dict:
    """Episodes one after the other in one row [1, S], padded with zeros."""
    joined = {k: np.concatenate([e[k] for e in some]) for k in some[0]}
    rows = {k: steps + (k in ("mu", "logvar")) for k in joined}
    return {
        k: np.pad(v, [(0, rows[k] - len(v))] + [(0, 0)] * (v.ndim - 1))[None]
        for k, v in joined.items()
    }


def stack(rows: list[dict], dtype="f8") -> dict:
    """Rows as a batch [B, S]."""
    batch = {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}
    return {k: v if v.dtype == bool else v.astype(dtype) for k, v in batch.items()}


def padded(lengths=LENGTHS, steps: int = 8, dtype="f4") -> dict:
    return stack([row(e, steps=steps) for e in episodes(lengths)], dtype)


def parameters(model: Memory) -> dict:
    """Parameters that are all away from zero."""
    return jax.tree.map(lambda x: 2 * x + 0.1, memory.initial(jax.random.key(0), model))


def value_and_grad(model: Memory):
    """Return a jitted `(params, batch, key, state) -> ((loss, aux), gradients)`."""
    loss = partial(memory_loss.loss, model=model, scale=SCALE)
    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def close(actual, expected, rtol=1e-9, atol=1e-12):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol, atol), actual, expected
    )


def naive_loss(params, batch, key, model):
    """The loss by a plain scan over `step`, definitions, and autodiff throughout."""
    shape = batch["mu"].swapaxes(0, 1).shape
    noise = jax.random.normal(key, shape, model.dtype).swapaxes(0, 1)
    z = batch["mu"] + np.exp(0.5 * batch["logvar"]) * noise

    def body(state, x):
        return memory.step(params, model, state, *x)

    start = memory.initial_state(model, len(z))
    by_time = (x.swapaxes(0, 1) for x in (z[:, :-1], batch["actions"]))
    _, predicted = jax.lax.scan(body, start, tuple(by_time))
    predicted = jax.tree.map(lambda x: x.swapaxes(0, 1), predicted)
    mixture = predicted.mixture
    target = batch["mu"] if model.target == "mean" else z
    density = jax.scipy.stats.norm.pdf(
        target[:, 1:, :, None], mixture.mean, jnp.exp(mixture.logstd)
    )
    each = -jnp.log((jnp.exp(mixture.logweight) * density).sum(-1))
    known = batch["inside"] & ~batch["last"]
    terms = {"nll": each[known].mean()}
    if model.death_head:
        # p of the weighted problem: odds 7 times those that M states
        odds = 7 * jnp.exp(predicted.death)
        p, died = odds / (1 + odds), batch["terminated"]
        counts = known | died
        cost = jnp.where(died, -7 * jnp.log(p), -jnp.log(1 - p))
        terms["death"] = cost[counts].mean()
    if model.reward_head:
        error = (predicted.reward - batch["rewards"]) ** 2
        terms["reward"] = error[batch["inside"]].mean() / 2.5
    return sum(terms.values()), terms


@pytest.mark.parametrize(
    "model", [SMALL, HEADS, MEANS], ids=["plain", "heads", "means"]
)
def test_loss_and_gradients_equal_plain_autodiff_in_float64(model):
    model = model.clone(dtype=jnp.float64)
    with jax.enable_x64(True):
        params, batch, key = parameters(model), padded(dtype="f8"), jax.random.key(5)
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("f8")}
        batch["logvar"] = np.random.default_rng(0).normal(-1, 1, (5, 9, 4))
        start = memory.initial_state(model, 5)
        (value, (metrics, _)), grads = value_and_grad(model)(params, batch, key, start)
        naive = jax.jit(
            jax.value_and_grad(lambda p: naive_loss(p, batch, key, model), has_aux=True)
        )
        (expected, terms), expected_grads = naive(params)
        assert value.dtype == jnp.float64
        close(value, expected)
        close(grads, expected_grads)
        close(metrics, terms | {"loss": expected})


def test_without_heads_rewards_and_deaths_do_not_matter():
    batch, key = padded(), jax.random.key(0)
    start = memory.initial_state(SMALL, 5)
    given = value_and_grad(SMALL)(parameters(SMALL), batch, key, start)
    batch |= {"rewards": batch["rewards"] + 5, "terminated": ~batch["terminated"]}
    again = value_and_grad(SMALL)(parameters(SMALL), batch, key, start)
    jax.tree.map(np.testing.assert_array_equal, again, given)
    assert given[0][1][0].keys() == {"loss", "nll"}


def test_nothing_past_the_end_changes_loss_or_gradients():
    key, start = jax.random.key(0), memory.initial_state(HEADS, 5)
    params, evaluate, batch = parameters(HEADS), value_and_grad(HEADS), padded()
    past = ~batch["inside"]
    spoilt = dict(batch)
    spoilt["actions"] = np.where(past[..., None], 9, batch["actions"])
    spoilt["rewards"] = np.where(past, 9, batch["rewards"])
    spoilt["terminated"] = batch["terminated"] | past
    spoilt["mu"] = batch["mu"].copy()
    spoilt["mu"][:, :-1][past] = 9
    spoilt["mu"][:, -1] = 9  # the longest ends before it
    expected, actual = (evaluate(params, b, key, start) for b in (batch, spoilt))
    # The states after the padding are of no use to anyone.
    jax.tree.map(np.testing.assert_array_equal, actual[1], expected[1])
    jax.tree.map(np.testing.assert_array_equal, actual[0][1][0], expected[0][1][0])


def test_one_frame_has_nothing_to_predict():
    batch, start = padded(np.array([1])), memory.initial_state(SMALL, 1)
    (value, _), grads = value_and_grad(SMALL)(
        parameters(SMALL), batch, jax.random.key(0), start
    )
    assert value == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads))


def test_targets_are_the_next_latents():
    """A model that predicts exactly z_t + a_t fits z_{t+1} = z_t + a_t, not its kin."""
    model = Memory(latent_size=1, action_size=1, hidden_size=1, mixtures=1)
    scale = 1e-3  # in this range of an LSTM everything is linear
    params = memory.initial(jax.random.key(0), model)
    params["lstm_kernel"] = jnp.zeros((3, 4)).at[:2, 2].set(scale)  # g = z + a
    params["lstm_bias"] = jnp.array([20.0, -20.0, 0.0, 20.0])  # no memory, all open
    params["head_kernel"] = jnp.array([[0.0, 1 / scale, 0.0]])
    params["head_bias"] = jnp.array([0.0, 0.0, -3.0])
    rng = np.random.default_rng(0)
    actions = rng.choice([-1.0, 1.0], (16, 9, 1)).astype(np.float32)
    mu = np.cumsum(actions, axis=1) - actions  # z_{t+1} = z_t + a_t from z_0 = 0
    step = np.broadcast_to(np.arange(8), (16, 8))
    batch = {
        "mu": mu,
        "logvar": np.full_like(mu, -np.inf),
        "actions": actions[:, :-1],
        "first": step == 0,
        "last": step == 8,
        "inside": step >= 0,
    }
    start = memory.initial_state(model, 16)

    @jax.jit
    def value(batch):
        return memory_loss.loss(params, batch, jax.random.key(0), start, model=model)[0]

    # a perfect prediction leaves log(std) + 0.5 log(2 pi) = -3 + 0.918939
    assert value(batch) == pytest.approx(-2.081061, abs=0.01)
    for shift in (-1, 1):
        shifted = np.roll(actions, shift, axis=1)[:, :-1]
        assert value(batch | {"actions": shifted}) > 100


def test_z_is_sampled_anew_with_the_key():
    batch, start = padded(), memory.initial_state(SMALL, 5)
    batch["logvar"] = np.zeros_like(batch["logvar"])
    loss = jax.jit(partial(memory_loss.loss, model=SMALL))
    params = parameters(SMALL)
    first, again, other = (
        loss(params, batch, jax.random.key(n), start)[0] for n in (0, 0, 1)
    )
    assert first == again
    assert first != other


# Rows of several episodes


def in_rows(windows: int) -> list[dict]:
    """The five episodes in two rows of 11 and 10 steps, cut into windows."""
    five = episodes()
    rows = stack([
        row(five[0], five[1], steps=12),
        row(five[2], five[3], five[4], steps=12),
    ])  # fmt: skip
    size = 12 // windows
    return [
        {
            k: v[:, n * size : (n + 1) * size + (k in ("mu", "logvar"))]
            for k, v in rows.items()
        }
        for n in range(windows)
    ]


def total_costs(model: Memory, params: dict, windows: list[dict]) -> dict:
    """The summed costs of windows, with the state carried on."""
    loss = jax.jit(partial(memory_loss.loss, model=model, scale=SCALE))
    state = memory.initial_state(model, len(windows[0]["mu"]))
    totals = {"nll": 0.0, "death": 0.0, "reward": 0.0}
    for batch in windows:
        _, (metrics, state) = loss(params, batch, jax.random.key(0), state)
        known = batch["inside"] & ~batch["last"]
        # Summed, not averaged: windows have more or fewer steps that count.
        totals["nll"] += metrics["nll"] * known.sum()
        totals["death"] += metrics["death"] * (known | batch["terminated"]).sum()
        totals["reward"] += metrics["reward"] * batch["inside"].sum()
    return totals


@pytest.mark.parametrize(
    ("model", "windows"),
    [(HEADS, 1), (HEADS, 4), (SLOTS, 4)],
    ids=["lstm-1", "lstm-4", "dnc-4"],
)
def test_rows_cost_what_whole_episodes_cost(model, windows):
    """However they are cut: the state goes on, and begins anew with each episode."""
    model = model.clone(dtype=jnp.float64)
    with jax.enable_x64(True):
        params = parameters(model)
        whole = total_costs(model, params, [padded(dtype="f8")])
        packed = total_costs(model, params, in_rows(windows))
        close(packed, whole)


@pytest.mark.parametrize(
    "model", [HEADS, pytest.param(SLOTS, marks=pytest.mark.slow)], ids=["lstm", "dnc"]
)
def test_gradients_of_rows_are_those_of_whole_episodes(model):
    model = model.clone(dtype=jnp.float64)
    with jax.enable_x64(True):
        params, key = parameters(model), jax.random.key(0)
        whole, packed = (
            value_and_grad(model)(params, batch, key, memory.initial_state(model, rows))
            for batch, rows in ((padded(dtype="f8"), 5), (in_rows(1)[0], 2))
        )
        close(packed[0][0], whole[0][0])
        close(packed[1], whole[1])
        assert min(np.abs(leaf).max() for leaf in jax.tree.leaves(whole[1])) > 1e-6


@pytest.mark.parametrize("model", [HEADS, SLOTS], ids=["lstm", "dnc"])
def test_no_state_leaks_from_one_episode_into_the_next(model):
    """Another episode before it, or another state: what follows costs the same."""
    model = model.clone(dtype=jnp.float64)
    five, other = episodes(), episodes(seed=9)
    with jax.enable_x64(True):
        params = parameters(model)

        def h_of(before, start):
            batch = stack([row(before, five[3], steps=15)])
            z, a = (batch[k].swapaxes(0, 1) for k in ("mu", "actions"))
            arguments = z[:-1], a, batch["first"].swapaxes(0, 1), start
            return model.apply({"params": params}, *arguments, method="unfold")[0]

        zero = memory.initial_state(model, 1)
        one = jax.tree.map(lambda x: x + 3, zero)
        h, changed = h_of(five[0], zero), h_of(other[0], one)
        assert np.abs(h[7] - changed[7]).min() > 1e-6
        np.testing.assert_array_equal(h[8:15], changed[8:15])


# Death


def test_a_time_out_is_no_evidence_and_a_death_counts_without_a_next_z():
    """By hand: a head that states even odds costs log 2 a step, and w log 2 a death.

    M's own logit is -log 7 there, which the loss takes back.
    """
    params = jax.tree.map(jnp.zeros_like, memory.initial(jax.random.key(0), HEADS))
    params["death_bias"] -= np.log(7)
    # Lengths 8, 3, 1, 7, 2: the first, third and fifth die. Known are 7 + 2 + 0 + 6 + 1
    # steps that were survived and 3 deaths; the last steps of two are unknown.
    loss = partial(memory_loss.loss, model=HEADS, scale=SCALE)
    start = memory.initial_state(HEADS, 5)
    _, (metrics, _) = loss(params, padded(), jax.random.key(0), start)
    expected = (16 + 3 * 7) * np.log(2) / (16 + 3)
    assert metrics["death"] == pytest.approx(expected, rel=1e-6)
    timed_out = padded()
    timed_out["terminated"][:] = False
    _, (metrics, _) = loss(params, timed_out, jax.random.key(0), start)
    assert metrics["death"] == pytest.approx(np.log(2), rel=1e-6)  # of 16 steps
