"""The actions of gymnasium's environments: their spaces, and what is refused.

An action may lie outside the bounds: as in gymnasium's CarRacing it then counts as the
nearest bound. But one of another shape, or that is no number, is somebody's mistake.
"""

import gymnasium
import numpy as np

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW
from worldmodels.runtime.errors import UserError

# Nothing, right, left, gas, brake. Source: gymnasium's `CarRacing.step`.
_DISCRETE = np.array(
    [[0, 0, 0], [0.6, 0, 0], [-0.6, 0, 0], [0, 0.2, 0], [0, 0, 0.8]], np.float32
)


def space(continuous: bool) -> gymnasium.Space:
    """Return the space of one car's actions."""
    if continuous:
        return gymnasium.spaces.Box(ACTION_LOW, ACTION_HIGH)
    return gymnasium.spaces.Discrete(len(_DISCRETE))


def applied(actions: np.ndarray, cars: tuple[int, ...], continuous: bool) -> np.ndarray:
    """Return steering, gas and brake of each car, float32 [..., 3].

    Args:
        cars: (B,) of B cars, () of a single one.

    Raises:
        UserError: the actions have another shape than the space of so many, are not of
            numbers, or are none of the space's choices.
    """
    given = _array(actions, continuous)
    wanted = (*cars, 3) if continuous else cars
    if given.shape != wanted:
        whose = f"{cars[0]} cars need" if cars else "one car needs"
        meaning = "steering, gas and brake" if continuous else _choice()
        raise UserError(
            f"the action has the shape {given.shape}, but {whose} {wanted}: {meaning}"
            f"{' of each' if cars else ''}"
        )
    return _numbers(given) if continuous else _chosen(given)


def _array(actions: np.ndarray, continuous: bool) -> np.ndarray:
    """Return the actions as an array of numbers, whole ones where they are choices."""
    try:
        given = np.asarray(actions)
    except ValueError:  # lists of different lengths
        given = np.empty(0, object)
    if given.dtype.kind not in ("iufb" if continuous else "iu"):
        needed = "numbers: steering, gas and brake" if continuous else _choice()
        raise UserError(f"the action is of type {given.dtype}, but it must be {needed}")
    return given


def _numbers(actions: np.ndarray) -> np.ndarray:
    """Return actions in float32; one that is no number would break its car."""
    with np.errstate(over="ignore"):  # infinite: it counts as the bound
        actions = actions.astype(np.float32)
    broken = np.isnan(actions).any(axis=-1)
    if broken.any():
        first = actions[tuple(np.argwhere(broken)[0])]
        raise UserError(
            f"the action {first.tolist()} is not of numbers: the weights of what "
            "chose it are probably not finite"
        )
    return actions


def _chosen(actions: np.ndarray) -> np.ndarray:
    """Return what the choices stand for."""
    wrong = (actions < 0) | (actions >= len(_DISCRETE))
    if wrong.any():
        raise UserError(
            f"the action {actions[wrong].flat[0]} does not exist: it must be "
            f"{_choice()}"
        )
    return _DISCRETE[actions]


def _choice() -> str:
    return f"a whole number from 0 to {len(_DISCRETE) - 1}"
