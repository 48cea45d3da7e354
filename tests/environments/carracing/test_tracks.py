"""The simulator's tracks against those that gymnasium builds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import ks_2samp

from worldmodels.environments.carracing import laps, reference, tracks
from worldmodels.runtime.errors import UserError

REDRAWN = [36, 100, 105, 118]  # their first checkpoints make no closed lap
LARGE = [2**32, 2**32 + 5, 3 * 2**51 + 7, 2**53 + 12345, 2**54 - 1]


def is_track(lap: laps.Lap | None) -> bool:
    return lap is not None and bool(laps.closes(lap))


def rng_of(seed: int) -> np.random.Generator:
    """gymnasium's, of an environment that is reset with this seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


@pytest.fixture(scope="module")
def environment():
    return reference.make().unwrapped


@pytest.mark.parametrize("seed", [*range(32), *REDRAWN, *LARGE])
def test_a_seeds_track_is_gymnasiums_to_the_bit(environment, seed):
    environment.reset(seed=seed)
    track = tracks.from_seed(seed)
    count = len(environment.track)
    assert track.count == count
    np.testing.assert_array_equal(track.start, environment.track[0][1:4])
    tiles, kerbs, kerb = [], np.zeros_like(track.kerbs), np.zeros_like(track.kerb)
    for quad, color in environment.road_poly:
        if not isinstance(color, tuple):  # a tile; its kerb follows it
            tiles.append(quad)
            continue
        tile = len(tiles) - 1
        kerbs[tile], kerb[tile] = quad, True
        np.testing.assert_array_equal(tracks.KERB[tile % 2], color)
    np.testing.assert_array_equal(track.tiles[:count], tiles)
    np.testing.assert_array_equal(track.kerb, kerb)
    np.testing.assert_array_equal(track.kerbs, kerbs)
    assert kerb.any()
    assert not track.tiles[count:].any()
    for tile in environment.road:
        if not tile.road_visited:  # on a visit it becomes as dark as the darkest
            np.testing.assert_array_equal(
                tracks.ROAD[tile.idx % 3], np.trunc(tile.color)
            )


@pytest.mark.parametrize("seed", [0, 36])
def test_a_car_can_be_put_at_any_node_of_gymnasiums_lap(environment, seed):
    environment.reset(seed=seed)
    nodes = np.array(environment.track)[:, 1:4]  # beta, x, y
    share = jnp.array((np.arange(len(nodes)) + 0.5) / len(nodes), jnp.float32)
    track = jax.tree.map(jnp.asarray, tracks.from_seed(seed))
    starts = np.asarray(jax.vmap(lambda u: tracks.started(track, u).start)(share))
    turned = (starts[:, 0] - nodes[:, 0] + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turned, 0, atol=1e-4)
    np.testing.assert_allclose(starts[:, 1:], nodes[:, 1:], atol=1e-3)


@pytest.mark.parametrize("seed", REDRAWN)
def test_those_seeds_do_fail_at_first(seed):
    checkpoints = laps.draw_checkpoints(rng_of(seed).uniform)
    assert not is_track(laps.last_lap(checkpoints))


@pytest.fixture(scope="module")
def checkpoint_sets():
    rng = np.random.default_rng(0)
    return [laps.draw_checkpoints(rng.uniform) for _ in range(512)]


@pytest.fixture(scope="module")
def same_checkpoints(checkpoint_sets):
    """Laps of the host and whether they are tracks; laps of the device, and whether."""
    host = [laps.last_lap(checkpoints) for checkpoints in checkpoint_sets]
    trace = jax.jit(jax.vmap(laps.trace))
    device, success = trace(jnp.array(checkpoint_sets, jnp.float32))
    return host, [is_track(lap) for lap in host], device, np.array(success)


def test_the_same_checkpoints_make_a_track_or_not(same_checkpoints):
    _, expected, _, success = same_checkpoints
    assert (success == expected).mean() >= 0.99
    assert 0 < np.sum(expected) < len(expected)


def test_the_same_checkpoints_make_the_same_track(same_checkpoints):
    host, expected, device, success = same_checkpoints
    device = jax.jit(jax.vmap(lambda lap: tracks.lay(lap, jnp)))(device)
    equal_count, near, same_kerbs = [], [], []
    for i in np.flatnonzero(success & expected):
        ours = jax.tree.map(lambda leaf, i=i: np.array(leaf[i]), device)
        theirs = tracks.lay(laps.padded(host[i]), np)
        equal_count.append(ours.count == theirs.count)
        near.append(
            np.abs(ours.tiles - theirs.tiles).max() < 0.05
            and np.abs(ours.start - theirs.start).max() < 0.05
        )
        same_kerbs.append(
            (ours.kerb == theirs.kerb).all()
            and np.abs(ours.kerbs - theirs.kerbs).max() < 0.05
        )
    assert np.mean(equal_count) >= 0.99
    assert np.mean(near) >= 0.99
    assert np.mean(same_kerbs) >= 0.99


def test_a_pen_that_circles_its_checkpoints():
    """They are closer together than it can turn; it may never come round them."""
    rng = np.random.default_rng(0)
    shrink = np.array([[1, 0.02, 0.02], [1, 0.05, 0.05]])[:, None]
    checkpoints = np.stack(
        [np.array(laps.draw_checkpoints(rng.uniform)) * shrink for _ in range(40)], 1
    )
    trace = jax.jit(jax.vmap(jax.vmap(laps.trace)))
    lap, success = trace(jnp.array(checkpoints, jnp.float32))
    theirs = [[laps.last_lap(c) for c in row.tolist()] for row in checkpoints]
    assert sum(lap is None for lap in theirs[0]) > 2
    closed = np.array([[is_track(lap) for lap in row] for row in theirs])
    assert (closed == np.array(success)).mean() > 0.9
    # Where the pen is lost its path is chaotic, and only that it fails is the same.
    count = [lap.count for lap in theirs[1]]
    assert (count == np.array(lap.count[1])).mean() > 0.9


def test_random_checkpoints_have_gymnasiums_distribution(key):
    draw = jax.jit(jax.vmap(laps.random_checkpoints))
    ours = draw(jax.random.split(key, 1000))
    rng = np.random.default_rng(0)
    theirs = np.array([laps.draw_checkpoints(rng.uniform) for _ in range(1000)])
    np.testing.assert_allclose(ours[:, [0, -1]], theirs[:, [0, -1]], atol=1e-4)
    polar = [
        (np.array(points[:, :, 0]), np.hypot(points[:, :, 1], points[:, :, 2]))
        for points in (ours, theirs)
    ]
    for ours, theirs in zip(*polar, strict=True):
        for i in range(1, laps.CHECKPOINTS - 1):
            assert ks_2samp(ours[:, i], theirs[:, i]).pvalue > 1e-3
        between = np.corrcoef(ours[:, 1:-1].T) - np.eye(laps.CHECKPOINTS - 2)
        assert np.abs(between).max() < 0.15  # drawn independently


@pytest.fixture(scope="module")
def drawn():
    keys = jax.random.split(jax.random.key(1), 128)
    return keys, jax.jit(jax.vmap(tracks.from_key))(keys)


def test_every_key_has_a_closed_track_of_its_own(drawn):
    _, track = drawn
    count = np.array(track.count)
    assert count.dtype == np.int32
    assert (count > 150).all()
    assert (count <= tracks.MAX_TILES).all()
    assert len(np.unique(np.array(track.start), axis=0)) == len(count)
    exists = np.arange(tracks.MAX_TILES) < count[:, None]
    tiles = np.array(track.tiles)
    assert tiles.dtype == np.float32
    assert not tiles[~exists].any()
    assert not np.array(track.kerbs)[~np.array(track.kerb)].any()
    nodes = tiles[:, :, :2].mean(axis=2), tiles[:, :, 2:].mean(axis=2)
    length = np.linalg.norm(nodes[0] - nodes[1], axis=2)
    np.testing.assert_allclose(length[:, 1:][exists[:, 1:]], laps.STEP, atol=1e-3)
    # At the seam gymnasium bounds the gap's components along the road's normal only.
    assert (length[:, 0] < 4 * laps.STEP).all()


def test_a_key_always_gives_the_same_track(drawn):
    keys, expected = drawn
    from_key = jax.jit(tracks.from_key)
    for i in (0, 5):
        for ours, theirs in zip(from_key(keys[i]), expected, strict=True):
            np.testing.assert_allclose(ours, theirs[i], atol=1e-3)
    again = jax.jit(jax.vmap(tracks.from_key))(keys)
    for ours, theirs in zip(again, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_failed_attempt_is_drawn_again(drawn):
    keys, drawn = drawn

    @jax.jit
    @jax.vmap
    def second_attempt(key):
        first, second = (
            laps.trace(laps.random_checkpoints(jax.random.fold_in(key, attempt)))
            for attempt in range(2)
        )
        return first[1], second[1], tracks.lay(second[0], jnp)

    first, second, expected = second_attempt(keys)
    again = np.flatnonzero(~first & second)
    assert len(again) > 2
    np.testing.assert_array_equal(drawn.count[again], expected.count[again])
    np.testing.assert_allclose(drawn.tiles[again], expected.tiles[again], atol=0.05)


def test_tracks_too_long_for_the_tables(monkeypatch):
    """Seeds are refused, keys draw again."""
    length = int(tracks.from_seed(0).count)

    def hold(tiles):
        monkeypatch.setattr(laps, "MAX_TILES", tiles)
        monkeypatch.setattr(tracks, "MAX_TILES", tiles)

    hold(length)
    assert tracks.from_seed(0).tiles.shape == (length, 4, 2)
    hold(length - 1)
    with pytest.raises(UserError, match=f"seed 0 has {length} tiles"):
        tracks.from_seed(0)
    checkpoints = jnp.array(laps.draw_checkpoints(rng_of(0).uniform), jnp.float32)
    assert not jax.jit(laps.trace)(checkpoints)[1]
    keys = jax.random.split(jax.random.key(1), 16)
    count = np.array(jax.jit(jax.vmap(tracks.from_key))(keys).count)
    assert (count < length).all()
    assert (count > 150).all()


@pytest.mark.slow
def test_a_key_has_one_track_in_single_and_in_double_precision(key):
    draw = jax.jit(tracks.from_key)
    expected = draw(key)
    with jax.enable_x64(True):
        found = draw(key)
    assert found.tiles.dtype == np.float32
    jax.tree.map(np.testing.assert_array_equal, found, expected)
