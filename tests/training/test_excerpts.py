"""What V's store keeps of rollouts: a few whole frames, bounded, always the same."""

import numpy as np
import pytest
from support.small_store import refusal

from worldmodels.pictures import grids
from worldmodels.runtime.randomness import Purpose, episode_seeds, generator_for
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import create
from worldmodels.training import excerpts
from worldmodels.training.datasets import HELD_OUT, split

EPISODES, STEPS = 3, 400
LENGTH = np.array([400, 20, 350])


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Two stores of long episodes, of round 2."""
    folder, rng = tmp_path_factory.mktemp("rollouts"), np.random.default_rng(0)
    for shard in (0, 1):
        config = {"round": 2, "shard": shard, "policy": "white"}
        seeds = episode_seeds(Purpose.ROLLOUT, 5, 2, shard * EPISODES, EPISODES)
        shape = (EPISODES, STEPS)
        with create(
            folder / f"{shard}.zarr", "rollouts", config=config, inputs={},
            stage_version=1,
        ) as store:  # fmt: skip
            store.write("frames", rng.integers(0, 256, (*shape, 64, 64, 3), np.uint8))
            store.write("actions", rng.normal(size=(*shape, 3)).astype(np.float32))
            store.write("rewards", rng.normal(size=shape).astype(np.float32))
            store.write("length", LENGTH.astype(np.int32))
            store.write("seed", seeds)
    return [open_artifact(folder / f"{shard}.zarr") for shard in (0, 1)]


@pytest.fixture(scope="module")
def sample(shards):
    return excerpts.draw(shards, 5)


def test_the_first_is_one_that_m_is_kept_from_whatever_its_share(shards, sample):
    seeds = np.concatenate([shard.read("seed") for shard in shards])
    for share in (0.01, 0.3, 0.5):
        _, kept = split(seeds, share, lambda n: generator_for(5, n, HELD_OUT))
        assert sample.seed[0] in seeds[kept]


def test_frames_are_few_and_those_of_the_rollouts(shards, sample):
    """300 in a row of the first episode, and twelve of each of four."""
    seeds = [shard.read("seed").tolist() for shard in shards]
    found = excerpts.excerpts(sample)
    first = found[0].seed
    others = [seed for seed in seeds[0] + seeds[1] if seed != first][:3]
    assert [e.seed for e in found] == [first, *others]
    for number, excerpt in enumerate(found):
        shard = int(excerpt.seed in seeds[1])
        place = seeds[shard].index(excerpt.seed)
        assert excerpt.name == f"rollout {place} of shard {shard}"
        assert excerpt.length == LENGTH[place]
        steps = min(excerpt.length, 300) if number == 0 else 1
        frames, actions, rewards = (
            shards[shard].read(name, place) for name in ("frames", "actions", "rewards")
        )
        np.testing.assert_array_equal(excerpt.frames, frames[:steps])
        np.testing.assert_array_equal(excerpt.actions, actions[:steps])
        np.testing.assert_array_equal(excerpt.rewards, rewards[:steps])
        shown = grids.spread(excerpt.length, 12)
        np.testing.assert_array_equal(excerpt.overview, frames[shown])
    assert len(sample.frames) <= 300 + 4 * 12
    again = excerpts.draw(shards, 5)
    assert all(np.array_equal(*pair) for pair in zip(sample, again, strict=True))


def keep(path, shards, told=None):
    """Publish a V's store of nothing but its sample, and `told` of the rollouts."""
    with create(path, "vision", config={}, inputs={}, stage_version=1) as store:
        for name, written in excerpts.arrays(shards, 5).items():
            values, axes, attributes = written
            store.write(name, values, axes, told or attributes)
    return open_artifact(path)


def test_it_is_read_as_it_was_kept(tmp_path, shards, sample):
    found, told = excerpts.read(keep(tmp_path / "v.zarr", shards))
    for excerpt, expected in zip(found, excerpts.excerpts(sample), strict=True):
        assert (excerpt.name, excerpt.seed) == (expected.name, expected.seed)
        for name in ("frames", "actions", "rewards", "overview"):
            np.testing.assert_array_equal(
                getattr(excerpt, name), getattr(expected, name)
            )
    (driven,) = told
    assert (driven.round, driven.shards, driven.episodes) == (2, 2, 6)
    assert driven.config == {"round": 2, "policy": "white"}
    assert driven.bytes == sum(shard.size() for shard in shards)
    seconds = [shard.attributes["wall_seconds"] for shard in shards]
    assert driven.wall_seconds == pytest.approx(sum(seconds))


def test_a_store_of_an_earlier_version_keeps_nothing(store):
    assert excerpts.read(open_artifact(store)) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"episoles": 3},
        {"episodes": "<script>"},
        {"bytes": -1},
        {"wall_seconds": "long"},
        {"compute": [1]},
        {"config": [1]},
        {"config": {"policy": {"a": 1}}},
        {"config": {"policy": "mine"}},
    ],
)
def test_a_damaged_record_is_told(tmp_path, shards, change):
    (driven,) = (told._asdict() for told in excerpts.facts(shards))
    told = {"rollouts": [driven | change]}
    path = keep(tmp_path / "v.zarr", shards, told).path
    told = refusal(path, lambda _: excerpts.read(open_artifact(path)))
    assert "what it keeps of the rollouts is damaged" in told


def test_a_setting_that_is_not_recorded_is_told(tmp_path, shards):
    store = keep(tmp_path / "v.zarr", shards)
    _, (driven,) = excerpts.read(store)
    told = refusal(store.path, lambda _: driven.config["backend"])
    assert "it records no setting 'backend'" in told


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("frames", np.zeros((9, 32, 32, 3), np.uint8), "'sample/frames' is uint8"),
        ("rewards", np.zeros(3, np.float32), "'sample/rewards' is float32 [3]"),
        ("step", np.full(339, 10**6), "no frame of episode"),
        ("length", np.zeros(4, np.int32), "holds numbers from 0 to 0"),
    ],
)
def test_a_sample_of_another_form_is_told(tmp_path, shards, name, values, what):
    path, made = tmp_path / "v.zarr", excerpts.arrays(shards, 5)
    with create(path, "vision", config={}, inputs={}, stage_version=1) as store:
        for each, (kept, axes, told) in made.items():
            changed = each == f"sample/{name}"
            store.write(each, values if changed else kept, axes, told)
    assert what in refusal(path, lambda _: excerpts.read(open_artifact(path)))
