"""What functional environments refuse as their programs are traced; none is run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.environments.pixelcopter import functional as pixelcopter
from worldmodels.environments.pommerman import functional as pommerman
from worldmodels.runtime.errors import UserError

B = 4  # as many as Pommerman's agents: their action would go for all games
WORLDS = [
    pytest.param(pixelcopter, (B,), id="pixelcopter"),
    pytest.param(pommerman, (B, 4), id="pommerman"),
]


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), B)


@pytest.mark.parametrize(("world", "shape"), WORLDS)
def test_actions_of_another_shape_are_refused(world, shape, keys):
    state, _ = jax.eval_shape(world.reset, keys)
    assert jax.eval_shape(world.step, state, jnp.zeros(shape, int))
    for wrong in [(), shape[1:] or (1,), (*shape, 1), (3, *shape[1:])]:
        with pytest.raises(UserError, match=r"shape \(.*must be \(4,.*each"):
            jax.eval_shape(world.step, state, jnp.zeros(wrong, int))


@pytest.mark.parametrize(("world", "shape"), WORLDS)
def test_who_begins_anew_is_said_of_each(world, shape, keys):
    state, _ = jax.eval_shape(world.reset, keys)
    done = jnp.ones(B, bool)
    assert jax.eval_shape(world.renew, state, keys, done)
    for few in (keys[:1], keys[0]):
        with pytest.raises(UserError, match=r"keys has the shape \(1,\)"):
            jax.eval_shape(world.renew, state, few, done)
    for wrong in (done[:3], done[0], done[:, None]):
        with pytest.raises(UserError, match="done has the shape"):
            jax.eval_shape(world.renew, state, keys, wrong)


@pytest.mark.parametrize("keys", [0, np.zeros((2, 2), np.uint32)])
@pytest.mark.parametrize("world", [pixelcopter, pommerman])
def test_keys_must_be_typed(world, keys):
    with pytest.raises(UserError, match=r"jax\.random\.key"):
        world.reset(keys)
