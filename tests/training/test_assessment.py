"""Figures of held-out episodes against plain loops, one episode at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from worldmodels.models import memory
from worldmodels.models.memory import Memory
from worldmodels.training import assessment, forecasts

MODEL = Memory(
    latent_size=3,
    action_size=2,
    hidden_size=6,
    mixtures=2,
    death_head=True,
    reward_head=True,
)
LENGTHS = np.array([3, 130, 61, 1, 102])
DIED = np.array([True, True, False, True, False])


def parameters() -> dict:
    """Parameters away from zero: deaths of all log-odds."""
    params = memory.initial(jax.random.key(0), MODEL)
    params = jax.tree.map(lambda x: 2 * x + 0.1, params)
    return params | {"death_kernel": params["death_kernel"] * 3}


def episodes() -> list[dict]:
    """Episodes without noise: z is mu exactly."""
    rng = np.random.default_rng(0)
    made = []
    for length, died in zip(LENGTHS, DIED, strict=True):
        terminated = np.zeros(length, bool)
        terminated[-1] = died
        made.append({
            "mu": rng.normal(size=(length, 3)).astype("f4"),
            "actions": rng.uniform(-1, 1, (length, 2)).astype("f4"),
            "rewards": rng.normal(size=length).astype("f4"),
            "terminated": terminated,
        })  # fmt: skip
    return made


EPISODES = episodes()


def load(which: np.ndarray, steps: int) -> dict:
    """As `Episodes.sequences`."""
    items = {}
    for name in ("mu", "actions", "rewards", "terminated"):
        rows = steps + (name == "mu")
        like = EPISODES[0][name]
        items[name] = np.zeros((len(which), rows, *like.shape[1:]), like.dtype)
        for place, n in zip(items[name], which, strict=True):
            place[: LENGTHS[n]] = EPISODES[n][name][:rows]
    step, length = np.arange(steps), LENGTHS[which, None]
    items["logvar"] = np.full_like(items["mu"], -np.inf)
    return items | {"last": step == length - 1, "inside": step < length}


@pytest.fixture(scope="module")
def figures():
    told = []
    found = assessment.assess(
        parameters(), MODEL, load, LENGTHS, jax.random.key(3), told.append
    )
    assert sum(told) == LENGTHS.sum()
    return {name: np.asarray(values) for name, (values, _) in found.items()}


@pytest.fixture(scope="module")
def watched():
    """Each episode's nll [T, Z], death and reward [T], and the states [T] before."""
    step = jax.jit(lambda *x: memory.step(parameters(), MODEL, *x))
    rows = []
    for episode in EPISODES:
        state = memory.initial_state(MODEL, 1)
        nll, death, reward, states = [], [], [], []
        for t, (z, a) in enumerate(zip(episode["mu"], episode["actions"], strict=True)):
            states.append(state)
            state, predicted = step(state, z[None], a[None])
            death.append(float(predicted.death[0]))
            reward.append(float(predicted.reward[0]))
            if t + 1 < len(episode["mu"]):
                nll.append(scipy_nll(predicted.mixture, episode["mu"][t + 1]))
        rows.append((np.array(nll).reshape(-1, 3), death, reward, states))
    return rows


def scipy_nll(mixture, target) -> np.ndarray:
    numbers = mixture.logweight, mixture.mean, mixture.logstd
    logweight, mean, logstd = (np.asarray(x, float)[0] for x in numbers)
    density = stats.norm.logpdf(target[:, None], mean, np.exp(logstd))
    return -special.logsumexp(logweight + density, axis=-1)


def test_nll_is_the_mean_over_all_steps(figures, watched):
    everything = np.concatenate([nll for nll, *_ in watched])
    assert figures["nll"] == pytest.approx(everything.mean(), rel=1e-4)
    np.testing.assert_allclose(figures["latent_nll"], everything.mean(0), rtol=1e-4)
    np.testing.assert_array_equal(figures["episode_steps"], LENGTHS - 1)
    for n in (0, 1, 2, 4):
        mean = watched[n][0].mean()
        assert figures["episode_nll"][n] == pytest.approx(mean, rel=1e-4)
    assert np.isnan(figures["episode_nll"][3])  # one frame


def test_deaths_are_counted_by_their_log_odds(figures, watched):
    survived, died = [], []
    for n, (_, death, *_) in enumerate(watched):
        survived += death[:-1]  # the last was survived by nobody, or is not known
        died += death[-1:] if DIED[n] else []
    survived, died = np.array(survived), np.array(died)
    assert 0 < (survived > 0).sum() < len(survived)
    assert figures["death/recall"] == pytest.approx((died > 0).mean())
    alarms = 1000 * (survived > 0).mean()
    assert figures["death/false_alarms"] == pytest.approx(alarms)
    # an edge is at 0: the histogram says the same
    above = figures["death/edges"][:-1] >= 0
    assert figures["death/died"][above].sum() == (died > 0).sum()
    assert figures["death/survived"][above].sum() == (survived > 0).sum()
    assert figures["death/survived"].sum() == len(survived)
    expected = special.expit(np.concatenate([survived, died])).sum()
    assert figures["death/expected"].sum() == pytest.approx(expected, rel=1e-4)


def test_rewards_unexplained(figures, watched):
    rewards = np.concatenate([e["rewards"] for e in EPISODES])
    expected = np.concatenate([reward for _, _, reward, _ in watched])
    share = np.mean((rewards - expected) ** 2) / rewards.var()
    assert figures["reward/unexplained"] == pytest.approx(share, rel=1e-4)


def test_dreams_begin_where_enough_was_seen_and_end_with_the_episode(figures):
    # At 50: episodes of 130, 61 and 102 steps; at 100: those of 130 and 102.
    # One step on is 51 and 101; 50 on from 50 is 100, from 100 it is 150.
    np.testing.assert_array_equal(figures["horizon"], [1, 5, 10, 50])
    np.testing.assert_array_equal(figures["horizon_starts"], [5, 4, 4, 2])


def test_m_of_means_is_scored_on_them_whatever_noise_it_reads():
    """M is blind to z: what it foresees is known without its noise."""
    model = MODEL.clone(target=memory.MEAN)
    params = parameters()
    params["lstm_kernel"] = params["lstm_kernel"].at[:3].set(0)

    def noisy(which, steps):
        items = load(which, steps)
        return items | {"logvar": np.zeros_like(items["mu"])}

    found = assessment.assess(
        params, model, noisy, LENGTHS, jax.random.key(3), lambda _: None
    )
    step = jax.jit(lambda *x: memory.step(params, model, *x))
    nll, later = [], {}
    for n, episode in enumerate(EPISODES):
        state = memory.initial_state(model, 1)
        for t, target in enumerate(episode["mu"][1:]):
            state, predicted = step(state, np.ones((1, 3)), episode["actions"][[t]])
            nll.append(scipy_nll(predicted.mixture, target))
            later[n, t] = nll[-1].mean()
    assert found["nll"][0] == pytest.approx(np.mean(nll), rel=1e-4)
    starts = [(1, 50), (2, 50), (4, 50), (1, 100)]
    expected = np.mean([later[n, t + 4] for n, t in starts])
    assert found["horizon_nll"][0][1] == pytest.approx(expected, rel=1e-4)


def test_one_step_on_needs_no_dream(figures, watched):
    places = [(1, 50), (2, 50), (4, 50), (1, 100), (4, 100)]
    expected = np.mean([watched[n][0][t] for n, t in places])
    assert figures["horizon_nll"][0] == pytest.approx(expected, rel=1e-4)


def test_a_horizon_is_the_density_after_many_dreamt_pasts(figures, watched):
    """Five steps on: 32 pasts come near 4,000."""
    estimates = [
        dreamt(watched[n][3][t], EPISODES[n], t, 5)
        for n, t in [(1, 50), (2, 50), (4, 50), (1, 100)]
    ]
    exact = np.mean([nll for nll, _ in estimates])
    # The standard error of a log of a mean of 32, four starts, three dimensions each.
    error = float(np.sqrt(np.mean([cv**2 for _, cv in estimates]) / 32 / (4 * 3)))
    assert error < 0.1
    assert figures["horizon_nll"][1] == pytest.approx(exact, abs=5 * error)


def dreamt(state, episode: dict, start: int, horizon: int):
    """Return the NLL [Z] of one start, and the density's spread over its mean [Z]."""
    z, target = (episode["mu"][[start + t]] for t in (0, horizon))
    actions = episode["actions"][start : start + horizon, None]
    keys = jax.random.split(jax.random.key(9), 4000)
    density = np.asarray(densities(parameters(), state, z, actions, target, keys))
    return -np.log(density.mean(axis=0)), density.std(axis=0) / density.mean(axis=0)


@jax.jit
def densities(params, state, z, actions, target, keys):
    """Return the density [K, Z] of `target` after each of K pasts under `actions`."""

    def past(key):
        def step(before, action):
            z, state, key = before
            state, predicted = memory.step(params, MODEL, state, z, action)
            key, now = jax.random.split(key)
            z = memory.sample(now, predicted.mixture)
            return (z, state, key), memory.nll(predicted.mixture, target)[0]

        return jnp.exp(-jax.lax.scan(step, (z, state, key), actions)[1][-1])

    return jax.vmap(past)(keys)


def test_figures_do_not_depend_on_who_is_watched_together(monkeypatch, figures):
    monkeypatch.setattr(assessment, "_TOGETHER", 1)
    again = assessment.assess(
        parameters(), MODEL, load, LENGTHS, jax.random.key(3), lambda _: None
    )
    for name, (values, axes) in again.items():
        np.testing.assert_allclose(values, figures[name], rtol=1e-4, err_msg=name)
        assert np.ndim(values) == len(axes)


@pytest.fixture(scope="module")
def foreseen():
    found = forecasts.forecast(
        parameters(), MODEL, load, LENGTHS, jax.random.key(3), lambda steps: None
    )
    return {name: np.asarray(values) for name, (values, _) in found.items()}


def test_a_forecast_is_the_assessment_at_more_horizons(figures, foreseen):
    """On the same noise: what one M stored may stand beside what another foresees."""
    assert foreseen["horizon"].tolist() == [1, 2, 5, 10, 20, 50]
    shared = np.isin(foreseen["horizon"], figures["horizon"])
    assert shared.sum() == len(figures["horizon"])
    for name in ("horizon_nll", "horizon_starts"):
        np.testing.assert_allclose(foreseen[name][shared], figures[name], rtol=1e-6)
    others = foreseen.keys() - {"death/nll", "death/base", "death/steps"}
    for name in others - {"death/deaths", "horizon", "horizon_nll", "horizon_starts"}:
        np.testing.assert_allclose(foreseen[name], figures[name], rtol=1e-6)
    assert (foreseen["horizon_starts"] > 0).all()


def test_the_death_loss_is_the_mean_cross_entropy(foreseen, watched):
    """Of all steps but the last of an episode that ran out of time."""
    costs, died = [], []
    for n, (_, death, *_) in enumerate(watched):
        known = death[:-1] + (death[-1:] if DIED[n] else [])
        came = [False] * (len(death) - 1) + [True] * bool(DIED[n])
        p = special.expit(np.array(known, float))
        costs += np.where(came, -np.log(p), -np.log1p(-p)).tolist()
        died += came
    assert foreseen["death/steps"] == len(costs)
    assert foreseen["death/deaths"] == DIED.sum()
    assert foreseen["death/nll"] == pytest.approx(np.mean(costs), rel=1e-4)
    assert foreseen["death/base"] == pytest.approx(
        stats.bernoulli(np.mean(died)).entropy()
    )
