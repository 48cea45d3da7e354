"""Our frames against gymnasium's own, of the same moments."""

import jax
import numpy as np
import pygame
import pytest
from support import drives, scenes

from worldmodels.environments.carracing import camera, rendering, sprites, textures
from worldmodels.environments.carracing.reference import PLAYFIELD

SEEDS = range(10)
MOMENTS = {*range(0, 50, 5), *range(50, 500, 10)}  # steps; the first second, and later

bake = jax.jit(lambda tracks: jax.lax.map(textures.bake, tracks))


@jax.jit
def draw(texture, view):
    return rendering.unpack(rendering.render(texture, view))


@pytest.fixture(scope="module")
def texture():
    return bake(drives.make_tracks(SEEDS))


@pytest.fixture(scope="module")
def driven():
    return scenes.driven(SEEDS, MOMENTS)


def differences(texture, scenes):
    """Return absolute differences, grey levels [N, 64, 64, 3]."""
    ours = np.asarray(draw(texture, scenes.view))
    return np.abs(ours.astype(float) - scenes.frames)


def test_frames_are_gymnasiums_to_half_a_grey_level(texture, driven):
    error = differences(texture, driven).mean((1, 2, 3))
    early = driven.view.step < 50
    assert len(error) >= 500
    assert early.sum() >= 90
    assert error[~early].mean() < 0.35
    assert error[early].mean() < 0.7
    assert np.percentile(error, 95) < 0.9
    assert error.max() < 1.6


def test_the_car_is_where_gymnasium_draws_it(texture, driven):
    late = driven.view.step >= 50
    patch = np.s_[late, *sprites.BOUNDS]
    assert differences(texture, driven)[patch].mean() < 1.6
    moved = np.roll(np.asarray(draw(texture, driven.view))[patch], 1, axis=2)
    # The measure can tell a car that is one pixel off.
    assert np.abs(moved.astype(float) - driven.frames[patch]).mean() > 10


def test_wheels_steer_and_roll_as_gymnasiums_do(texture, driven):
    """A steering angle half as large or mirrored, or other stripes, fit less."""
    view = driven.view
    steering = view.wheel_angle - view.angle
    late = view.step >= 50
    front = np.s_[late & (abs(steering[0]) > 0.3), 50:54, sprites.COLUMNS]
    every = np.s_[late, *sprites.BOUNDS]
    for where, change in (
        (front, {"wheel_angle": view.angle - steering}),
        (front, {"wheel_angle": view.angle + 2 * steering}),
        (front, {"wheel_angle": view.angle + 0 * steering}),
        (every, {"wheel_phase": 0 * view.wheel_phase}),
        (every, {"wheel_phase": view.wheel_phase + 0.5}),
        (every, {"wheel_phase": view.wheel_phase - 0.5}),
    ):
        changed = driven._replace(view=view._replace(**change))
        right = differences(texture, driven)[where].mean()
        assert right < 0.97 * differences(texture, changed)[where].mean(), change


@pytest.mark.parametrize("step", [0, 8, 20, 60])
def test_frames_at_the_edge_of_the_playfield(texture, step):
    rng = np.random.default_rng(0)
    along = rng.uniform(-PLAYFIELD, PLAYFIELD, 12)
    edge = np.where(rng.random(12) < 0.5, -1, 1) * rng.uniform(310, 345, 12)
    positions = np.stack([along, edge], 1)
    positions[::2] = positions[::2, ::-1]
    angles = rng.uniform(-np.pi, np.pi, 12)
    edges = scenes.placed(0, positions, angles, step)
    black = (edges.frames.sum(-1) == 0).mean()
    assert 0.05 < black < 0.95
    assert differences(texture, edges).mean() < 1.0


def test_frames_on_grass(texture):
    rng = np.random.default_rng(0)
    positions = rng.uniform(-330, 330, (40, 2))
    angles = rng.uniform(-np.pi, np.pi, 40)
    grass = scenes.placed(0, positions, angles)
    assert differences(texture, grass).mean() < 0.3


def only(view, which):
    """Return the view of some of its cars."""
    return jax.tree.map(lambda field: field[..., which].copy(), view)


def test_each_car_sees_its_own_track(texture, driven):
    together = np.asarray(draw(texture, driven.view))
    for track in (0, 7):
        own = driven.view.track == track
        view = only(driven.view, own)._replace(track=np.zeros(own.sum(), np.int32))
        alone = textures.Texture(*(field[track : track + 1] for field in texture))
        np.testing.assert_array_equal(draw(alone, view), together[own])


def test_a_lost_car_sees_black_and_disturbs_no_other(texture, driven):
    view = only(driven.view, slice(-3, None))
    expected = np.asarray(draw(texture, view))
    view.x[0], view.y[1] = 1e30, np.nan
    seen = np.asarray(draw(texture, view))
    assert (seen[0, :48] == 0).all()
    np.testing.assert_array_equal(seen[2], expected[2])


def test_rendering_can_be_mapped(texture, driven):
    """In a vmap its branch becomes a selection; the frames stay the same."""
    view = only(driven.view, slice(6))
    split = jax.tree.map(lambda x: x.reshape(*x.shape[:-1], 2, 3), view)
    axes = jax.tree.map(lambda x: x.ndim - 2, split)
    mapped = jax.vmap(draw, in_axes=(None, camera.View(*axes)))(texture, split)
    np.testing.assert_array_equal(mapped.reshape(6, 64, 64, 3), draw(texture, view))


def test_unpacked_colours_are_red_green_blue():
    packed = np.array([[0x00_03_02_01, 0x00_FF_80_00]], np.uint32)
    unpacked = np.asarray(rendering.unpack(packed))
    assert unpacked.dtype == np.uint8
    np.testing.assert_array_equal(unpacked, [[[1, 2, 3], [0, 128, 255]]])


def test_the_hull_has_the_pixels_that_pygame_gives_it():
    environment = scenes.CarRacing()
    environment.reset(seed=0)
    hull = environment.car.hull
    rows, columns = sprites._NEAR
    for zoom in camera.ZOOMS.astype(float):
        surface = pygame.Surface((1000, 800))
        for fixture in hull.fixtures:
            points = np.array(fixture.shape.vertices) * zoom + (500, 200)
            pygame.draw.polygon(surface, (255, 0, 0), points.tolist())
        drawn = pygame.surfarray.pixels3d(surface)[:, ::-1, 0].T > 0
        near = drawn[rows, columns]
        assert near.sum() == drawn.sum()
        np.testing.assert_array_equal(sprites._silhouette(sprites.HULL, zoom), near)
