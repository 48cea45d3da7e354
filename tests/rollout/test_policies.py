"""The random policies and noise: bounds, statistics, and rows that do not meet."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import worlds

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW
from worldmodels.environments.games import CARRACING, GAMES, TAKECOVER
from worldmodels.rollout.policies import Network, Noisy, random_policy
from worldmodels.runtime.errors import UserError

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), np.uint8)
NAMES = ("network", "brownian", "white", "held")


def keys_of(meaning, count):
    return jax.random.split(jax.random.key(meaning), count)


def actions_of(policy, carry, batch, steps):
    """Drive `batch` cars on FRAMES inside one jitted loop; [steps, batch, A]."""

    @jax.jit
    def drive(carry):
        def step(carry, t):
            frames = jnp.roll(jnp.asarray(FRAMES), t, axis=0)[:batch]
            keys = jax.random.split(jax.random.fold_in(jax.random.key(1), t), batch)
            carry, actions = policy.act(carry, frames, keys)
            return policy.remember(carry, actions), actions

        return jax.lax.scan(step, carry, jnp.arange(steps))[1]

    return np.asarray(drive(carry))


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_is_one_of_all(name):
    actions = drawn(name, 8, 200, worlds.game(choices=3)).reshape(-1, 3)
    np.testing.assert_array_equal(np.sort(actions, axis=1), [[0, 0, 1]] * len(actions))
    assert (actions.mean(axis=0) > 0.05).all()


def test_white_choices_are_equally_likely():
    actions = drawn("white", 8, 300, worlds.game(choices=4)).reshape(-1, 4)
    error = np.abs(actions.mean(axis=0) - 1 / 4)
    assert (error < 4 * np.sqrt(3 / 16 / len(actions))).all()


def drawn(name, batch, steps, game=CARRACING):
    policy = random_policy(name, game)
    return actions_of(policy, policy.initial(keys_of(0, batch)), batch, steps)


WORLDS = GAMES | {
    "three numbers": worlds.game(low=(-2, 0, -9), high=(2, 0.1, 9)),
    "choices": worlds.game(choices=4),
}


@pytest.mark.parametrize("game", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("name", NAMES)
def test_actions_lie_within_the_bounds_and_vary(name, game):
    actions = drawn(name, 4, 200, game)
    assert actions.shape == (200, 4, len(game.actions))
    assert actions.dtype == np.float32
    assert (actions >= game.low).all()
    assert (actions <= game.high).all()
    half = (game.high - game.low) / 2
    assert (actions.std(axis=(0, 1)) > 1e-2 * half).all()  # within episodes
    if not game.discrete:
        assert (actions[0].std(axis=0) > 1e-3 * half).all()  # between them


@pytest.mark.parametrize("name", NAMES)
def test_a_car_drives_the_same_beside_any_others(name):
    """Bit for bit; the key of row 1 goes to a batch of one."""
    policy, frames = random_policy(name, CARRACING), FRAMES[:4]
    carries, keys = policy.initial(keys_of(0, 4)), keys_of(1, 4)
    carry = policy.initial(keys_of(0, 4)[1:2])
    act, remember = jax.jit(policy.act), jax.jit(policy.remember)
    for _ in range(3):
        carries, actions = act(carries, frames, keys)
        carry, action = act(carry, frames[1:2], keys[1:2])
        np.testing.assert_array_equal(action[0], actions[1])
        carries, carry = remember(carries, actions), remember(carry, action)
        beside = jax.tree.map(lambda rows: rows[1:2], carries)
        jax.tree.map(np.testing.assert_array_equal, carry, beside)


def test_white_is_uniform():
    actions = drawn("white", 8, 300).reshape(-1, 3)
    # Errors of a mean of n uniform numbers: width / sqrt(12 n); of the variance
    # width^2 / 12: width^2 / sqrt(180 n).
    width, n = ACTION_HIGH - ACTION_LOW, len(actions)
    middle = (ACTION_HIGH + ACTION_LOW) / 2
    assert (np.abs(actions.mean(axis=0) - middle) < 4 * width / np.sqrt(12 * n)).all()
    error = np.abs(actions.var(axis=0) - width**2 / 12)
    assert (error < 4 * width**2 / np.sqrt(180 * n)).all()


def test_white_forgets():
    actions = drawn("white", 1, 300)[:, 0]
    correlation = np.corrcoef(actions[:-1, 0], actions[1:, 0])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(300)


def as_released(steps, rng):
    """The released code's loop; return how long each action but the last lasted."""
    repeat, starts = rng.integers(1, 11), []
    for frame in range(steps):
        if frame % repeat == 0:
            starts.append(frame)
            repeat = rng.integers(1, 11)
    return np.diff(starts)


def test_held_actions_last_as_long_as_in_the_released_code():
    rng = np.random.default_rng(0)
    released = np.concatenate([as_released(600, rng) for _ in range(400)])
    shares = np.bincount(released, minlength=11) / len(released)
    # Some 65,000 runs: four standard errors of each.
    assert released.mean() == pytest.approx(3.67, abs=0.04)
    assert shares[1] == pytest.approx(0.22, abs=0.0065)
    assert shares[10] == pytest.approx(0.024, abs=0.0025)
    lengths, _ = runs(drawn("held", 40, 600, TAKECOVER)[..., 0])
    expected = shares * len(lengths)
    counts = np.bincount(lengths, minlength=11)
    assert (np.abs(counts - expected) <= 4.5 * np.sqrt(expected)).all()


def runs(actions):
    """Return how long each action lasted but an episode's last, and each action."""
    changes = np.diff(actions, axis=0) != 0
    starts = [np.flatnonzero(np.r_[True, changed]) for changed in changes.T]
    values = np.concatenate([a[s] for a, s in zip(actions.T, starts, strict=True)])
    return np.concatenate([np.diff(start) for start in starts]), values


def test_uniformly_held_actions_last_one_to_ten_steps_alike():
    """The first begins with the episode; neither action nor time tells of the next."""
    lengths, values = runs(drawn("held_uniform", 40, 600, TAKECOVER)[..., 0])
    counts = np.bincount(lengths)
    assert len(counts) == 11
    assert counts[0] == 0
    expected = len(lengths) / 10
    assert (np.abs(counts[1:] - expected) < 4.5 * np.sqrt(expected)).all()
    for a, b in ((values[:-1], values[1:]), (lengths[:-1], lengths[1:])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(a))


@pytest.mark.parametrize("name", ["held", "held_uniform"])
def test_held_actions_are_uniform(name):
    _, values = runs(drawn(name, 40, 600, TAKECOVER)[..., 0])
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    gap = np.abs((np.sort(values) + 1) / 2 - ranks).max()
    assert gap < 1.95 / np.sqrt(len(values))  # Kolmogorov and Smirnov's, as below


def test_brownian_starts_uniformly_and_steps_by_the_deviation_of_a_frame():
    policy = random_policy("brownian", CARRACING)
    first = np.asarray(policy.initial(keys_of(0, 400)))
    middle, width = (ACTION_HIGH + ACTION_LOW) / 2, ACTION_HIGH - ACTION_LOW
    assert (np.abs(first.mean(axis=0) - middle) < 4 * width / np.sqrt(4800)).all()
    actions = drawn("brownian", 8, 300)
    inside = (np.abs(actions[:-1, :, 0]) < 0.5) & (np.abs(actions[1:, :, 0]) < 1)
    steps = np.diff(actions[:, :, 0], axis=0)[inside]
    assert len(steps) > 400
    assert steps.std() == pytest.approx(np.sqrt(1 / 50), rel=0.1)
    assert abs(steps.mean()) < 4 * steps.std() / np.sqrt(len(steps))


def test_brownian_goes_on_from_the_applied_action():
    policy = random_policy("brownian", CARRACING)
    applied = jnp.array([[0.2, 0.5, 0.5]])
    carry = policy.remember(policy.initial(keys_of(0, 1)), applied)
    carries = jnp.repeat(carry, 100, axis=0)
    _, actions = policy.act(carries, FRAMES[:1], keys_of(1, 100))
    assert np.abs(actions.mean(axis=0) - applied).max() < 4 * 0.1414 / 10


def test_network_is_the_controller_on_z_and_h():
    """Steps written out in numpy; then h has seen z and the applied action."""
    policy, batch = Network(CARRACING), 2
    carry = policy.initial(keys_of(5, batch))
    vision, memory, controller = (np.float64(x) for x in carry[:3])
    h = np.zeros((batch, 256))
    for t in range(3):
        frames, keys = FRAMES[2 * t : 2 * t + 2], keys_of(t, batch)
        carry, actions = policy.act(carry, frames, keys)
        for b in range(batch):
            noise = np.asarray(jax.random.normal(keys[b], (32,)))
            z = vision[b] @ (frames[b, ::4, ::4].ravel() / 255.0) + noise
            steer, gas, brake = np.tanh(controller[b] @ [*z, *h[b], 1])
            expected = [steer, (gas + 1) / 2, max(brake, 0)]
            np.testing.assert_allclose(actions[b], expected, atol=2e-5)
            h[b] = np.tanh(memory[b] @ [*h[b], *z, 0.3, 0.2, 0.1])
        carry = policy.remember(carry, jnp.tile(jnp.array([0.3, 0.2, 0.1]), (batch, 1)))
        np.testing.assert_allclose(carry.h, h, atol=2e-5)


def test_networks_are_drawn_as_they_say():
    carry = Network(CARRACING).initial(keys_of(0, 100))
    assert carry.vision.std() == pytest.approx(768**-0.5, rel=0.01)
    assert carry.memory.std() == pytest.approx(291**-0.5, rel=0.01)
    assert not carry.h.any()
    # Half of a Cauchy variable's draws lie within its scale, a quarter beyond 2.41 of
    # it; an episode's scale is estimated from its 867 weights, to about 5 %.
    size = np.abs(np.asarray(carry.controller)).reshape(100, -1)
    scale = np.median(size, axis=1)
    beyond = (size > (1 + np.sqrt(2)) * scale[:, None]).mean()
    assert beyond == pytest.approx(0.25, abs=0.01)
    # Scales are uniform in [0, 0.01]: the largest gap between the two distribution
    # functions (Kolmogorov and Smirnov) is above 1.95 / sqrt(n) once in a thousand.
    ranks = (np.arange(100) + 0.5) / 100
    assert np.abs(np.sort(scale) / 0.01 - ranks).max() < 1.95 / 10


def test_a_network_costs_an_episode_four_hundred_kilobytes():
    carry = Network(CARRACING).initial(keys_of(0, 2))
    assert sum(leaf.nbytes for leaf in carry) / 2 == 4 * (
        32 * 768 + 256 * 291 + 3 * 289 + 32 + 256
    )


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        UserError, match=r"'drunk'.*network, brownian, white, held, held_uniform"
    ):
        random_policy("drunk", CARRACING)


class Middle:
    """Always the middle of the bounds; remembers what was applied."""

    def act(self, carry, frames, keys):
        return carry, jnp.tile(jnp.array([0, 0.5, 0.5]), (len(keys), 1))

    def remember(self, carry, actions):
        return actions


def test_noise_has_its_std_and_comes_from_the_keys():
    policy = Noisy(Middle(), 0.1, CARRACING)
    carry = jnp.zeros((3, 3))
    frames, keys = FRAMES[:1], keys_of(0, 400)
    carry, actions = policy.act(carry, frames, keys)
    noise = actions - np.array([0, 0.5, 0.5])
    np.testing.assert_allclose(noise.std(axis=0), 0.1, rtol=0.15)
    assert np.abs(noise.mean(axis=0)).max() < 4 * 0.1 / np.sqrt(400)
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 4 / np.sqrt(400)
    _, row = policy.act(carry, frames, keys[7:8])
    np.testing.assert_array_equal(row[0], actions[7])
    np.testing.assert_array_equal(policy.remember(carry, actions), actions)


@pytest.mark.parametrize("name", NAMES)
def test_noisy_actions_stay_within_the_bounds(name):
    policy = random_policy(name, CARRACING)
    carries = policy.initial(keys_of(0, 2))
    actions = actions_of(Noisy(policy, 1.0, CARRACING), carries, 2, 50)
    assert (actions >= ACTION_LOW).all()
    assert (actions <= ACTION_HIGH).all()
    assert (actions == ACTION_HIGH).any()


def test_noise_goes_to_takecovers_bounds():
    policy = random_policy("white", TAKECOVER)
    noisy = Noisy(policy, 1.0, TAKECOVER)
    actions = actions_of(noisy, policy.initial(keys_of(0, 2)), 2, 50)
    assert (actions.min(), actions.max()) == (-1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_when_the_rest_is_double(name):
    with jax.enable_x64(True):
        actions = actions_of(
            Noisy(random_policy(name, CARRACING), 0.1, CARRACING),
            random_policy(name, CARRACING).initial(keys_of(0, 2)),
            2,
            3,
        )
    assert actions.dtype == np.float32
