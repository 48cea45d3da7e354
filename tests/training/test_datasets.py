"""Episodes of several stores as one sequence: padded, joined, held out."""

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, episode_seeds, generator_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.training import datasets
from worldmodels.training.datasets import StoredEpisodes

LENGTHS = np.array([[5, 2, 9], [1, 7, 3]], np.int32)  # of two shards
LONGEST, Z = (9, 7), 2  # steps that a shard has room for


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> list[Artifact]:
    """Latents as the stage writes them: a chunk an episode, and of the rest one."""
    folder, rng = tmp_path_factory.mktemp("latents"), np.random.default_rng(0)
    opened = []
    for shard, (length, longest) in enumerate(zip(LENGTHS, LONGEST, strict=True)):
        path, shape = folder / f"{shard}.zarr", (3, longest)
        inside = np.arange(longest) < length[:, None]
        with publication.create(
            path, "latents", config={}, inputs={}, stage_version=1
        ) as store:
            for name in ("mu", "logvar"):
                chunks = (1, longest, Z)
                axes = ("episode", "time", "latent")
                array = store.array(name, (*shape, Z), np.float16, axes, chunks)
                array[...] = rng.normal(size=(*shape, Z)) * inside[..., None]
            actions = rng.normal(size=(*shape, 1)) * inside[..., None]
            store.write("actions", actions.astype(np.float32))
            store.write("rewards", (rng.normal(size=shape) * inside).astype("f4"))
            last = np.arange(longest) == length[:, None] - 1
            store.write("terminated", last & (np.arange(3) > 0)[:, None])
            store.write("length", length)
            store.write("seed", 10 * shard + np.arange(3))
        opened.append(open_artifact(path))
    return opened


def true(shards: list[Artifact], name: str, episode: int) -> np.ndarray:
    """An array of one episode without its padding, straight from its store."""
    shard, place = divmod(episode, 3)
    return shards[shard].read(name, place)[: LENGTHS[shard, place]]


@pytest.mark.parametrize("steps", [8, 9, 12])  # cut, as they are, padded
def test_sequences_are_whole_episodes_padded(shards, steps):
    episodes, some = StoredEpisodes(shards), np.array([2, 3, 4])
    items = episodes.sequences(some, steps)
    for place, episode in enumerate(some):
        length = LENGTHS.ravel()[episode]
        for name in ("mu", "logvar", "actions", "rewards", "terminated"):
            rows = steps + (name in ("mu", "logvar"))
            values = true(shards, name, episode)[:rows]
            assert len(items[name][place]) == rows
            np.testing.assert_array_equal(items[name][place][: len(values)], values)
            assert not items[name][place][len(values) :].any()
        step = np.arange(steps)
        np.testing.assert_array_equal(items["first"][place], step == 0)
        np.testing.assert_array_equal(items["last"][place], step == length - 1)
        np.testing.assert_array_equal(items["inside"][place], step < length)


def test_the_longest_episode_may_be_in_any_shard(shards):
    """A later round's, of shorter episodes, comes before those of earlier rounds."""
    for order in (shards, shards[::-1]):
        assert StoredEpisodes(order).longest == max(LONGEST)


def test_steps_are_the_episodes_one_after_the_other(shards):
    episodes, some = StoredEpisodes(shards), np.array([1, 3, 5])  # of 2, 1 and 3 steps
    items = episodes.steps(some)
    for name in ("mu", "logvar", "actions", "rewards", "terminated"):
        joined = np.concatenate([true(shards, name, n) for n in some])
        np.testing.assert_array_equal(items[name], joined)
    np.testing.assert_array_equal(items["first"], [1, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(items["last"], [0, 1, 1, 0, 0, 1])


def test_variance_is_that_of_all_steps(shards):
    rewards = np.concatenate([true(shards, "rewards", n) for n in (0, 2, 4)])
    found = StoredEpisodes(shards).variance("rewards", np.array([0, 2, 4]))
    assert found == pytest.approx(rewards.var(), rel=1e-5)


def test_a_chunk_of_many_episodes_is_decoded_once_a_shard(shards, monkeypatch):
    decoded, read = [], Artifact.read

    def watched(store, name, selection=...):
        decoded.append((store.path.name, name))
        return read(store, name, selection)

    episodes = StoredEpisodes(shards)
    monkeypatch.setattr(Artifact, "read", watched)
    episodes.steps(np.arange(6))
    assert len(decoded) == 2 * 6 + 3 * 2
    assert decoded.count(("0.zarr", "rewards")) == 1


def held_out(seeds, share, run=0):
    return datasets.split(seeds, share, lambda n: generator_for(run, n, "held out"))


def test_what_is_held_out_is_drawn_and_nothing_else():
    seeds = episode_seeds(Purpose.ROLLOUT, 0, 2, 0, 40)
    learnt, kept = held_out(seeds, 0.1)
    assert len(kept) == 4
    np.testing.assert_array_equal(np.union1d(learnt, kept), np.arange(40))
    assert len(learnt) == 36
    np.testing.assert_array_equal(held_out(seeds, 0.1)[1], kept)
    assert held_out(seeds, 0.1, run=1)[1].tolist() != kept.tolist()
    assert [len(part) for part in held_out(seeds[:7], 0.01)] == [6, 1]
    assert [len(part) for part in held_out(seeds[:7], 0.0)] == [7, 0]
    with pytest.raises(UserError, match="leaves none to learn from"):
        held_out(seeds[:1], 0.5)


def test_what_was_held_out_stays_so_in_rounds_that_learn_from_it_too():
    rounds = [episode_seeds(Purpose.ROLLOUT, 0, n, 0, 20) for n in range(3)]
    kept = [seeds[held_out(seeds, 0.2)[1]] for seeds in rounds]
    # Own episodes first, as the rules give them.
    for together in (rounds[:2][::-1], rounds[::-1]):
        seeds = np.concatenate(together)
        expected = np.concatenate(kept[: len(together)])
        assert set(seeds[held_out(seeds, 0.2)[1]]) == set(expected)
    indices = [set((seeds % 20).tolist()) for seeds in kept]
    assert indices[0] != indices[1]  # each round's draw is its own
