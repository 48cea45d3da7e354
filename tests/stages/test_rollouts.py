"""Stage rollouts: episodes that are too short are driven again, with other seeds."""

from itertools import chain

import numpy as np
import pytest

from worldmodels.environments.processes.episodes import EpisodeResult
from worldmodels.experiment.settings import Environment, Evaluation, Rollouts, Run
from worldmodels.experiment.stages import policy_of, recorded
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import MAX_EPISODES, Purpose, episode_seeds
from worldmodels.stages import rollouts

COUNT, STEPS = 5, 30
SETTINGS = Rollouts(episodes=COUNT, episodes_per_shard=COUNT, steps=STEPS, min_steps=20)


def seeds(attempt):
    return 100 * attempt + np.arange(COUNT)


def drive(length):
    """Return what drives episodes of `length(seed)` steps, the last first."""

    def driven(planned):
        for index, episode in reversed(list(enumerate(planned))):
            rewards = np.ones(length(episode.seed))
            yield EpisodeResult(index, episode, rewards[:, None], rewards, True, None)

    return driven


def kept(length):
    found = rollouts.long_enough(drive(length), seeds, SETTINGS)
    return {place: result.episode.seed for place, result in found}


def test_an_episode_that_is_too_short_is_driven_again_with_its_next_seed():
    """Episode 1 is too short once, episode 3 twice; 20 steps are enough."""
    short = {1, 3, 103}
    found = kept(lambda seed: 19 if seed in short else 20)
    assert found == {0: 0, 1: 101, 2: 2, 3: 203, 4: 4}


def test_without_a_least_all_first_attempts_are_kept():
    settings = Rollouts(episodes=COUNT, episodes_per_shard=COUNT, steps=STEPS)
    found = rollouts.long_enough(drive(lambda seed: 1), seeds, settings)
    assert {place: result.episode.seed for place, result in found} == {
        n: n for n in range(COUNT)
    }


def test_episodes_that_are_always_too_short_end_in_one_sentence():
    with pytest.raises(UserError) as refusal:
        kept(lambda seed: 19 if seed % 100 == 2 else 20)
    assert str(refusal.value).startswith("256 attempts at an episode of at least 20 ")
    assert "of 1 of the shard's 5 episodes; lower rollouts.min_steps" in str(
        refusal.value
    )


def test_no_two_attempts_have_one_seed():
    """Of a round's first, and of its last that may be driven again, of two shards."""
    shards = [0, rollouts.APART - 2 * COUNT, rollouts.APART - COUNT]
    attempts = [0, 1, 2, MAX_EPISODES // rollouts.APART - 1]
    found = [
        rollouts.seeds_of(3, 1, start, COUNT, attempt)
        for start in shards
        for attempt in attempts
    ]
    assert len(set(chain.from_iterable(x.tolist() for x in found))) == 12 * COUNT
    first = episode_seeds(Purpose.ROLLOUT, 3, 1, 0, COUNT)
    np.testing.assert_array_equal(found[0], first)
    of_round = episode_seeds(Purpose.ROLLOUT, 3, 1, 0, 1)[0]
    assert of_round <= np.min(found)
    assert np.max(found) < of_round + MAX_EPISODES


def test_more_episodes_than_have_further_seeds_are_refused():
    rollouts.check_places(rollouts.APART)
    with pytest.raises(UserError, match=r"ends with episode 1,048,577 .*min_steps"):
        rollouts.check_places(rollouts.APART + 1)


def test_what_stores_call_held_is_not_the_released_code_s():
    """Those of earlier versions are `held_uniform`, and stay current for it alone."""
    kept = {}
    for name in ("held", "held_uniform", "white"):
        given = Run(), Environment(), Rollouts(policy=name)
        kept[name] = recorded("rollouts", 0, *given)["policy"]
        given = Run(), Environment(), Evaluation(random_policy=name)
        assert recorded("evaluation", 0, *given)["random_policy"] == kept[name]
        assert policy_of(kept[name]) == name
    assert kept["held_uniform"] == "held"
    assert len(set(kept.values())) == 3
