"""CarRacing as a world: what its `renew` returns, and what it copies."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.environments.carracing import functional as cars
from worldmodels.studies.curiosity import worlds

B = 3


@pytest.mark.slow
def test_cars_are_renewed_as_their_environment_does_and_seen_as_they_are():
    world = worlds.car_pixels("patches")
    first, second = jax.random.split(jax.random.key(0), (2, B))

    @jax.jit
    def renewed(state, keys, done, seen):
        state_of_cars, _ = cars.renew(state, keys, done)
        expected = state_of_cars, world.observe(state_of_cars)
        return world.renew(state, keys, done, seen), expected

    state = jax.jit(world.reset)(first)
    seen = jax.jit(world.observe)(state)
    assert (seen.shape, seen.dtype) == ((B, *world.shape), np.uint8)
    for done in ([False] * B, [True, False, True]):
        found, expected = renewed(state, second, jnp.array(done), seen)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
        changed = (found[1] != seen).any(axis=(1, 2))
        np.testing.assert_array_equal(changed, done)


@pytest.mark.slow
def test_a_rollout_of_cars_copies_no_tracks(monkeypatch):
    if jax.default_backend() != "cpu":
        pytest.skip("a barrier of CPUs alone")
    keys = jax.random.split(jax.random.key(0), (2, B))

    def copies() -> int:
        """Return how often a step copies the textures, the largest part of tracks."""
        world = worlds.car_pixels("patches")

        def play(state, keys):
            state, _, dead, cut = world.step(state, jnp.ones((B, 3)), cars.MAX_STEPS)
            seen = world.observe(state)
            state, first = world.renew(state, keys, dead | cut, seen)
            return state, (seen, first)

        state = jax.eval_shape(world.reset, keys[0])
        program = jax.jit(lambda *given: jax.lax.scan(play, *given), donate_argnums=0)
        text = program.lower(state, keys).compile().as_text()
        count, texels = state.world.texture.texels.shape
        return len(re.findall(rf"= u32\[{count},{texels}\]\S* copy\(", text))

    assert copies() == 0
    monkeypatch.setattr(worlds, "after", lambda read, arrays: arrays)
    if not copies():
        pytest.skip("this XLA copies no tracks without `after`, which then has no use")
