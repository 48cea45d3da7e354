"""Baked textures against the whole playfield painted at once in numpy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate1d
from support import drives

from worldmodels.environments.carracing import textures, tracks
from worldmodels.environments.carracing.textures import BLOCK, EXTENT, SIDE, TEXEL

DARK, LIGHT = (100, 202, 100), (100, 228, 100)
SEED = 1

bake = jax.jit(textures.bake)


def middles():
    """Return the coordinate of each texel's middle, m."""
    return (np.arange(EXTENT) + 0.5 - EXTENT / 2) * TEXEL


def paint_quad(picture, quad, color):
    """Paint the texels whose middle is inside a quad grown by 3 cm."""
    quad = quad.astype(float)
    low, high = (
        np.searchsorted(middles(), bound)
        for bound in (quad.min(0) - 0.05, quad.max(0) + 0.05)
    )
    x, y = middles()[low[0] : high[0]], middles()[low[1] : high[1], None]
    centre = quad.mean(0)
    inside = True
    for corner, after in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        outwards = np.array([after[1] - corner[1], corner[0] - after[0]])
        outwards /= np.linalg.norm(outwards)
        outwards *= np.sign(outwards @ (corner - centre))
        away = outwards[0] * (x - corner[0]) + outwards[1] * (y - corner[1])
        inside = inside & (away <= 0.03)
    picture[low[1] : high[1], low[0] : high[0]][inside] = color


def paint(track):
    """Return the playfield as gymnasium's `_render_road` paints it, in its order."""
    at = middles()
    patch = np.floor(at / (2000 / 6 / 20)) % 2 == 0
    field = abs(at) < 2000 / 6
    picture = np.zeros((EXTENT, EXTENT, 3))
    picture[np.ix_(field, field)] = DARK
    picture[np.ix_(field & patch, field & patch)] = LIGHT
    for i in range(int(track.count)):
        road = (100, 102, 105)[i % 3]
        paint_quad(picture, track.tiles[i], (road, road, road))
        if track.kerb[i]:
            paint_quad(picture, track.kerbs[i], (253, 0, 0) if i % 2 else (253,) * 3)
    return picture


def whole(texture, level):
    """Return one level of a texture as a picture [rows, columns, 3]."""
    level = textures.levels()[level]
    v, u = np.indices(2 * [EXTENT >> level.shift]) << level.shift
    entry = np.asarray(texture.index).astype(int)[v // BLOCK * SIDE + u // BLOCK]
    row, column = (v & level.mask) >> level.shift, (u & level.mask) >> level.shift
    at = level.start + level.words * entry + level.stride * row + column
    packed = np.asarray(texture.texels)[at]
    return np.stack([packed & 255, packed >> 8 & 255, packed >> 16], -1).astype(float)


def smooth(picture, weights, step=1, origin=0):
    """Average with the same weights along both axes; keep every `step`-th."""
    weights = np.array(weights) / np.sum(weights)
    for axis in (0, 1):
        picture = correlate1d(picture, weights, axis, mode="constant", origin=origin)
    return picture[::step, ::step]


def means(picture, width):
    """Average squares of `width` texels."""
    side = len(picture) // width
    return picture.reshape(side, width, side, width, 3).mean((1, 3))


@pytest.fixture(scope="module")
def track():
    return tracks.from_seed(SEED)


@pytest.fixture(scope="module")
def texture(track):
    return bake(track)


@pytest.fixture(scope="module")
def painted(track):
    return paint(track)


def assert_same(ours, expected, wrong):
    """Compare to rounding, but for the few whose middle is on an edge, by rounding."""
    assert (np.abs(ours - expected).max(-1) > 1).mean() < wrong
    assert np.abs(ours - expected).max() < 60


def test_the_finest_texels_are_means_of_five_by_five(texture, painted):
    assert_same(whole(texture, 0), smooth(painted, np.ones(5)), 1e-5)


def test_the_second_level_is_means_of_eight_by_eight(texture, painted):
    expected = smooth(painted, np.ones(8), step=2, origin=-1)
    assert_same(whole(texture, 1), expected, 1e-5)


def test_coarse_levels_spread_over_some_four_of_their_texels(texture, painted):
    binomial = np.array([1, 4, 6, 4, 1])
    second = smooth(painted, np.ones(8), step=2, origin=-1)
    third = smooth(means(second, 4), binomial)
    assert_same(whole(texture, 2), third, 1e-9)
    assert_same(whole(texture, 3), smooth(means(third, 2), binomial), 1e-9)


def test_everything_outside_the_playfield_is_black(texture):
    for level in range(4):
        picture = whole(texture, level)
        assert (picture[[0, -1]] == 0).all()
        assert (picture[:, [0, -1]] == 0).all()


def square(x, y, half):
    return np.array([(-1, 1), (1, 1), (1, -1), (-1, -1)]) * half + (x, y)


def make_track(tiles, kerbs=None):
    """Return a track of those quads, in double precision as `tracks` makes them."""
    empty = np.zeros((tracks.MAX_TILES, 4, 2))
    laid, beside, flags = empty.copy(), empty.copy(), np.zeros(len(empty), bool)
    laid[: len(tiles)] = tiles
    for i, quad in (kerbs or {}).items():
        beside[i], flags[i] = quad, True
    return tracks.Track(laid, beside, flags, np.int32(len(tiles)), np.zeros(3))


def test_later_tiles_cover_earlier_kerbs_and_kerbs_their_own_tile():
    tiles = [square(0, 0, 6), square(5, 0, 6), square(100, 100, 6)]
    picture = whole(bake(make_track(tiles, {0: square(-2, 0, 3)})), 0)

    def color(x, y):
        row, column = (round(c / TEXEL - 0.5 + EXTENT / 2) for c in (y, x))
        return tuple(picture[row, column])

    assert color(-3, 5) == (100, 100, 100)
    assert color(-3, 0) == (253, 253, 253)
    assert color(0, 0) == (102, 102, 102)
    assert color(100, 100) == (105, 105, 105)


def test_quads_may_go_round_either_way():
    one_way = make_track([square(0, 0, 4)])
    other = make_track([square(0, 0, 4)[::-1]])
    np.testing.assert_array_equal(bake(one_way).texels, bake(other).texels)


def test_what_does_not_fit_is_reported():
    assert bake(make_track([square(0, 0, 4)])).complete
    far_apart = [
        square(14 * (i % 40) - 280, 28 * (i // 40) - 140, 6) for i in range(400)
    ]
    for tiles in (
        far_apart,  # too many blocks
        25 * [square(0, 0, 1)],  # too many quads on one block
        [square(0, 0, 13)],  # a quad that spans too many blocks
    ):
        assert not bake(make_track(tiles)).complete


def test_many_blocks_may_lie_under_many_quads():
    """The last of four layers, whose tiles have the colours of the first, is seen."""
    apart = [square(14 * i - 280, 0, 6) for i in range(30)]
    four, one = bake(make_track(4 * apart)), bake(make_track(apart))
    assert four.complete
    np.testing.assert_array_equal(four.texels, one.texels)


def test_random_tracks_fit():
    keys = jax.random.split(jax.random.key(0), 64)
    made = jax.jit(jax.vmap(tracks.from_key))(keys)
    complete = jax.jit(lambda made: jax.lax.map(lambda t: bake(t).complete, made))(made)
    assert complete.all()


def test_all_blocks_of_several_tracks_at_once_are_the_same(track, texture):
    several = drives.make_tracks([SEED + 1, SEED])
    together = partial(textures.bake, together=textures.ALL)
    mapped = jax.jit(jax.vmap(together))(several)
    for ours, alone in zip(mapped, texture, strict=True):
        np.testing.assert_array_equal(ours[1], alone)
    assert mapped.texels.dtype == jnp.uint32
    # Of 1,024 tracks, textures take less than 3.4 GB.
    assert 1024 * (texture.texels.nbytes + texture.index.nbytes) < 3.4e9


def test_size_counts_every_texel(texture):
    assert texture.texels.shape[-1] == textures.size()
