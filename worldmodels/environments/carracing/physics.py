"""One step of the car: gymnasium's `Car.step`, then Box2D's `b2World::Step`.

Everything is elementwise over B cars: [B], or [4, B] for the wheels. Engine, brakes and
tyres are here; what holds the parts together is in `joints`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.body import (
    ANCHORS,
    DT,
    HULL_CENTRE,
    STEER_STOP,
    WHEEL_RADIUS,
    Car,
)
from worldmodels.environments.carracing.joints import solve_positions, solve_velocities

ROAD_GRIP, GRASS_GRIP = 400.0, 240.0  # N, the largest force of a tyre
TYRE_STIFFNESS = 82.0  # N of a tyre's force per m/s of its slip
ENGINE_POWER = 40000.0  # W, of each rear wheel
ROLLING_INERTIA = 1.6  # of a wheel about its axle
BRAKE_SPEED = 15.0  # rad/s that a full brake takes from a wheel in one step
# 0.9 in float32 lies below gymnasium's 0.9 in float64, so it does not lock the wheels.
BRAKE_LOCK = np.float32(0.9)
GAS_RISE = 0.1  # per step
STEER_GAIN, STEER_SPEED = 50.0, 3.0  # 1/s, rad/s
TRAVEL = 2.0  # m, at most, in one step

POSITION_SWEEPS = 2  # of gymnasium's 60: Box2D too stops after one or two
RESET_SWEEPS = 8  # the wheels are put down up to 3 m from their anchors

_FRONT = np.array([True, True, False, False])[:, None]


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
    car = solve_positions(car, stop, RESET_SWEEPS)
    return car._replace(on_road=touching)


def step(car: Car, action: jax.Array, touching: jax.Array) -> Car:
    """Drive 1/50 s with `action` [B, 3]: steering, gas, brake.

    `touching` [4, B] tells which wheels are on the road now. It decides the grip of the
    step after this one: Box2D finds contacts before it moves the bodies, and gymnasium
    reads them before Box2D's step.
    """
    steer, gas, brake = action.astype(car.x.dtype).T
    car, force_x, force_y = _roll(car, gas, brake)
    turn, stop = _steering(car, -steer)
    car = solve_velocities(car, force_x, force_y, turn, stop)
    car = solve_positions(_integrate(car), stop, POSITION_SWEEPS)
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
    braked = BRAKE_SPEED * jnp.maximum(brake, 0)
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
