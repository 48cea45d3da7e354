"""Whole episodes of unseen levels, in a world whose every step is known."""

import jax
import numpy as np
import pytest

from worldmodels.runtime.randomness import Purpose, episode_seeds, seed_words
from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import play, train
from worldmodels.training import running_moments

LIMIT, LIVES = 7, 5  # steps until a cut, and until an even level's player dies


@pytest.mark.slow
def test_scores_are_of_one_episode_a_level_and_so_is_what_is_watched(clock, weights):
    (params, target), words = weights, seed_words(play.levels(12))
    own = params[agents.AGENT]
    # The likeliest action is an up, of 2 to 1 by draws.
    own = own | {"policy": jax.tree.map(np.zeros_like, own["policy"])}
    own["policy"]["bias"][:] = 0, np.log(2)
    params = params | {agents.AGENT: own}
    found = play.score(params, train.key(0, "tests"), words, np.int32(LIMIT), clock)
    number = jax.random.key_data(play.episode_keys(words, "curiosity level"))[:, 1]
    dead = number % 1000 % 2 == 0
    assert 0 < dead.sum() < 12
    length = np.where(dead, LIVES, LIMIT)
    for ended in found:
        np.testing.assert_array_equal(ended.died, dead)
        flight = ended.flight
        np.testing.assert_array_equal(flight.length, length)
        ups = flight.early + flight.late
        won = ups + length * (length + 1) / 2 - 9 * dead
        np.testing.assert_array_equal(flight.won, won)
    np.testing.assert_array_equal(found.likeliest.flight.tail, 0)
    np.testing.assert_array_equal(found.likeliest.flight.early, 5)
    assert 0.4 < found.drawn.flight.early.mean() / 5 < 0.9
    seen = running_moments.empty((2,))
    shown = play.watch(params, target, seen, jax.random.key(0), words[:1], LIMIT, clock)
    assert (~np.asarray(shown.over)).sum() == length[0]
    np.testing.assert_array_equal(shown.picture[:, 1], np.arange(1, LIMIT + 1))


def test_no_training_plays_the_levels_of_the_test():
    """They are the project's test levels, and those of a training have random keys."""
    seeds = play.levels(100)
    np.testing.assert_array_equal(seeds, episode_seeds(Purpose.TEST, 0, 0, 0, 100))
    assert len(set(seeds)) == 100
    tests = play.episode_keys(seed_words(seeds), "curiosity level")
    known = {tuple(words) for words in np.asarray(jax.random.key_data(tests))}
    for seed in range(3):
        keys = jax.random.split(train.key(seed, "first levels"), 128)
        first = {tuple(words) for words in np.asarray(jax.random.key_data(keys))}
        assert not known & first
