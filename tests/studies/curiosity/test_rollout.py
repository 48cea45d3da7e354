"""Rollouts in a world whose every step is known: what is kept of each, and when."""

import jax
import numpy as np
import pytest

from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import rollout

LIMIT, STEPS, B = 7, 30, 6
heads = jax.jit(agents.heads, static_argnums=1)


@pytest.fixture(scope="module")
def made(clock, weights):
    (params, _), keys = weights, jax.random.split(jax.random.key(3), B)

    @jax.jit
    def play(params, keys, key):
        begun = rollout.begin(clock.world, keys, clock.stack, "float32")
        return begun, *rollout.gather(
            params[agents.AGENT], clock.agent, clock.world, begun, key, STEPS, LIMIT
        )

    return jax.device_get(play(params, keys, jax.random.key(4)))


def test_the_frame_of_a_step_is_the_one_after_the_action_the_dying_one_too(made):
    """The published fault 4 is the frame before; others take the next episode's."""
    _, _, found = made
    number, step = found.seen[..., 2], found.seen[..., 3]
    np.testing.assert_array_equal(found.frame[..., 0], number)
    np.testing.assert_array_equal(found.frame[..., 1], step + 1)
    assert set(found.frame[found.dead][:, 1]) == {5}
    assert set(found.frame[found.cut][:, 1]) == {LIMIT}


def test_an_episode_is_followed_by_the_first_frame_of_another_level(made):
    """The published fault 6 is one level for ever."""
    _, _, found = made
    done = (found.dead | found.cut)[:-1]
    after = found.seen[1:][done]
    np.testing.assert_array_equal(after[:, [1, 3]], 0)  # nothing of before is seen
    np.testing.assert_array_equal(after[:, 0], after[:, 2])
    on = found.seen[1:][~done]
    np.testing.assert_array_equal(on[:, :2], found.seen[:-1][~done][:, 2:])
    levels = found.seen[..., 2]
    assert (levels[1:][done] != levels[:-1][done]).mean() > 0.9


def test_what_is_kept_is_of_the_action_that_was_applied(made, clock, weights):
    """The published fault 5 books another action than the environment had."""
    _, _, found = made
    own = weights[0][agents.AGENT]
    said = heads(own, clock.agent, found.seen)
    log_prob = jax.jit(clock.agent.actions.log_prob)
    expected = log_prob(said.outputs, own, found.action)
    np.testing.assert_allclose(found.log_prob, expected, rtol=1e-4)
    np.testing.assert_allclose(found.values, said.values, rtol=1e-4, atol=1e-5)
    earned = found.action + found.frame[..., 1] - 9.0 * found.dead
    np.testing.assert_array_equal(found.reward, earned)


def test_a_cut_keeps_the_value_of_what_was_seen_there(made, clock, weights):
    _, _, found = made
    stack = np.concatenate([found.seen[..., 2:], found.frame], axis=-1)
    values = heads(weights[0][agents.AGENT], clock.agent, stack).values
    expected = np.where(found.cut, values[..., agents.EXTRINSIC], 0)
    assert found.cut.any()
    np.testing.assert_allclose(found.at_cut, expected, rtol=1e-4, atol=1e-5)


def test_a_chunk_is_of_one_episode_and_of_64_steps_at_most():
    length = np.array([[63, 1], [64, 2], [65, 1], [66, 1], [1, 2]])
    found = np.asarray(rollout.chunks(length))
    np.testing.assert_array_equal(found, [[0, 1], [0, 1], [1, 2], [1, 3], [2, 3]])


def test_episodes_are_summed_up_where_they_end(made):
    _, _, found = made
    totals = {name: 0.0 for name in ("return", "length", "early", "late", "tail")}
    episodes = 0
    for b in range(B):
        start = 0
        for t in np.flatnonzero((found.dead | found.cut)[:, b]):
            ups = found.action[start : t + 1, b] == 1
            episodes += 1
            totals["return"] += found.reward[start : t + 1, b].sum()
            totals["length"] += len(ups)
            totals["early"] += ups[:5].mean()
            totals["late"] += ups[5:].sum() / max(len(ups) - 5, 1)
            if found.dead[t, b]:
                totals["tail"] += ups[::-1].argmax() if ups.any() else len(ups)
            start = t + 1
    said = rollout.episodes(found)
    assert (int(said["episodes"]), int(said["deaths"])) == (episodes, found.dead.sum())
    for name, value in totals.items():
        np.testing.assert_allclose(said[name], value, rtol=1e-5, err_msg=name)


def test_a_stack_takes_the_newest_in_and_begins_anew_where_one_ends():
    seen = np.arange(2 * 3 * 6, dtype=np.uint8).reshape(2, 3, 6)  # three of two each
    frames = 100 + np.arange(2 * 3 * 2, dtype=np.uint8).reshape(2, 3, 2)
    found = agents.pushed(seen, frames, np.array([False, True]))
    went_on = np.concatenate([seen[0, :, 2:], frames[0]], axis=-1)
    np.testing.assert_array_equal(found, [went_on, np.tile(frames[1], 3)])
