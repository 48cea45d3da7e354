"""What joints do to the car: Box2D's `b2Island::Solve`, in closed form.

Each wheel is held by a revolute joint that a motor steers. Box2D solves the velocities
by 180 sweeps of Gauss-Seidel. A wheel's anchor is its own centre and it weighs a
hundredth of the hull, so the sweeps converge to float32's last digits, and what they
converge to can be written down: the wheels share their momenta with the hull as parts
of one rigid body, and each turns at its motor's speed.

Except at the end of a joint's range, where Box2D's motor presses on against the stop,
sweep by sweep, until its torque saturates, and must unwind before the wheel comes free.
`_press` follows that impulse; without it long episodes diverge.

Positions are corrected by a sweep or two, far from convergence: there Box2D's order and
even its rounding count. `stop` is +1 for a joint at the upper end of its range, -1 at
the lower, 0 between: [4, B], from before the step.

Departure: Box2D's sleep is left out. It stops a car slower than 0.01 m/s for half a
second.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.body import (
    ANCHORS,
    DT,
    HULL_CENTRE,
    HULL_INERTIA,
    HULL_MASS,
    STEER_STOP,
    WHEEL_INERTIA,
    WHEEL_MASS,
    Car,
)

MOTOR_LIMIT = 64.8 * DT  # the largest impulse of a joint's motor
VELOCITY_SWEEPS = 180
ANGLE_SLOP, LENGTH_SLOP = np.pi * 2 / 180, 0.005  # Box2D's tolerances
ANGLE_CORRECTION = np.pi * 8 / 180  # at most, in one sweep

_MASS = HULL_MASS + 4 * WHEEL_MASS
_ARM_X = np.float32(ANCHORS[:, 0])[:, None]  # [4, 1], from the hull's centre of mass
_ARM_Y = np.float32(ANCHORS[:, 1] - HULL_CENTRE)[:, None]
_ARM_2 = np.float32(_ARM_X**2 + _ARM_Y**2)
_LEAN = WHEEL_MASS * float(_ARM_Y.sum())  # first moment of the wheels, along the hull
_INERTIA = (
    HULL_INERTIA
    + 4 * WHEEL_INERTIA
    + WHEEL_MASS * float(_ARM_2.sum())
    - _LEAN**2 / _MASS
)
_LINK = 1 / HULL_MASS + 1 / WHEEL_MASS
_MOTOR_MASS = 1 / (1 / HULL_INERTIA + 1 / WHEEL_INERTIA)


def solve_velocities(car: Car, force_x, force_y, turn, stop) -> Car:
    """Return the car with the velocities that its joints allow, forces applied.

    All arguments are [4, B]: forces on the wheels (N), the motors' speeds (rad/s). It
    is written in what differs from a rigid car: the wheels' slip against the hull.
    """
    arm_x, arm_y = _arms(jnp.cos(car.angle), jnp.sin(car.angle))
    slip_x = car.wheel_vx + DT / WHEEL_MASS * force_x - (car.vx - car.spin * arm_y)
    slip_y = car.wheel_vy + DT / WHEEL_MASS * force_y - (car.vy + car.spin * arm_x)
    # Momenta that the hull has yet to share: linear, and angular about its centre.
    give_x, give_y = WHEEL_MASS * _sum(slip_x), WHEEL_MASS * _sum(slip_y)
    lean_x, lean_y = -_LEAN * jnp.sin(car.angle), _LEAN * jnp.cos(car.angle)
    give = WHEEL_MASS * _sum(arm_x * slip_y - arm_y * slip_x)
    give -= (lean_x * give_y - lean_y * give_x) / _MASS
    give -= WHEEL_INERTIA * _sum(car.spin - car.wheel_spin)

    def spin_with(turn):
        return car.spin + (give - WHEEL_INERTIA * _sum(turn)) / _INERTIA

    held = spin_with(jnp.where(stop == 0, turn, 0)) - car.wheel_spin
    press = _press(car.press, turn, stop, WHEEL_INERTIA * held)
    turn = jnp.where(press == 0, turn, 0)
    spin = spin_with(turn)
    vx = car.vx + (give_x + (spin - car.spin) * lean_y) / _MASS
    vy = car.vy + (give_y - (spin - car.spin) * lean_x) / _MASS
    return car._replace(
        vx=vx,
        vy=vy,
        spin=spin,
        wheel_vx=vx - spin * arm_y,
        wheel_vy=vy + spin * arm_x,
        wheel_spin=spin + turn,
        press=press,
    )


def _press(press, turn, stop, held) -> jax.Array:
    """Return the impulses with which wheels press on their stops, 0 where they do not.

    `held` is the impulse that a wheel needs to turn with the hull; the motor gives it,
    and what it gives beyond is the stop's. Each sweep the motor adds what would turn
    the wheel at `turn`, and the stop takes it back: towards the stop until the torque
    saturates; away from it until nothing presses and the wheel is free. All [4, B].
    """
    per_sweep = stop * _MOTOR_MASS * turn
    motor = jnp.minimum(stop * (held + press), MOTOR_LIMIT)
    motor = jnp.minimum(motor + VELOCITY_SWEEPS * per_sweep, MOTOR_LIMIT)
    return stop * jnp.maximum(motor - stop * held, 0)


class _Pose(NamedTuple):
    """What the position solver moves; fields as in Car."""

    x: jax.Array
    y: jax.Array
    angle: jax.Array
    wheel_x: jax.Array
    wheel_y: jax.Array
    wheel_angle: jax.Array


class _Hull(NamedTuple):
    """The hull within a sweep of the position solver; all [B]."""

    x: jax.Array
    y: jax.Array
    angle: jax.Array
    cos: jax.Array  # of the angle
    sin: jax.Array


def solve_positions(car: Car, stop: jax.Array, sweeps: int) -> Car:
    """Pull the wheels to their anchors and into their range, by that many sweeps.

    A car's last sweep is the first that finds all its joints within tolerance: mostly
    the very first.
    """

    # Unrolled, XLA on CPU would fuse the sweeps and repeat the first for each use of
    # it in the second: minutes to compile, a hundred times slower.
    def sweep(_, carry):
        pose, active = carry
        pose, within = _sweep(pose, stop, active)
        return pose, jnp.where(within, 0, active)

    pose = _Pose(
        x=car.x,
        y=car.y,
        angle=car.angle,
        wheel_x=car.wheel_x,
        wheel_y=car.wheel_y,
        wheel_angle=car.wheel_angle,
    )
    pose, _ = jax.lax.fori_loop(0, sweeps, sweep, (pose, jnp.ones_like(car.x)))
    return car._replace(**pose._asdict())


def _sweep(pose: _Pose, stop, active) -> tuple[_Pose, jax.Array]:
    """Solve one joint after the other, in Box2D's order, for cars whose `active` is 1.

    Also return whether all joints were within tolerance, bool [B].
    """
    hull = _Hull(pose.x, pose.y, pose.angle, jnp.cos(pose.angle), jnp.sin(pose.angle))
    wheels = list(zip(pose.wheel_x, pose.wheel_y, pose.wheel_angle, strict=True))
    solved = True
    for joint in (3, 2, 1, 0):
        hull, wheels[joint], within = _solve_joint(
            hull, wheels[joint], joint, stop[joint], active
        )
        solved &= within
    wheels = (jnp.stack(each) for each in zip(*wheels, strict=True))
    return _Pose(*hull[:3], *wheels), solved


def _solve_joint(hull: _Hull, wheel: tuple, joint: int, stop, active):
    """Correct one joint's angle, then its place; tell whether they were in tolerance.

    Source: Box2D's b2RevoluteJoint::SolvePositionConstraints. Its 2x2 system is a
    multiple of the identity plus an outer product, inverted by Sherman-Morrison.
    """
    x, y, angle = wheel
    beyond = stop * (angle - hull.angle) - STEER_STOP
    back = active * stop * jnp.clip(beyond - ANGLE_SLOP, 0, ANGLE_CORRECTION)
    hull = _turn(hull, _MOTOR_MASS / HULL_INERTIA * back)

    arm_x, arm_y = (arm[joint] for arm in _arms(hull.cos, hull.sin))
    gap_x, gap_y = x - hull.x - arm_x, y - hull.y - arm_y
    within = gap_x * gap_x + gap_y * gap_y <= LENGTH_SLOP**2
    twist = active * (arm_x * gap_y - arm_y * gap_x)
    twist /= HULL_INERTIA * _LINK + float(_ARM_2[joint, 0])
    push_x = (active * gap_x + twist * arm_y) / _LINK
    push_y = (active * gap_y - twist * arm_x) / _LINK
    hull = _turn(hull, twist)._replace(
        x=hull.x + push_x / HULL_MASS, y=hull.y + push_y / HULL_MASS
    )
    wheel = (
        x - push_x / WHEEL_MASS,
        y - push_y / WHEEL_MASS,
        angle - _MOTOR_MASS / WHEEL_INERTIA * back,
    )
    return hull, wheel, within & (beyond <= ANGLE_SLOP)


def _turn(hull: _Hull, by: jax.Array) -> _Hull:
    """Turn the hull by a small angle; `by`^4 / 24 is below float32's resolution."""
    cos, sin = 1 - by * by / 2, by - by * by * by / 6
    return hull._replace(
        angle=hull.angle + by,
        cos=cos * hull.cos - sin * hull.sin,
        sin=cos * hull.sin + sin * hull.cos,
    )


def _arms(cos: jax.Array, sin: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the joints' anchors from the hull's centre of mass, both [4, B]."""
    return cos * _ARM_X - sin * _ARM_Y, sin * _ARM_X + cos * _ARM_Y


def _sum(wheels: jax.Array) -> jax.Array:
    # Slices, where a reduction would keep XLA from fusing the step.
    return wheels[0] + wheels[1] + wheels[2] + wheels[3]
