"""The pictures of a search: what is where, and in which colour."""

import numpy as np
import pytest
from PIL import Image

from worldmodels.pictures import video
from worldmodels.studies.evolution.frames import Scene, ellipse, mean_around, shaded
from worldmodels.studies.evolution.functions import schaffer

BLUE, GREEN, RED = (30, 80, 200), (20, 140, 70), (200, 40, 40)
SIDE, HEADER, HALF = 400, 44, 18


def place(x, y):
    """Return row and column of a point in the large picture around (5, 5)."""
    column = (x - 5 + HALF) / (2 * HALF) * SIDE
    return round(HEADER + SIDE - (y - 5 + HALF) / (2 * HALF) * SIDE), round(column)


def test_the_optimum_is_blue_the_population_red_and_the_mean_green():
    scene = Scene.of("found", np.array([10.0, 10.0]))
    population = np.array([[-8.0, 3.0], [2.0, 20.0]])
    picture = scene.drawn(3, 0.5, population, np.array([-3.0, -9.0]), 0.01 * np.eye(2))
    assert picture.shape == (SIDE + HEADER, SIDE, 3)
    assert tuple(picture[place(10, 10)]) == BLUE
    assert tuple(picture[place(-3, -9)]) == GREEN
    for candidate in population:
        assert tuple(picture[place(*candidate)]) == RED


@pytest.mark.parametrize("mean", [(0, 0), (3, -2)])
def test_the_ellipse_is_two_deviations_away(mean):
    root = np.array([[2.0, 0.5], [0.0, 0.3]])
    covariance = root @ root.T
    off = ellipse(np.array(mean), covariance) - mean
    distance = np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
    np.testing.assert_allclose(np.sqrt(distance), 2, rtol=1e-9)


@pytest.mark.parametrize(("u", "v"), [(0.0, 0.0), (1.2, -0.7), (6.0, 3.0), (13, -9)])
def test_a_pixel_has_the_mean_around_it(u, v):
    """Beside the function at many points, weighted by a tent."""
    width = 0.02
    off = np.linspace(-width, width, 41)
    tent = 1 - abs(off) / width
    points = np.stack(np.meshgrid(u + off, v + off), axis=-1)
    f = schaffer(points, np.zeros(2), np.array(False))
    expected = np.average(f, weights=np.outer(tent, tent))
    assert mean_around(u, v, width) == pytest.approx(float(expected), abs=2e-3)
    assert abs(mean_around(15.0, 14.0, 1.0) - 0.5) < 0.01  # no wave is to be seen


def test_the_ground_is_lightest_where_the_function_is_low():
    ground = shaded(np.zeros(2), 15.0, np.zeros(2), 101)[..., 0]
    assert ground[50, 50] == ground.max()
    assert ground[5, 50] < ground.max()


def test_a_film_is_small(tmp_path):
    """As those of the page: under 3 MB at 70 pictures, so under 43 kB each."""
    scene, rng = Scene.of("found", np.array([10.0, 10.0])), np.random.default_rng(0)
    frames = [
        scene.drawn(n, 0.1, rng.normal(size=(64, 2)), rng.normal(size=2), np.eye(2))
        for n in range(4)
    ]
    path = tmp_path / "found.gif"
    video.write(path, iter(frames), 5)
    assert path.stat().st_size < 4 * 43_000
    with Image.open(path) as film:
        assert film.n_frames == 4
