"""The rules of PixelCopter one by one, and the traps of its implementations."""

from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.pixelcopter import PlainCopter

from worldmodels.environments.pixelcopter import game, tables
from worldmodels.environments.pixelcopter.game import Block, Precise, Terrain

play = jax.jit(game.step)
vector = jax.jit(game.vector)
LEVEL = np.full(48, 24, np.int32)  # columns
FAR = np.array([23, 30], np.int32)  # a block


@pytest.fixture
def begun():
    return game.begin(FAR, LEVEL)


def after(copter, steps, up=False):
    """Return the game and the sum of rewards after steps of the same action."""
    total = 0.0
    for _ in range(steps):
        copter, reward, dead = play(copter, up, FAR, LEVEL)
        total += float(reward)
    return copter, total, bool(dead)


def at(copter, y, momentum=0.0):
    zero = np.float32(0)
    y, momentum = Precise(np.float32(y), zero), Precise(np.float32(momentum), zero)
    return copter._replace(y=y, momentum=momentum)


def test_positions_lose_a_step_at_a_time_in_float64():
    """Exact arithmetic cuts to another pixel in one of forty cases."""
    steps, starts = tables.BLOCK_STEPS, tables.BLOCK_STARTS
    expected = np.empty((steps + 1, len(starts)), int)
    exact = np.empty_like(expected)
    for n, start in enumerate(starts):
        x = float(start)
        for step in range(steps + 1):
            expected[step, n] = int(x) - 2
            exact[step, n] = int(start - Fraction(64, 100) * step) - 2
            x -= 0.0004 * 48 * (1000 / 30)
    np.testing.assert_array_equal(tables.BLOCKS.left, expected)
    assert 0.01 < (exact != expected).mean() < 0.03
    assert exact[25, 0] == 30  # 48 - 25 x 0.64 = 32, less 2
    assert expected[25, 0] == 29


def test_batches_come_at_the_originals_steps():
    assert list(tables.ADDED) == [222, 519, 816]
    rows = np.asarray(jax.vmap(game.row)(np.arange(3000)))
    added = np.flatnonzero(tables.COLUMNS.added[rows])
    assert added.tolist() == [222, *range(519, 3000, 297)]
    left = tables.COLUMNS.left[rows]
    # One every 6.25 steps; where batches meet, two are 2.08 pixels apart, not 4.
    assert np.flatnonzero(left)[:5].tolist() == [10, 16, 22, 29, 35]
    assert left[:223].sum() == 35
    assert left[223:520].sum() == left[520:817].sum() == 48
    slots = tables.COLUMNS.slots
    assert slots.max() == 95
    assert (slots[:222][slots[:222] != tables.NONE] >= 48).all()  # one batch alone


def test_what_is_drawn_is_in_the_originals_ranges():
    keys = jax.random.split(jax.random.key(0), 4000)
    start, y = np.asarray(jax.jit(jax.vmap(game.draw_block))(keys)).T
    for drawn, values in ((start, range(24)), (y, range(12, 36))):
        found, counts = np.unique(drawn, return_counts=True)
        assert found.tolist() == list(values)
        expected = len(drawn) / len(values)
        # Chi-square with 23 degrees of freedom: 49.7 in one of a thousand.
        assert ((counts - expected) ** 2 / expected).sum() < 49.7
    terrain = jax.jit(jax.vmap(game.draw_terrain))(keys)
    for values, (low, high) in zip(terrain, ((-0.01, 0.01), (0, 0.5)), strict=True):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high >= values.max() > high - 0.01 * (high - low)
        assert np.mean(values) == pytest.approx((low + high) / 2, abs=high / 20)


@pytest.mark.parametrize(("first", "start"), [(True, 2), (False, 50)])
def test_columns_are_those_of_float64(first, start):
    rng = np.random.default_rng(0)
    terrain = Terrain(
        rng.uniform(-0.01, 0.01, 2000).astype(np.float32),
        rng.uniform(0, 0.5, (2000, 48)).astype(np.float32),
    )
    x = start + 4 * np.arange(48)
    frequency = 4.5 / 48 + terrain.frequency[:, None].astype(float)
    expected = 24 + 6 * np.sin(frequency * x + terrain.phases.astype(float))
    found = jax.jit(jax.vmap(partial(game.columns, first=first)))(terrain)
    differ = found != expected.astype(int)
    # Only where the sine is within float32's error of a whole row.
    assert differ.mean() < 1e-4
    assert (np.abs(expected[differ] - np.round(expected[differ])) < 1e-5).all()


def test_the_momentum_grows_and_fades(begun):
    copter, _, _ = after(begun, 1)
    assert copter.momentum.high == pytest.approx(0.99 * 0.09 * 0.64)
    assert copter.y.high == pytest.approx(24 + 0.99 * 0.09 * 0.64)
    copter, _, _ = after(begun, 2, up=True)
    assert copter.momentum.high == pytest.approx(-0.56 * (0.99 + 0.99**2), rel=1e-6)


@pytest.mark.parametrize(
    ("y", "dies"), [(14.3, True), (14.5, False), (35.9, False), (36.1, True)]
)
def test_the_gap_is_deadly_from_a_quarter_of_the_height_on(begun, y, dies):
    """From below the player's height counts: y - 2.4 <= c - 12."""
    _, reward, dead = play(at(begun, y, -0.0576), False, FAR, LEVEL)
    assert dead == dies
    assert reward == (-5 if dies else 0)


@pytest.mark.parametrize(("y", "dies"), [(5.9, True), (6.1, False), (42.1, True)])
def test_the_picture_has_deadly_edges(begun, y, dies):
    high = game.begin(FAR, LEVEL - (12 if y < 24 else -12))
    _, _, dead = play(at(high, y, -0.0576), False, FAR, LEVEL)
    assert dead == dies


@pytest.mark.parametrize(
    ("steps", "y", "dies"),
    [
        (45, 24, False),  # x = 19.2, so its first pixel is 17, the player's last 16
        (46, 24, True),
        (50, 18.9, False),  # its lower pixel is 18, the block's upper one 20
        (50, 19.9, False),
        (50, 20.1, True),
        (50, 29.9, True),
        (50, 30.1, False),
    ],
)
def test_a_block_is_hit_where_pixels_overlap(begun, steps, y, dies):
    block = Block(np.int32(0), np.int32(24), np.int32(steps - 1))
    near = at(begun._replace(block=block), y, -0.0576)
    assert play(near, False, FAR, LEVEL)[2] == dies


def test_a_block_that_is_passed_is_paid_and_replaced(begun):
    # 50 steps from 48 are 32 pixels; in float64 a little more, so it counts.
    last = Block(np.int32(0), np.int32(30), np.int32(49))
    copter, reward, dead = play(begun._replace(block=last), False, FAR + 0, LEVEL)
    assert (reward, dead) == (1, False)
    assert [int(x) for x in copter.block] == [23, 30, 0]
    assert [int(x) for x in copter.passed] == [0, 30, 50]


def test_columns_pay_when_they_have_left(begun):
    hovering, total = begun, 0.0
    for n in range(1, 30):
        hovering, reward, _ = play(at(hovering, 24), False, FAR, LEVEL)
        total += float(reward)
        assert total == sum(n >= each for each in (10, 16, 22, 29))


def test_death_is_paid_in_the_step_that_pays_a_column(begun):
    late = at(begun._replace(step=np.int32(9)), 43.0)
    _, reward, dead = play(late, False, FAR, LEVEL)
    assert dead
    assert reward == -4


def test_the_vector_is_the_originals(begun):
    plain = PlainCopter([(71, 30)], [LEVEL])
    copter = begun
    for _ in range(7):
        plain.step(False)
        copter, *_ = play(copter, False, FAR, LEVEL)
    (x, y), room = plain.blocks[0], 12
    expected = [plain.y, plain.momentum, plain.y - 24 + room, 24 + room - plain.y]
    expected += [x - 16, y, y + 9]
    np.testing.assert_allclose(vector(copter), expected, rtol=1e-6)


def test_the_vector_takes_the_first_of_two_columns(begun):
    steps = jnp.arange(48, dtype=np.int32)
    copter = begun._replace(columns=jnp.concatenate([steps, steps]))
    # At first x 14 and 18 touch the player: the fourth and the fifth.
    assert vector(copter)[2] == 24 - 3 + 12


def test_y_is_cut_as_the_sum_of_both_parts():
    whole = jax.jit(game.whole)
    high, low = np.float32(20), np.float32(-1e-7)
    assert whole(Precise(high, low)) == 19
    assert whole(Precise(high, np.float32(0))) == 20
    assert whole(Precise(np.float32(20.9), low)) == 20
