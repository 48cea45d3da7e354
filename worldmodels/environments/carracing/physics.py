"""The car: gymnasium's `Car.step` and Box2D's `b2World::Step`, in closed form.

A hull and four wheels, each on a revolute joint that a motor steers. Box2D solves the
joints by 180 sweeps of Gauss-Seidel. A wheel's anchor is its own centre and it weighs a
hundredth of the hull, so the sweeps converge to float32's last digits, and what they
converge to can be written down: the wheels share their momenta with the hull as parts
of one rigid body, and each turns at its motor's speed.

Except at the end of a joint's range, where Box2D's motor presses on against the stop,
sweep by sweep, until its torque saturates, and must unwind before the wheel comes free.
`_press` follows that impulse; without it long episodes diverge.

Everything is elementwise over B cars, wheels as [4, B]: front left, front right, rear
left, rear right. Units are metres, seconds, radians and kilograms.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

DT = 1 / 50
HULL_MASS, HULL_INERTIA = 7.06, 18.212277  # about its centre of mass
WHEEL_MASS, WHEEL_INERTIA = 0.06048, 0.0074592
HULL_CENTRE = -0.0825309  # y of the centre of mass from the body's origin
ANCHORS = np.array([[-1.1, 1.6], [1.1, 1.6], [-1.1, -1.64], [1.1, -1.64]])
WHEEL_HALF_WIDTH, WHEEL_RADIUS = 0.28, 0.54

# gymnasium's car_dynamics, at its SIZE of 0.02.
ROAD_GRIP, GRASS_GRIP = 400.0, 240.0  # the largest force of a tyre
TYRE_STIFFNESS = 82.0  # force of a tyre per m/s of slip
ENGINE_POWER = 40000.0
ROLLING_INERTIA = 1.6
BRAKE_TORQUE = 15.0  # rad/s that a full brake takes from a wheel in one step
# 0.9 in float32 lies below gymnasium's 0.9 in float64, so it does not lock the wheels.
BRAKE_LOCK = np.float32(0.9)
GAS_RISE = 0.1  # per step
STEER_GAIN, STEER_SPEED = 50.0, 3.0  # 1/s, rad/s
STEER_STOP = 0.4  # rad, to either side

# Box2D's.
MOTOR_LIMIT = 64.8 * DT  # the largest impulse of a joint's motor
VELOCITY_SWEEPS = 180
POSITION_SWEEPS = 2  # of gymnasium's 60; Box2D too stops after one or two
RESET_SWEEPS = 8  # the wheels are put down up to 0.1 m from their anchors
ANGLE_SLOP, LENGTH_SLOP = np.pi * 2 / 180, 0.005
ANGLE_CORRECTION = np.pi * 8 / 180  # at most, in one sweep
TRAVEL = 2.0  # m, at most, in one step

_MASS = HULL_MASS + 4 * WHEEL_MASS
_ARM_X = np.float32(ANCHORS[:, 0])[:, None]  # [4, 1], from the hull's centre of mass
_ARM_Y = np.float32(ANCHORS[:, 1] - HULL_CENTRE)[:, None]
_ARM_2 = np.float32(_ARM_X**2 + _ARM_Y**2)
_FRONT = np.array([True, True, False, False])[:, None]
_LEAN = WHEEL_MASS * float(_ARM_Y.sum())  # first moment of the wheels, along the hull
_INERTIA = (
    HULL_INERTIA
    + 4 * WHEEL_INERTIA
    + WHEEL_MASS * float(_ARM_2.sum())
    - _LEAN**2 / _MASS
)
_LINK = 1 / HULL_MASS + 1 / WHEEL_MASS
_MOTOR_MASS = 1 / (1 / HULL_INERTIA + 1 / WHEEL_INERTIA)


class Car(NamedTuple):
    """B cars. The hull's x, y are those of its centre of mass: see `position`."""

    x: jax.Array  # [B] m
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


def place(start: jax.Array) -> Car:
    """Put cars at `start` [B, 3] (beta rad, x, y m), at rest, before the first step.

    The wheels' offsets are not turned by beta; `settle` pulls the parts together.
    Source: gymnasium's `Car.__init__`.
    """
    beta, x, y = (start[:, i].astype(np.float32) for i in range(3))
    zero, zeros = jnp.zeros_like(x), jnp.zeros((4, *x.shape), x.dtype)
    offset_x, offset_y = np.float32(ANCHORS.T)[:, :, None]
    return Car(
        x=x - jnp.sin(beta) * HULL_CENTRE,
        y=y + jnp.cos(beta) * HULL_CENTRE,
        angle=beta,
        vx=zero,
        vy=zero,
        spin=zero,
        wheel_x=x + offset_x,
        wheel_y=y + offset_y,
        wheel_angle=beta + zeros,
        wheel_vx=zeros,
        wheel_vy=zeros,
        wheel_spin=zeros,
        omega=zeros,
        phase=zeros,
        gas=zero,
        press=zeros,
        on_road=zeros > 0,
    )


def settle(car: Car, touching: jax.Array) -> Car:
    """Return placed cars after the step without action that ends gymnasium's reset.

    `touching` [4, B] tells which wheels were on the road where they were placed.
    """
    stop = jnp.zeros_like(car.press)
    car = _solve_positions(car, stop, RESET_SWEEPS)
    return car._replace(on_road=touching)


def step(car: Car, action: jax.Array, touching: jax.Array) -> Car:
    """Drive 1/50 s with `action` [B, 3]: steering, gas, brake.

    `touching` [4, B] tells which wheels are on the road now. It decides the grip of the
    step after this one: Box2D finds contacts before it moves the bodies, and gymnasium
    reads them before Box2D's step.
    """
    car, force_x, force_y = _roll(car, action[:, 1], action[:, 2])
    turn, stop = _steering(car, -action[:, 0])
    car = _solve_velocities(car, force_x, force_y, turn, stop)
    car = _solve_positions(_integrate(car), stop, POSITION_SWEEPS)
    return car._replace(on_road=touching)


def position(car: Car) -> tuple[jax.Array, jax.Array]:
    """Return x, y [B] of the hull's origin, which camera and playfield go by (m)."""
    cos, sin = jnp.cos(car.angle), jnp.sin(car.angle)
    return car.x + sin * HULL_CENTRE, car.y - cos * HULL_CENTRE


def _roll(car: Car, gas: jax.Array, brake: jax.Array):
    """Return the car with engine, brakes and tyres felt, and the tyres' forces [4, B].

    Source: gymnasium's `Car.gas`, `Car.brake` and `Car.step`.
    """
    gas = car.gas + jnp.minimum(jnp.clip(gas, 0, 1) - car.gas, GAS_RISE)
    push = DT * ENGINE_POWER / ROLLING_INERTIA * jnp.where(_FRONT, 0, gas)
    omega = car.omega + push / (jnp.abs(car.omega) + 5)
    braked = BRAKE_TORQUE * jnp.maximum(brake, 0)
    braked = jnp.where(brake > BRAKE_LOCK, jnp.inf, braked)
    omega -= jnp.clip(omega, -braked, braked)
    phase = car.phase + DT * omega

    cos, sin = jnp.cos(car.wheel_angle), jnp.sin(car.wheel_angle)
    forward = cos * car.wheel_vy - sin * car.wheel_vx
    sideways = cos * car.wheel_vx + sin * car.wheel_vy
    along = TYRE_STIFFNESS * (omega * WHEEL_RADIUS - forward)
    across = -TYRE_STIFFNESS * sideways
    grip = jnp.where(car.on_road, ROAD_GRIP, GRASS_GRIP)
    # At rest the force is zero: no division by it.
    force = jnp.maximum(jnp.sqrt(along * along + across * across), grip)
    along, across = along * (grip / force), across * (grip / force)
    omega -= DT * WHEEL_RADIUS / ROLLING_INERTIA * along
    car = car._replace(omega=omega, phase=phase, gas=gas)
    return car, cos * across - sin * along, sin * across + cos * along


def _steering(car: Car, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the motors' speeds (rad/s) and the stops that joints are at, both [4, B].

    A stop is +1 at the upper end of the range, -1 at the lower, 0 between.
    """
    turned = car.wheel_angle - car.angle
    speed = STEER_GAIN * (jnp.where(_FRONT, target, 0) - turned)
    upper, lower = turned >= STEER_STOP, turned <= -STEER_STOP
    stop = upper.astype(speed.dtype) - lower.astype(speed.dtype)
    return jnp.clip(speed, -STEER_SPEED, STEER_SPEED), stop


def _solve_velocities(car: Car, force_x, force_y, turn, stop) -> Car:
    """Return the car with the velocities that its joints allow, forces applied.

    Written in what differs from a rigid car: the wheels' slip against the hull.
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


def _integrate(car: Car) -> Car:
    """Move the parts for one step, each on its own, at 100 m/s at most."""
    slow = _slowdown(car.vx, car.vy)
    wheel_slow = _slowdown(car.wheel_vx, car.wheel_vy)
    car = car._replace(
        vx=car.vx * slow,
        vy=car.vy * slow,
        wheel_vx=car.wheel_vx * wheel_slow,
        wheel_vy=car.wheel_vy * wheel_slow,
    )
    return car._replace(
        x=car.x + DT * car.vx,
        y=car.y + DT * car.vy,
        angle=car.angle + DT * car.spin,
        wheel_x=car.wheel_x + DT * car.wheel_vx,
        wheel_y=car.wheel_y + DT * car.wheel_vy,
        wheel_angle=car.wheel_angle + DT * car.wheel_spin,
    )


def _slowdown(vx: jax.Array, vy: jax.Array) -> jax.Array:
    fastest = TRAVEL / DT
    return fastest / jnp.maximum(jnp.sqrt(vx * vx + vy * vy), fastest)


def _solve_positions(car: Car, stop: jax.Array, sweeps: int) -> Car:
    """Pull the wheels to their anchors, and into their range.

    A car's last sweep is the first that finds all its joints within tolerance: mostly
    the very first. Source: Box2D's b2Island::Solve.
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
