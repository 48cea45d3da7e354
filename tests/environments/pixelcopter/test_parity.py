"""Our game beside the original's recorded steps, and beside plain Python.

`tests/fixtures/record_pixelcopter.py` recorded them and says what the file holds.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.commands import REPOSITORY
from support.pixelcopter import PlainCopter, cut, rounded

from worldmodels.environments.pixelcopter import game, picture
from worldmodels.environments.pixelcopter.game import Terrain
from worldmodels.environments.pixelcopter.tables import BLOCK_STARTS

RECORD = REPOSITORY / "tests/fixtures/pixelcopter.npz"


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORD) as file:
        return dict(file)


@pytest.fixture(scope="module")
def frames(recorded):
    """The recorded pictures in grey, uint8 [T, 48, 48], rows from the top."""
    white, green = np.unpackbits(recorded["frames"], axis=-1)
    shades = white * np.uint8(picture.WHITE) + green * np.uint8(picture.GREEN)
    return shades.transpose(0, 2, 1)


def batches(recorded):
    """Return the columns that our game makes of each batch: as a first, as a later."""
    terrain = Terrain(recorded["frequencies"], recorded["phases"])
    return [jax.vmap(partial(game.columns, first=b))(terrain) for b in (True, False)]


@jax.jit
def replayed(actions, fresh, blocks, first, later):
    """Play all steps; return pictures, rewards, deaths, y and how much was served."""

    def step(carry, now):
        copter, block, batch = carry
        up, begins = now
        begun = game.begin(blocks[block], first[batch])
        copter = jax.tree.map(partial(jnp.where, begins), begun, copter)
        block, batch = block + begins, batch + begins
        batch_after = batch + game.adds_columns(copter)
        copter, reward, dead = game.step(copter, up, blocks[block], later[batch])
        block += copter.block.steps == 0
        return (copter, block, batch_after), (
            picture.observe(copter),
            reward,
            dead,
            copter.y,
        )

    carry = game.begin(blocks[0], first[0]), 0, 0
    (_, *used), said = jax.lax.scan(step, carry, (actions, fresh))
    return *said, used


def test_rewards_deaths_and_pictures_are_the_originals(recorded, frames):
    starts = np.cumsum([0, *recorded["counts"][:-1, 0]])
    fresh = np.isin(np.arange(len(frames)), starts)
    blocks = recorded["blocks"].astype(np.int32) - [BLOCK_STARTS[0], 0]
    drawn, rewards, dead, _, used = replayed(
        recorded["actions"], fresh, blocks, *batches(recorded)
    )
    assert len(frames) >= 8000
    assert recorded["counts"][:, 0].max() > 1000  # three batches of columns are added
    assert len(np.unique(recorded["rewards"])) == 5  # -5, -4, 0, 1, 2
    np.testing.assert_array_equal(rewards, recorded["rewards"])
    np.testing.assert_array_equal(dead, recorded["dead"])
    np.testing.assert_array_equal(drawn, frames)
    assert used == [len(blocks), len(recorded["phases"])]


@pytest.mark.parametrize(("whole", "same"), [(cut, True), (rounded, False)])
def test_the_original_cuts_coordinates_and_does_not_round_them(
    recorded, frames, whole, same
):
    """pygame does so until 2.1.3, and pygame-ce; from 2.3 on pygame rounds."""
    first, later = (np.asarray(each) for each in batches(recorded))
    ends = np.cumsum(recorded["counts"], axis=0)
    alike, deaths = [], []
    for episode in np.flatnonzero(recorded["counts"][:, 0] < 100)[:20]:
        end = ends[episode]
        start = end - recorded["counts"][episode]
        middles = [first[start[2]], *later[start[2] + 1 : end[2]]]
        plain = PlainCopter(recorded["blocks"][start[1] : end[1]], middles, whole)
        for n in range(start[0], end[0]):
            reward, dead = plain.step(recorded["actions"][n])
            alike.append((plain.picture() == frames[n]).all())
            said = recorded["rewards"][n], recorded["dead"][n]
            deaths.append((reward, dead) == said)
            if dead:
                break
    assert all(alike) == same
    assert all(deaths) == same


@pytest.mark.slow
def test_a_long_flight_is_plain_pythons_in_float64():
    """The copter hovers, and goes on where it has died; nothing drifts apart."""
    rng, steps = np.random.default_rng(0), 2000
    blocks = np.stack([rng.integers(48, 72, 80), rng.integers(12, 36, 80)], 1)
    columns = rng.integers(18, 31, (12, 48))
    plain, ups, said = PlainCopter(blocks, columns), [], []
    for _ in range(steps):
        ups.append(plain.y > 24 + rng.normal())
        said.append((plain.step(ups[-1]), plain.picture(), plain.y))
    fresh = np.arange(steps) == 0
    served = blocks.astype(np.int32) - [BLOCK_STARTS[0], 0]
    drawn, rewards, dead, y, used = replayed(
        np.array(ups), fresh, served, columns.astype(np.int32), columns.astype(np.int32)
    )
    outcomes, pictures, rows = zip(*said, strict=True)
    np.testing.assert_array_equal(drawn, pictures)
    np.testing.assert_array_equal(np.stack([rewards, dead], 1), outcomes)
    assert 0.05 < np.mean(dead) < 0.95
    assert used[1] == 2 + (steps - 222) // 297
    # A plain float32 would be 1.6e-3 off by now.
    high, low = (np.asarray(each, float) for each in y)
    assert np.abs(high + low - rows).max() < 4e-6
    assert np.abs(high - rows).max() > 1e-7  # so y is not compared with itself
