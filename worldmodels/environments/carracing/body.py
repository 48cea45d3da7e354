"""What the car is made of: gymnasium's `Car`, at its SIZE of 0.02, in Box2D's units.

Units are metres, seconds, radians and kilograms.
"""

from typing import NamedTuple

import jax
import numpy as np

DT = 1 / 50  # of a step

HULL_MASS, HULL_INERTIA = 7.06, 18.212277  # about its centre of mass
HULL_CENTRE = -0.0825309  # y of the centre of mass, from the body's origin
WHEEL_MASS, WHEEL_INERTIA = 0.06048, 0.0074592
WHEEL_HALF_WIDTH, WHEEL_RADIUS = 0.28, 0.54
# Of the wheels, from the hull's origin: front left, front right, rear left, rear right.
ANCHORS = np.array([[-1.1, 1.6], [1.1, 1.6], [-1.1, -1.64], [1.1, -1.64]])
STEER_STOP = 0.4  # the joints' range, to either side


class Car(NamedTuple):
    """B cars; wheels in the order of ANCHORS."""

    x: jax.Array  # [B] m, of the hull's centre of mass; see `physics.position`
    y: jax.Array
    angle: jax.Array  # [B] rad
    vx: jax.Array  # [B] m/s
    vy: jax.Array
    spin: jax.Array  # [B] rad/s
    wheel_x: jax.Array  # [4, B] m
    wheel_y: jax.Array
    wheel_angle: jax.Array  # [4, B] rad
    wheel_vx: jax.Array  # [4, B] m/s
    wheel_vy: jax.Array
    wheel_spin: jax.Array  # [4, B] rad/s, about the vertical
    omega: jax.Array  # [4, B] rad/s, rolling
    phase: jax.Array  # [4, B] rad, rolled so far
    gas: jax.Array  # [B] 0 .. 1, of both rear wheels
    press: jax.Array  # [4, B] angular impulse of wheels on their stops, last step
    on_road: jax.Array  # bool [4, B] whether the next step's grip is the road's
