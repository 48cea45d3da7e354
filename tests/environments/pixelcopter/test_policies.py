"""What blind policies, the pilot and the planner score: the figures of the page."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.environments.pixelcopter import policies
from worldmodels.environments.pixelcopter.policies import chance, metronome
from worldmodels.scores.statistics import summarise

pytestmark = pytest.mark.slow

LEVELS = 256

# Mean return and length over 256 to 300 levels of a game written independently of ours.
BLIND = {
    "always up": (chance(1.0), -5.0, 4),
    "a coin": (chance(0.5), -4.8, 7),
    "never up": (chance(0.0), -2.7, 21),
    "up with probability 0.1": (chance(0.1), -0.7, 32),
    "two ups": (metronome(0, 2), 1.0, 42),
    "three ups": (metronome(0, 3), 2.2, 53),
    "four ups": (metronome(0, 4), 4.4, 63),
    "metronome": (metronome(4), 11.8, 109),
}


@pytest.fixture(scope="module")
def blind():
    """Returns and lengths [8, 256] of all blind policies, each in the same levels."""
    acting = [policy for policy, *_ in BLIND.values()]
    which = np.repeat(np.arange(len(acting)), LEVELS)

    def policy(state, key):
        chosen = jnp.stack([act(state, key) for act in acting])
        return chosen[which, np.arange(len(which))]

    keys = jax.random.split(jax.random.key(0), LEVELS)
    play = jax.jit(partial(policies.play, policy, steps=300))
    found = play(keys=jnp.tile(keys, len(acting)), key=jax.random.key(1))
    return [np.asarray(each).reshape(-1, LEVELS) for each in found]


@pytest.mark.parametrize("name", BLIND)
def test_blind_policies_score_what_is_known_of_them(blind, name):
    """Within the 99 % interval of the difference of two means of 256 levels."""
    _, score, length = BLIND[name]
    row = list(BLIND).index(name)
    for found, known, rounding in ((blind[0], score, 0.05), (blind[1], length, 0.5)):
        allowed = 2.58 * np.sqrt(2) * found[row].std(ddof=1) / np.sqrt(LEVELS)
        assert abs(found[row].mean() - known) <= allowed + rounding


def test_the_pilot_beats_every_blind_policy():
    keys = jax.random.split(jax.random.key(0), LEVELS)
    play = jax.jit(partial(policies.play, policies.pilot, steps=1000))
    won, length = play(keys, key=jax.random.key(1))
    assert summarise(won).low > 20
    assert np.mean(length) > 150


def test_the_planner_lives_on():
    """So every level can be flown: 188 in 1,080 steps, which all 16 survive."""
    keys = jax.random.split(jax.random.key(0), 16)
    won, length = jax.jit(policies.play_planned, static_argnames="steps")(
        keys, steps=1080, key=jax.random.key(1)
    )
    assert np.mean(length == 1080) >= 15 / 16
    assert np.mean(won) == pytest.approx(188, abs=5)
