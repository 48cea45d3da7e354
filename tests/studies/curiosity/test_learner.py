"""An iteration of the learner, part by part, in a world whose every step is known."""

import jax
import numpy as np
import pytest
from scipy import special

from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import distillation, learner, ppo, rollout, train
from worldmodels.training import running_moments

SIZES = learner.Sizes(environments=4, steps=9, epochs=2, minibatches=2)
errors = jax.jit(distillation.errors, static_argnums=2)
heads = jax.jit(agents.heads, static_argnums=1)
CONFIG = {"seed": 0, "environments": SIZES.environments}


@pytest.fixture(scope="module")
def update(clock):
    """Run iterations, all of one program whatever the coefficients."""
    found = {}

    def run(state, given):
        if not found:
            found["run"] = jax.jit(
                lambda state, given: learner.iterate(
                    state, jax.random.key(1), given, agent=clock.agent,
                    world=clock.world, sizes=SIZES,
                )
            )  # fmt: skip
        return found["run"](state, given)

    return run


@pytest.fixture
def begun(clock):
    state = train.initial(clock, CONFIG)
    keys = jax.random.split(train.key(0, "first levels"), SIZES.environments)
    place = rollout.begin(clock.world, keys, clock.stack, "float32")
    return state._replace(carry=state.carry._replace(place=place))


@pytest.fixture
def played(clock):
    """Play the rollout that an iteration begins with."""

    @jax.jit
    def play(own, place, key):
        world = clock.world
        return rollout.gather(own, clock.agent, world, place, key, SIZES.steps, 7)

    def run(state):
        key = jax.random.fold_in(jax.random.key(1), state.step)
        of_play, _ = jax.random.split(key)
        return play(state.params[agents.AGENT], state.carry.place, of_play)

    return run


@pytest.mark.slow
def test_all_arms_and_faults_run_one_program(begun, update, coefficients):
    plain, _ = update(begun, coefficients())
    same, _ = update(plain, coefficients())
    for change in (
        {"faults": [1]},
        {"faults": [2]},
        {"faults": [3]},
        {"intrinsic": 0.0},
        {"reward_clip": 1.0},
        {"last_rate": 0.1},
    ):
        other, metrics = update(plain, coefficients(**change))
        pairs = zip(*map(jax.tree.leaves, (other.params, same.params)), strict=True)
        assert any((a != b).any() for a, b in pairs), change
        assert np.isfinite(metrics["loss"])
    # A gradient that is cut to almost nothing moves nothing, as Adam adds 1e-5 to it;
    # OpenAI's code drops what it has cut.
    still, _ = update(begun, coefficients(gradient_clip=1e-9))
    pairs = zip(*map(jax.tree.leaves, (still.params, begun.params)), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-4


@pytest.mark.slow
def test_statistics_take_a_rollout_in_after_its_bonus(
    begun, update, coefficients, played, clock
):
    """The first rollout alone, played at random, is normalised by its own."""
    state, seen = begun, []
    for _ in range(2):
        before = state
        place, made = played(before)
        state, metrics = update(before, coefficients())
        seen.append(running_moments.of(made.frame.reshape(-1, 2)))
        # Those of the rollouts before; the first has none before it.
        weights = before.params[agents.PREDICTOR], before.carry.target
        bonus = errors(*weights, clock.agent.pair, made.frame, seen[0])
        np.testing.assert_allclose(metrics["bonus"], bonus.mean(), rtol=1e-3)
        np.testing.assert_array_equal(state.carry.place.seen, place.seen)
    both = running_moments.combined(*seen)
    np.testing.assert_allclose(state.carry.seen.mean, both.mean, rtol=1e-5)
    assert int(state.carry.seen.count) == 2 * SIZES.environments * SIZES.steps


@pytest.fixture(scope="module")
def targets():
    return jax.jit(learner.targets)


@pytest.mark.parametrize("faults", [(), (2,), (3,), (2, 3)])
def test_targets_are_of_both_streams(faults, targets, coefficients):
    """Extrinsic advantages stop at deaths, intrinsic ones do not; weights 2 : 1.

    The fault 2 is of advantages alone, the fault 3 of returns alone.
    """
    rng = np.random.default_rng(0)
    steps, count = 6, 2
    values = rng.normal(size=(steps, count, 2)).astype(np.float32)
    dead = np.zeros((steps, count), bool)
    cut, dead[2, 0] = dead.copy(), True
    cut[3, 1] = True
    at_cut = np.where(cut, 0.7, 0).astype(np.float32)
    reward = rng.normal(size=(steps, count)).astype(np.float32)
    bonus = rng.exponential(size=(steps, count)).astype(np.float32)
    last = rng.normal(size=(count, 2)).astype(np.float32)
    made = rollout.Rollout(
        None, None, None, np.zeros_like(reward), values, reward, dead, cut, at_cut, None
    )
    found = targets(made, bonus, last, coefficients(faults=faults))
    right, faulty = np.zeros((2, steps, count, 2))
    for b in range(count):
        later, wrong = np.zeros((2, 2))
        for t in reversed(range(steps)):
            then = values[t + 1, b] if t + 1 < steps else last[b]
            end = dead[t, b] or cut[t, b]
            after = np.array([at_cut[t, b] if end else then[0], then[1]])
            given = np.array([0.5 * reward[t, b], bonus[t, b]])
            error = given + np.array([0.9, 0.8]) * after - values[t, b]
            fade = np.array([0.9, 0.8]) * 0.95
            later = error + fade * later * [not end, True]
            wrong = (error + fade * wrong) * (not end)
            right[t, b], faulty[t, b] = later, wrong
    own = faulty if 2 in faults else right
    weighed = 2 * own[..., 0] + own[..., 1]
    np.testing.assert_allclose(found.advantages, weighed, rtol=1e-4, atol=1e-5)
    returns = right + values
    if 3 in faults:
        returns = np.concatenate([returns[1:], last[None]])
        returns[..., 0][dead | cut] = 0
    np.testing.assert_allclose(found.returns, returns, rtol=1e-4, atol=1e-5)


def test_the_loss_adds_policy_values_entropy_and_prediction(
    clock, weights, coefficients
):
    """Eq. (10) of one minibatch, beside numpy from what the networks say."""
    (params, target), rng = weights, np.random.default_rng(0)
    steps, shape = 5, (5, 3)
    seen = rng.normal(size=(*shape, 4)).astype(np.float32)
    action = rng.integers(0, 2, shape)
    before = rng.normal(-0.7, 0.3, shape).astype(np.float32)
    advantage = rng.normal(1, 3, shape).astype(np.float32)
    returns = rng.normal(size=(*shape, 2)).astype(np.float32)
    frame = rng.normal(size=(steps, 1, 2)).astype(np.float32)
    batch = {
        "seen": seen, "action": action, "frame": frame,
        "chunk": np.zeros(shape, np.int32),
        "wanted": ppo.Wanted(before, advantage, returns),
    }  # fmt: skip
    given = coefficients()
    run = jax.jit(lambda *all_: learner.loss(*all_, given, clock.agent))
    known = running_moments.of(rng.normal(1, 2, (20, 2)).astype(np.float32))
    total, parts = run(params, batch, target, known)
    said = heads(params[agents.AGENT], clock.agent, seen)
    chance = special.softmax(np.asarray(said.outputs), axis=-1)
    ratio = np.take_along_axis(chance, action[..., None], -1)[..., 0] / np.exp(before)
    scaled = (advantage - advantage.mean()) / advantage.std()
    gain = np.minimum(ratio * scaled, np.clip(ratio, 0.8, 1.2) * scaled).mean()
    value = ((np.asarray(said.values) - returns) ** 2).sum(-1).mean() / 2
    entropy = -(chance * np.log(chance)).sum(-1).mean()
    guess = params[agents.PREDICTOR]
    error = errors(guess, target, clock.agent.pair, frame, known).mean()
    expected = -gain + 0.5 * value - 0.01 * entropy + error
    np.testing.assert_allclose(total, expected, rtol=1e-4)
    np.testing.assert_allclose(parts["entropy"], entropy, rtol=1e-5)


def test_a_gradient_is_cut_to_its_largest_norm():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([4.0])}
    clipped = jax.jit(learner._clipped)
    found = clipped(grads, 0.5)
    np.testing.assert_allclose(found["a"], [0.3, 0])
    np.testing.assert_allclose(found["b"], [0.4])
    np.testing.assert_allclose(clipped(grads, 9.0)["b"], [4])


def test_keys_survive_as_numbers():
    tree = {"key": jax.random.split(jax.random.key(0), 3), "step": np.arange(3)}
    plain = learner.keys_as_numbers(tree)
    assert plain["key"].dtype == np.uint32
    again = learner.numbers_as_keys(plain, tree)
    np.testing.assert_array_equal(
        jax.random.key_data(again["key"]), jax.random.key_data(tree["key"])
    )
