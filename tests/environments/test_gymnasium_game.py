"""Any world of gymnasium: pictures, actions, skipped frames, limits and refusals."""

from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from support import worlds

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime.errors import UserError

PENDULUM = EnvironmentSpec(
    "gymnasium", 6, "Pendulum-v1", crop=(100, 100, 100, 100), frame_skip=2
)
CARTPOLE = EnvironmentSpec("gymnasium", 6, "CartPole-v1", size=96)


def counter(name, space, max_steps=8, frame_skip=1, **options):
    id = worlds.registered(name, space=space, **options)
    return EnvironmentSpec("gymnasium", max_steps, id, frame_skip=frame_skip)


def test_a_box_of_any_shape_is_a_row_of_numbers():
    low, high = np.array([[-1, 0, 2], [-4, 5, 6]]), np.array([[1, 3, 4], [4, 8, 6.5]])
    spec = counter("Box-v0", Box(low, high, dtype=np.float64))
    np.testing.assert_array_equal(spec.game.low, low.ravel())
    np.testing.assert_array_equal(spec.game.high, high.ravel())
    assert not spec.game.discrete
    environment = spec.make()
    environment.reset(seed=1)
    # Beyond the bounds, as rounding may bring it: the nearest is applied.
    environment.step(np.array([0.5, 1, 3, 9, 5, 6.25], np.float32))
    (applied,) = environment.world.unwrapped.applied
    np.testing.assert_array_equal(applied, [[0.5, 1, 3], [4, 5, 6.25]])


def test_a_choice_is_the_place_of_the_1():
    spec = counter("Choice-v0", Discrete(3, start=5))
    assert spec.game.discrete
    assert len(spec.game.actions) == 3
    environment = spec.make()
    environment.reset(seed=1)
    for choice in (2, 0):
        environment.step(np.eye(3, dtype=np.float32)[choice])
    assert environment.world.unwrapped.applied == [7, 5]


@pytest.mark.parametrize("observed", [False, True])
def test_skipped_frames_are_paid_and_the_last_is_seen(observed):
    """After n frames the world pays n and shows n."""
    spec = counter(
        f"Skip{observed}-v0", Discrete(2), frame_skip=3, observed=observed, end=8
    )
    assert spec.game.frames_per_second == 20
    environment, action = spec.make(), np.array([0, 1], np.float32)
    picture, _ = environment.reset(seed=1)
    assert picture[0, 0, 0] == 0
    steps = [environment.step(action) for _ in range(3)]
    assert [step[0][0, 0, 0] for step in steps] == [3, 6, 8]
    assert [step[1] for step in steps] == [1 + 2 + 3, 4 + 5 + 6, 7 + 8]
    assert [step[2] for step in steps] == [False, False, True]
    assert len(environment.world.unwrapped.applied) == 8
    assert environment.world.unwrapped.render_mode == (
        None if observed else "rgb_array"
    )


def test_the_limit_is_that_of_the_settings_in_steps():
    """Not the world's own, and counted in actions, not in frames."""
    environment = counter("Long-v0", Discrete(2), max_steps=5, frame_skip=4).make()
    environment.reset(seed=1)
    action = np.array([1, 0], np.float32)
    truncated = [environment.step(action)[3] for _ in range(5)]
    assert truncated == [False] * 4 + [True]


def test_pictures_are_cut_on_all_sides():
    rows, columns = np.mgrid[:40, :60]
    picture = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)
    spec = EnvironmentSpec("gymnasium", 5, "X-v0", crop=(8, 16, 20, 24), size=80)
    seen = preprocess(picture, spec.seen)
    assert seen.shape == (80, 80, 3)
    assert (seen[..., 0].min(), seen[..., 0].max()) == (8, 40 - 16 - 1)
    assert (seen[..., 1].min(), seen[..., 1].max()) == (20, 60 - 24 - 1)


@pytest.mark.parametrize("spec", [PENDULUM, CARTPOLE], ids=lambda spec: spec.id)
def test_episodes_are_gymnasiums_whatever_happens_to_workers(spec):
    """On one worker, and on two of which one is killed: against gymnasium itself."""
    episodes = [Episode(seed, steps=6) for seed in (3, 4, 2**40, 5)]

    def played(workers, kill=False):
        policy = RandomSlots("white", 2, spec.game)
        with EnvironmentPool(spec, slots=2, workers=workers) as pool:
            found = {}
            for result in run(pool, policy, episodes, record=True):
                if kill and not found:
                    pool._workers[1].process.kill()
                found[result.index] = result
            return [found[n] for n in range(len(episodes))]

    alone, beside = played(1), played(2, kill=True)
    for result, again in zip(alone, beside, strict=True):
        for name in ("frames", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    result = alone[2]
    world = gymnasium.make(spec.id, render_mode="rgb_array")
    world.reset(seed=2**40)
    for t in range(result.length):
        np.testing.assert_array_equal(
            result.frames[t], preprocess(world.render(), spec.seen)
        )
        action = result.actions[t]
        action = action.argmax() if spec.game.discrete else action
        rewards = [world.step(action)[1] for _ in range(spec.frame_skip)]
        assert result.rewards[t] == np.float32(sum(rewards))


class Blind(worlds.Counter):
    metadata: ClassVar = {"render_modes": ["human"]}


def test_what_cannot_be_played_is_refused_in_one_sentence(recwarn):
    gymnasium.register(id="Blind-v0", entry_point=Blind, kwargs={"space": Discrete(2)})
    cut = EnvironmentSpec("gymnasium", 5, "Pendulum-v1", crop=(250, 250, 0, 0))
    unbounded = counter("Free-v0", Box(-np.inf, np.inf, (2,)))
    many = counter("Many-v0", MultiDiscrete([2, 3]))
    refusals = {
        EnvironmentSpec("gymnasium", 5, "Pendulm-v1"): "Did you mean: `Pendulum`?",
        EnvironmentSpec("gymnasium", 5, "Pendulum-v0"): "use `Pendulum-v1` instead",
        EnvironmentSpec("gymnasium", 5, "nowhere:X-v0"): "No module named 'nowhere'",
        EnvironmentSpec("gymnasium", 5, "Blind-v0"): "cannot be rendered as rgb_array",
        unbounded: "takes actions of Box(-inf, inf, (2,), float32); C acts in a Box",
        many: "takes actions of MultiDiscrete([2 3]); C acts in a Box",
        cut: "nothing is left of the 500 x 500 pixels",
    }
    for spec, words in refusals.items():
        with pytest.raises(UserError) as refusal:
            spec.game  # noqa: B018
        assert words in str(refusal.value)
        assert spec.id in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert not recwarn  # gymnasium warns of a version that it then refuses
