"""Episodes of gymnasium's CarRacing without its drawing: what the simulator must match.

Physics, contacts, tracks and rewards are gymnasium's and Box2D's own code.
"""

from typing import NamedTuple

import numpy as np
from gymnasium.envs.box2d import car_racing

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW, tracks
from worldmodels.environments.carracing.body import DT, Car
from worldmodels.environments.carracing.tracks import Track


class CarRacing(car_racing.CarRacing):
    """gymnasium's environment, blind."""

    def _render(self, mode):
        return None


class Drive(NamedTuple):
    """One episode of T steps, of which T + 1 states are known."""

    actions: np.ndarray  # float32 [T, 3]
    cars: Car  # a batch of T + 1: before each step, and after the last
    rewards: np.ndarray  # [T]
    terminated: np.ndarray  # bool [T]
    visited: np.ndarray  # int [T + 1] tiles visited so far


def snapshot(car) -> Car:
    """Read the state of gymnasium's car, Box2D's hidden one included."""
    hull, wheels = car.hull, car.wheels
    return Car(
        *hull.worldCenter,
        hull.angle,
        *hull.linearVelocity,
        hull.angularVelocity,
        *np.transpose([wheel.position for wheel in wheels]),
        [wheel.angle for wheel in wheels],
        *np.transpose([wheel.linearVelocity for wheel in wheels]),
        [wheel.angularVelocity for wheel in wheels],
        [wheel.omega for wheel in wheels],
        [wheel.phase for wheel in wheels],
        wheels[2].gas,
        [-wheel.joint.GetReactionTorque(1 / DT) * DT for wheel in wheels],
        [len(wheel.tiles) > 0 for wheel in wheels],
    )


def batch(cars) -> Car:
    """Return states of single cars as one batch, float32 as Box2D's are."""
    fields = zip(*cars, strict=True)
    fields = (np.moveaxis(np.array(field), 0, -1) for field in fields)
    return Car(*(f if f.dtype == bool else f.astype(np.float32) for f in fields))


def uniform(rng, steps, environment):
    return lambda step: rng.uniform(ACTION_LOW, ACTION_HIGH)


def held(rng, steps, environment):
    """A random action for eight steps, the brake a quarter as often."""
    actions = rng.uniform(ACTION_LOW, ACTION_HIGH, (steps // 8 + 1, 3))
    actions[:, 2] *= rng.random(len(actions)) < 0.25
    return lambda step: actions[step // 8]


def brownian(rng, steps, environment):
    walk = np.array([0, 0.3, -0.3]) + rng.normal(0, 0.15, (steps, 3)).cumsum(axis=0)
    actions = np.clip(walk, ACTION_LOW, ACTION_HIGH)
    return lambda step: actions[step]


def following(speed):
    """A driver that aims at the road ahead, with an unsteady hand, up to `speed`."""

    def style(rng, steps, environment):
        road = np.array([node[2:4] for node in environment.track])
        at = 0

        def act(step):
            nonlocal at
            hull = environment.car.hull
            window = np.arange(at, at + 12) % len(road)
            away = np.linalg.norm(road[window] - hull.position, axis=1)
            at = window[np.argmin(away)]
            ahead = road[(at + 4) % len(road)] - hull.position
            bearing = np.arctan2(-ahead[0], ahead[1]) - hull.angle
            bearing = (bearing + np.pi) % (2 * np.pi) - np.pi
            slow = hull.linearVelocity.length > speed * (1 - min(abs(bearing), 0.8))
            steer = -1.5 * bearing + rng.normal(0, 0.1)
            pedals = (0, 0.4 * rng.random()) if slow else (rng.random(), 0)
            return np.clip([steer, *pedals], ACTION_LOW, ACTION_HIGH)

        return act

    return style


STYLES = {
    "uniform": uniform,
    "held": held,
    "brownian": brownian,
    "careful": following(30),
    "fast": following(75),
}


def drive(style, seed: int, steps: int = 1000) -> Drive:
    """Drive one episode of gymnasium's; it ends early when it terminates."""
    environment = CarRacing()
    environment.reset(seed=seed)
    act = style(np.random.default_rng(seed), steps, environment)
    actions, rewards, terminated = [], [], []
    cars, visited = [snapshot(environment.car)], [environment.tile_visited_count]
    for step in range(steps):
        actions.append(np.asarray(act(step), np.float32))
        _, reward, end, _, _ = environment.step(actions[-1])
        rewards.append(reward)
        terminated.append(end)
        cars.append(snapshot(environment.car))
        visited.append(environment.tile_visited_count)
        if end:
            break
    return Drive(
        np.array(actions),
        batch(cars),
        np.array(rewards),
        np.array(terminated),
        np.array(visited),
    )


def make_tracks(seeds) -> Track:
    """Return the tracks [R] of gymnasium's seeds."""
    made = [tracks.from_seed(seed) for seed in seeds]
    return Track(*(np.stack(field) for field in zip(*made, strict=True)))


def move(car, x: float, y: float) -> None:
    """Put gymnasium's car elsewhere, turned and moving as it is."""
    offset = np.subtract((x, y), car.hull.position)
    for body in car.drawlist:
        body.position = np.add(body.position, offset).tolist()
