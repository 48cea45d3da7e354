"""Wheels on tiles against Box2D's contacts, and against every tile tested in numpy."""

import Box2D
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from Box2D.b2 import polygonShape
from support import drives

from worldmodels.environments.carracing import body, contacts, physics

# Of 1114 the first tile is crossed: it joins the ends of the track at an angle.
SEEDS = [*range(8), 36, 1114]

touching = jax.jit(contacts.touching)
index = jax.jit(jax.vmap(contacts.index))


@pytest.fixture(scope="module")
def laps():
    return drives.make_tracks(SEEDS)


@pytest.fixture(scope="module")
def tiles(laps):
    return index(laps)


def members(bitset) -> np.ndarray:
    """Return bitsets [..., 13] as bool [..., 416]."""
    words = np.asarray(bitset)[..., None] >> np.arange(32, dtype=np.uint32)
    return (words & 1).astype(bool).reshape(*words.shape[:-2], -1)


def test_wheels_are_on_the_road_where_box2ds_are(recorded, tiles):
    """From the same positions, so only rounding at a tile's very edge may differ."""
    differ = total = 0
    for (_, seed), drive in recorded.items():
        count = len(drive.actions)
        cars = jax.tree.map(lambda x, count=count: x[..., :count], drive.cars)
        track = np.full(count, SEEDS.index(seed), np.int32)
        on_road, touched = touching(tiles, track, cars)
        differ += (np.asarray(on_road) != drive.cars.on_road[:, 1:]).sum()
        total += on_road.size
        visited = np.logical_or.accumulate(members(touched)).sum(1)
        # Before the first step, gymnasium has counted the tiles of its reset.
        np.testing.assert_array_equal(visited[1:], drive.visited[2:])
    assert total > 140_000
    assert differ <= 1e-5 * total


def test_a_reset_visits_the_tiles_that_gymnasiums_does():
    """The wheels' offsets are not turned there, so they touch others than later."""
    seeds = range(100, 132)
    made = drives.make_tracks(seeds)
    car = physics.place(jnp.asarray(made.start, jnp.float32))
    tiles = index(made)
    on_road, touched = touching(tiles, np.arange(len(seeds)), car)
    environment = drives.CarRacing()
    for b, seed in enumerate(seeds):
        environment.reset(seed=seed)
        visited = [tile.idx for tile in environment.road if tile.road_visited]
        np.testing.assert_array_equal(np.flatnonzero(members(touched)[b]), visited)
        theirs = [len(wheel.tiles) > 0 for wheel in environment.car.wheels]
        np.testing.assert_array_equal(on_road[:, b], theirs)


def wheels_anywhere(laps, rng, count):
    """Place wheels on, near and far off the tracks' tiles, at any angle."""
    track = rng.integers(len(SEEDS), size=count).astype(np.int32)
    tile = rng.integers(laps.count[track], size=(4, count))
    tile = np.where(rng.random((4, count)) < 0.2, 0, tile)
    corner = laps.tiles[track, tile, rng.integers(4, size=(4, count))]
    x, y = np.moveaxis(corner + rng.normal(0, 1, corner.shape), -1, 0)
    far = rng.random((4, count)) < 0.1
    x, y = (np.where(far, rng.uniform(-400, 400, far.shape), at) for at in (x, y))
    placed = {"wheel_x": x, "wheel_y": y, "wheel_angle": rng.uniform(-9, 9, x.shape)}
    car = physics.place(jnp.asarray(laps.start[track], jnp.float32))
    return track, car._replace(**{k: np.float32(v) for k, v in placed.items()})


def overlaps(quad, x, y, angle) -> bool:
    """Ask Box2D whether a wheel there touches a tile."""
    there, here = Box2D.b2Transform(), Box2D.b2Transform()
    there.Set((float(x), float(y)), float(angle))
    here.SetIdentity()
    tile = polygonShape(vertices=quad.tolist())
    wheel = polygonShape(box=(body.WHEEL_HALF_WIDTH, body.WHEEL_RADIUS))
    return Box2D.b2TestOverlap(tile, 0, wheel, 0, here, there)


def test_any_wheel_touches_the_tiles_that_box2d_says(laps, tiles):
    count = 500
    track, car = wheels_anywhere(laps, np.random.default_rng(0), count)
    on_road, touched = touching(tiles, track, car)
    expected = np.zeros((4, count, 416), bool)
    for wheel, b in np.ndindex(4, count):
        at = car.wheel_x[wheel, b], car.wheel_y[wheel, b], car.wheel_angle[wheel, b]
        quads = laps.tiles[track[b], : laps.count[track[b]]]
        middle = quads.mean(1)
        for i in np.flatnonzero(np.hypot(*(middle - at[:2]).T) < 15):
            expected[wheel, b, i] = overlaps(quads[i], *at)
    assert expected.sum() > 1000
    assert (~expected.any(2)).sum() > 500
    np.testing.assert_array_equal(on_road, expected.any(2))
    np.testing.assert_array_equal(members(touched), expected.any(0))


@pytest.mark.parametrize(("gap", "expected"), [(0.0195, True), (0.0205, False)])
def test_a_wheel_touches_from_two_centimetres_away(laps, tiles, gap, expected):
    """Beside the track's edge, parallel to it: Box2D's polygons have a skin."""
    left, right = laps.tiles[0, 5, 3], laps.tiles[0, 5, 2]  # of the node behind
    front_left = laps.tiles[0, 5, 0]
    along = (front_left - left) / np.linalg.norm(front_left - left)
    outwards = np.array([-along[1], along[0]])
    assert outwards @ (left - right) > 0
    at = (left + front_left) / 2 + outwards * (body.WHEEL_HALF_WIDTH + gap)
    angle = np.arctan2(-along[0], along[1])
    car = physics.place(jnp.array([[0, 400, 400]]))  # the other wheels are far away
    car = car._replace(
        wheel_x=car.wheel_x.at[0].set(at[0]),
        wheel_y=car.wheel_y.at[0].set(at[1]),
        wheel_angle=car.wheel_angle.at[0].set(angle),
    )
    assert overlaps(laps.tiles[0, 5], *at, angle) is expected
    on_road, touched = touching(tiles, np.zeros(1, np.int32), car)
    np.testing.assert_array_equal(on_road[:, 0], [expected, False, False, False])
    assert members(touched)[0, 5] == expected


def test_squares_list_all_their_tiles_and_tracks_stay_on_the_grid():
    made = drives.make_tracks(range(200, 350))
    tiles = index(made)
    assert tiles.complete.all()
    assert (np.asarray(tiles.near) >= 0).sum(-1).max() < contacts.NEAR
    exists = np.arange(made.tiles.shape[1]) < made.count[:, None]
    assert np.abs(made.tiles[exists]).max() < contacts.CELL * contacts.SIDE / 2


def test_a_square_with_too_many_tiles_is_noticed(laps):
    crowded = laps._replace(tiles=laps.tiles.copy())
    crowded.tiles[3, : contacts.NEAR + 1] = crowded.tiles[3, 0]
    complete = index(crowded).complete
    np.testing.assert_array_equal(complete, np.arange(len(SEEDS)) != 3)
