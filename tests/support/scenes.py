"""Moments of gymnasium's CarRacing as it draws them: what `rendering` must match."""

from typing import NamedTuple

import numpy as np

from support import drives
from worldmodels.environments.carracing import reference, reference_v0
from worldmodels.environments.carracing.camera import View
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING, V0, game_of


class CarRacing(reference.CarRacing):
    """The reference, drawing only when asked to."""

    def _render(self, mode):
        return None

    def frame(self) -> np.ndarray:
        return preprocess(super()._render("state_pixels"), CARRACING.view)


class OriginalCarRacing(reference_v0.CarRacing):
    """The same in v0's view."""

    def _render(self, mode):
        return None

    def picture(self) -> np.ndarray:
        return super()._render("state_pixels")

    def frame(self) -> np.ndarray:
        return preprocess(self.picture(), game_of(CARRACING.name, V0).view)


class Scenes(NamedTuple):
    """N moments, each on the track of its own seed."""

    view: View  # of N cars
    frames: np.ndarray  # uint8 [N, 64, 64, 3]
    velocity: np.ndarray  # float32 [2, N] m/s, the car's


def look(environment, track: int) -> tuple[View, np.ndarray, tuple[float, float]]:
    """Return what the camera depends on, the frame and the car's velocity."""
    hull, wheels = environment.car.hull, environment.car.wheels
    view = View(
        track,
        *hull.position,
        hull.angle,
        *np.transpose([wheel.position for wheel in wheels]),
        [wheel.angle for wheel in wheels],
        [wheel.phase for wheel in wheels],
        round(environment.t * 50) - 1,
    )
    return view, environment.frame(), tuple(hull.linearVelocity)


def gather(looks) -> Scenes:
    """Put single views and their frames together."""
    views, frames, velocities = zip(*looks, strict=True)
    fields = [np.moveaxis(np.array(field), 0, -1) for field in zip(*views, strict=True)]
    types = [np.int32 if field.dtype == int else np.float32 for field in fields]
    view = (field.astype(type) for field, type in zip(fields, types, strict=True))
    velocity = np.transpose(velocities).astype(np.float32)
    return Scenes(View(*view), np.array(frames), velocity)


def driven(seeds, moments, kind=CarRacing) -> Scenes:
    """Return those steps of one drive a seed, in one style after the other."""
    looks = []
    styles = list(drives.STYLES.values())
    for track, seed in enumerate(seeds):
        environment = kind()
        environment.reset(seed=seed)
        style = styles[track % len(styles)]
        act = style(np.random.default_rng(seed), max(moments) + 1, environment)
        for step in range(max(moments) + 1):
            if step in moments:
                looks.append(look(environment, track))
            end = environment.step(np.asarray(act(step), np.float32))[2]
            if end:
                break
    return gather(looks)


def placed(seed, positions, angles, step=60, kind=CarRacing) -> Scenes:
    """Return a car put at positions [N, 2] of one track and turned to angles [N]."""
    environment = kind()
    environment.reset(seed=seed)
    environment.t = (step + 1) / 50
    looks = []
    for position, angle in zip(positions, angles, strict=True):
        turn(environment.car, angle)
        drives.move(environment.car, *position)
        looks.append(look(environment, 0))
    return gather(looks)


def turn(car, angle: float) -> None:
    """Turn gymnasium's car about its hull until that points to `angle`, rad."""
    hull = car.hull
    by = angle - hull.angle
    rotation = np.array([[np.cos(by), -np.sin(by)], [np.sin(by), np.cos(by)]])
    for wheel in car.wheels:
        away = np.subtract(wheel.position, hull.position)
        wheel.position = np.add(hull.position, rotation @ away).tolist()
        wheel.angle += by
    hull.angle = angle
