"""One step of the car against Box2D's, from states that Box2D has been in."""

import jax
import numpy as np
import pytest
from support import drives

from worldmodels.environments.carracing import physics
from worldmodels.environments.carracing.body import STEER_STOP, Car

# float32 resolves 1.5e-5 m at 250 m. gymnasium keeps omega and phase in float64; they
# reach 200 rad/s and 4,000 rad. Of `press`, a sum over 180 sweeps and up to 1.3, only
# the sign matters at once.
TOLERANCES = {
    **dict.fromkeys(["x", "y", "wheel_x", "wheel_y"], 1e-4),
    **dict.fromkeys(["angle", "wheel_angle"], 2e-5),
    **dict.fromkeys(["vx", "vy", "wheel_vx", "wheel_vy", "spin", "wheel_spin"], 2e-4),
    **dict.fromkeys(["omega", "gas", "on_road"], 1e-4),
    **{"phase": 1e-3, "press": 0.02},
}

step = jax.jit(physics.step)


def assert_same(ours: Car, theirs: Car):
    assert TOLERANCES.keys() == set(Car._fields)
    for name, tolerance in TOLERANCES.items():
        our_field = np.asarray(getattr(ours, name), float)
        error = np.abs(our_field - getattr(theirs, name))
        assert error.max() <= tolerance, (name, error.max(), error.argmax())


def one_step(car: Car, action: np.ndarray, after: Car) -> Car:
    """Contacts are gymnasium's: it finds them before the step and shows them after."""
    return step(car, action, after.on_road)


@pytest.fixture(scope="module")
def steps(recorded):
    """All recorded steps: states before, actions [S, 3], states after."""

    def joined(states):
        parts = [jax.tree.map(lambda x: x[..., states], d.cars) for d in recorded]
        return jax.tree.map(lambda *x: np.concatenate(x, axis=-1), *parts)

    recorded = list(recorded.values())
    actions = np.concatenate([d.actions for d in recorded])
    return joined(slice(None, -1)), actions, joined(slice(1, None))


def test_a_step_is_box2ds_from_every_state(steps):
    """Nothing is exempt: Box2D's hidden state, the stops' impulses, is read from it."""
    before, actions, after = steps
    assert len(actions) > 35_000
    assert_same(one_step(before, actions, after), after)


def test_what_is_rare_was_among_those_states(steps):
    before, actions, _ = steps
    turned = before.wheel_angle - before.angle
    at_stop = np.abs(turned) >= STEER_STOP
    leaving = at_stop & (np.abs(turned) > -actions[:, 0] * np.sign(turned))
    for rare in (
        leaving & (before.press != 0),
        leaving & (before.press == 0),
        actions[:, 2] > physics.BRAKE_LOCK,
        np.hypot(before.vx, before.vy) > 65,
        np.abs(before.spin) > 5,
        before.on_road.any(0) & ~before.on_road.all(0),
        ~before.on_road,
    ):
        assert rare.sum() > 50


def test_reset_leaves_the_car_where_gymnasium_does():
    """Wheels start beside their anchors; the hull is turned by what pulls them in."""
    seeds = range(100, 132)
    environment = drives.CarRacing()
    states, starts = [], []
    for seed in seeds:
        environment.reset(seed=seed)
        states.append(drives.snapshot(environment.car))
        starts.append(environment.track[0][1:4])
    theirs = drives.batch(states)
    starts = np.array(starts, np.float32)
    ours = jax.jit(physics.settle)(physics.place(starts), theirs.on_road)
    assert_same(ours, theirs)
    assert np.abs(theirs.angle - starts[:, 0]).max() > 0.01


@pytest.mark.parametrize(
    "brake", [0.0, 1e-3, np.float32(0.9), np.nextafter(np.float32(0.9), 1), 1.0, -0.5]
)
def test_brakes_lock_where_gymnasiums_do(brake):
    """0.9 in float32 is less than the 0.9 that gymnasium compares it with."""
    environment = drives.CarRacing()
    environment.reset(seed=0)
    drive = np.array([0, 1, 0], np.float32)
    for _ in range(30):
        environment.step(drive)
    before = drives.batch([drives.snapshot(environment.car)])
    assert before.omega.min() > 15
    action = np.array([0, 0, brake], np.float32)
    environment.step(action)
    after = drives.batch([drives.snapshot(environment.car)])
    assert_same(one_step(before, action[None], after), after)


@pytest.mark.parametrize("gas", [-0.5, 0.05, 0.5, 3.0])
def test_gas_rises_slowly_falls_at_once_and_is_clipped(gas):
    environment = drives.CarRacing()
    environment.reset(seed=0)
    for _ in range(2):
        environment.step(np.array([0, 1, 0], np.float32))
    before = drives.batch([drives.snapshot(environment.car)])
    action = np.array([0, gas, 0], np.float32)
    environment.step(action)
    after = drives.batch([drives.snapshot(environment.car)])
    assert_same(one_step(before, action[None], after), after)
    assert after.gas == pytest.approx(np.clip(gas, 0, 0.3))


def test_nothing_moves_faster_than_100_metres_a_second():
    environment = drives.CarRacing()
    environment.reset(seed=0)
    for body in environment.car.drawlist:
        body.linearVelocity = (90.0, -80.0)
    before = drives.batch([drives.snapshot(environment.car)])
    action = np.array([0.1, 0, 0], np.float32)
    environment.step(action)
    after = drives.batch([drives.snapshot(environment.car)])
    assert np.hypot(after.vx, after.vy) == pytest.approx(100, abs=1e-3)
    assert_same(one_step(before, action[None], after), after)


def test_position_is_the_hulls_origin():
    environment = drives.CarRacing()
    environment.reset(seed=3)
    car = drives.batch([drives.snapshot(environment.car)])
    position = np.ravel(physics.position(car))
    np.testing.assert_allclose(position, environment.car.hull.position, atol=1e-4)
    centre = np.ravel([car.x, car.y])
    assert np.linalg.norm(position - centre) == pytest.approx(0.0825, abs=1e-3)
