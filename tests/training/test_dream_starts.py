"""Dreams that begin anywhere, against a plain loop over episodes and steps."""

import jax
import numpy as np
import pytest
from support import dream_stores
from support.dream_stores import SETTINGS, evolve

from worldmodels.models import memory
from worldmodels.models.dream import Dream
from worldmodels.stores import networks
from worldmodels.training import dream_starts

FEW = 40


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return dream_stores.make(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def first(stores) -> Dream:
    return networks.load_dream(stores.memory, stores.latents, 1.0)


def begun(first, stores, monkeypatch) -> Dream:
    monkeypatch.setattr(dream_starts, "STARTS", FEW)
    generator = np.random.default_rng(0)
    return dream_starts.anywhere(first, stores.latents, generator)


@pytest.mark.parametrize("together", [1, 3, 16])
def test_each_episode_has_as_many_starts(first, stores, monkeypatch, together):
    monkeypatch.setattr(dream_starts, "_TOGETHER", together)
    dream = begun(first, stores, monkeypatch)
    episodes = [
        store.read("mu")[episode, :length].astype(np.float32)
        for store in stores.latents
        for episode, length in enumerate(store.read("length"))
    ]
    starts = dream.starts.mu
    of_each = [
        (starts[:, None] == mu).all(axis=-1).any(axis=1).sum() for mu in episodes
    ]
    assert of_each == [FEW // len(episodes)] * len(episodes)
    assert len(starts) == sum(of_each)
    assert all(len(x) == len(starts) for x in jax.tree.leaves(dream.remembered))


def test_a_large_state_has_fewer_starts(first, stores, monkeypatch):
    row = sum(x.nbytes for x in jax.tree.leaves(memory.initial_state(first.model, 1)))
    monkeypatch.setattr(dream_starts, "STATES", 5 * row)
    dream = begun(first, stores, monkeypatch)
    assert 1 <= len(dream.starts.mu) <= 5


def test_m_remembers_what_came_before_a_start(first, stores, monkeypatch):
    dream = begun(first, stores, monkeypatch)
    known = {}  # of each step of each episode, by its mu
    remember = jax.jit(memory.remember, static_argnums=1)
    for store in stores.latents:
        for episode, length in enumerate(store.read("length")):
            state = memory.initial_state(first.model, 1)
            for step in range(length):
                mu = store.read("mu")[episode, step].astype(np.float32)
                logvar = store.read("logvar")[episode, step].astype(np.float32)
                known[mu.tobytes()] = step, logvar, state
                action = store.read("actions")[episode, step]
                state = remember(
                    first.params, first.model, state, mu[None], action[None]
                )
    seen = set()
    for n, mu in enumerate(dream.starts.mu):
        step, logvar, state = known[mu.tobytes()]
        seen.add(step)
        np.testing.assert_array_equal(dream.starts.logvar[n], logvar)
        jax.tree.map(
            lambda kept, wanted, n=n: np.testing.assert_allclose(
                kept[n], wanted[0], rtol=1e-5, atol=1e-6
            ),
            dream.remembered,
            state,
        )
    assert len(seen) > 5
    assert 0 in seen


def test_nothing_begins_after_the_last_reward():
    inside = np.arange(9) < np.array([9, 7, 5])[:, None]
    rewards = np.full((3, 9), -0.1)
    rewards[0, 3] = rewards[1, [0, 6]] = 2.0
    items = {"inside": inside, "rewards": np.where(inside, rewards, 3.0)}
    at = dream_starts._steps(items, 400, np.random.default_rng(1))
    assert at.shape == (3, 400)
    for steps, end in zip(at, (4, 7, 5), strict=True):  # the last earns nothing at all
        np.testing.assert_array_equal(np.unique(steps), np.arange(end))
        counts = np.bincount(steps)
        assert counts.min() > 0.5 * counts.mean()


def test_a_dream_begins_with_the_memory_of_its_start(first, stores, monkeypatch):
    dream = begun(first, stores, monkeypatch)
    sharp = dream.starts._replace(logvar=np.full_like(dream.starts.logvar, -60))
    dream = Dream(dream.model, dream.params, sharp, 1.0, None, dream.remembered)
    keys = jax.random.split(jax.random.key(0), 30)
    found = jax.jit(jax.vmap(dream.reset))(keys)
    of_start = jax.jit(jax.vmap(lambda key: jax.random.split(key)[0]))(keys)
    count = len(sharp.mu)
    place = jax.vmap(lambda key: jax.random.randint(key, (), 0, count))(of_start)
    assert len(set(place.tolist())) > 10
    np.testing.assert_allclose(found.z, sharp.mu[place], atol=1e-6)
    jax.tree.map(
        lambda found, kept: np.testing.assert_array_equal(found, kept[place]),
        found.memory,
        dream.remembered,
    )


def test_c_learns_from_anywhere_and_is_tested_from_the_first_frames(stores, tmp_path):
    """Blocks of any size give the same search, as ever."""
    line, anywhere = (
        evolve(stores, folder(tmp_path, start), settings=SETTINGS.changed(start=start))
        for start in ("line", "anywhere")
    )
    assert anywhere.config["start"] == "anywhere"
    np.testing.assert_array_equal(
        line.read("population")[0], anywhere.read("population")[0]
    )
    assert (line.read("fitness")[0] != anywhere.read("fitness")[0]).any()
    halves = folder(tmp_path, "halves")
    single = SETTINGS.changed(start="anywhere", generations_per_block=1)
    joined = [evolve(stores, halves, block, settings=single) for block in (0, 1)]
    for name in ("fitness", "selection/returns"):
        again = np.concatenate([block.read(name) for block in joined])
        np.testing.assert_array_equal(anywhere.read(name), again)


def folder(parent, name):
    path = parent / name
    path.mkdir()
    return path
