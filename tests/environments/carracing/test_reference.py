"""Our CarRacing against gymnasium's own: the same bytes, rewards and terminations."""

import gymnasium
import numpy as np
import pytest

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW, reference


def uniform(rng, step):
    return rng.uniform(ACTION_LOW, ACTION_HIGH)


def spin(rng, step):
    return np.array([1, 1, 0])


def into_the_grass(rng, step):
    return np.array([0, 1, 0])


def jerks(rng, step):
    """Full throttle, then hard brakes while steering: skids and blocked wheels."""
    return np.array(
        [[-1, 1, 0], [1, 1, 0], [0.3, 0, 1], [-0.2, 0.1, 0.5]][step // 9 % 4]
    )


def both(seed):
    ours, theirs = reference.make(), gymnasium.make("CarRacing-v3")
    return ours, theirs, ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]


@pytest.mark.parametrize(
    ("seed", "style", "steps"),
    [(0, uniform, 150), (1, spin, 170), (1, jerks, 150), (2, into_the_grass, 170)],
)
def test_frames_rewards_and_terminations_are_gymnasiums(seed, style, steps):
    ours, theirs, our_frame, their_frame = both(seed)
    rng = np.random.default_rng(seed)
    np.testing.assert_array_equal(our_frame, their_frame)
    for step in range(steps):
        action = np.asarray(style(rng, step), np.float32)
        our_frame, *our_outcome = ours.step(action)
        their_frame, *their_outcome = theirs.step(action)
        assert our_frame.dtype == their_frame.dtype == np.uint8
        np.testing.assert_array_equal(our_frame, their_frame, f"step {step}")
        assert our_outcome == their_outcome, step


def test_the_edge_of_the_playfield_and_what_lies_beyond():
    """The background does not fill the window there; the episode ends with -100."""
    ours, theirs, *_ = both(0)
    action = np.array([0, 1, 0], np.float32)
    for position in [(329, 0), (-331, 328), (0, -333), (333.2, 333.2), (340, 0)]:
        for environment in (ours, theirs):
            car = environment.unwrapped.car
            offset = np.subtract(position, car.hull.position)
            for body in car.drawlist:
                body.position = np.add(body.position, offset).tolist()
        our_frame, *our_outcome = ours.step(action)
        their_frame, *their_outcome = theirs.step(action)
        np.testing.assert_array_equal(our_frame, their_frame, str(position))
        assert our_outcome == their_outcome
    assert our_outcome[:2] == [-100, True]


def test_an_environment_can_be_reset_and_starts_afresh():
    ours, theirs, *_ = both(3)
    for _ in range(5):
        ours.step(np.array([1, 1, 0], np.float32))
    np.testing.assert_array_equal(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])


def test_environments_that_take_turns_see_nothing_of_each_other():
    """One of them at the edge of the playfield, whose background is black."""
    pairs = [both(seed)[:2] for seed in (0, 1)]
    for environment in pairs[0]:
        car = environment.unwrapped.car
        offset = np.subtract((329, 0), car.hull.position)
        for body in car.drawlist:
            body.position = np.add(body.position, offset).tolist()
    for _ in range(6):
        for number, environments in enumerate(pairs):
            action = np.array([0.3, 1, 0], np.float32) * (-1) ** number
            action = np.clip(action, ACTION_LOW, ACTION_HIGH)
            ours, theirs = (environment.step(action)[0] for environment in environments)
            np.testing.assert_array_equal(ours, theirs)


def test_truncated_at_the_limit_and_not_terminated():
    environment = reference.make(max_steps=3)
    environment.reset(seed=0)
    ends = [environment.step(np.zeros(3, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_pictures_for_videos_are_gymnasiums_too():
    ours = reference.make(render_mode="rgb_array")
    theirs = gymnasium.make("CarRacing-v3", render_mode="rgb_array")
    for environment in (ours, theirs):
        environment.reset(seed=0)
        for _ in range(3):
            environment.step(np.array([0.5, 1, 0], np.float32))
    assert ours.render().shape == (400, 600, 3)
    np.testing.assert_array_equal(ours.render(), theirs.render())
