"""What V and M see, as pictures: each is what the networks say, decoded."""

from functools import partial

import jax
import numpy as np
import pytest
from support import synthetic

from worldmodels.models import memory, vision
from worldmodels.pictures import imagery
from worldmodels.pictures.imagery import Eyes, Mind
from worldmodels.stores import networks


def models(stores) -> tuple[Eyes, Mind]:
    """V and M with larger weights: fresh ones decode all to one grey."""
    model, params = networks.load_vision(stores.vision)
    eyes = Eyes(model, jax.tree.map(lambda x: 3 * x, params))
    return eyes, Mind(*networks.load_memory(stores.memory))


def decode(eyes: Eyes, z) -> np.ndarray:
    """V's images in [0, 255], before they are rounded."""
    apply = jax.jit(partial(vision.decode, model=eyes.model))
    return np.asarray(apply(eyes.params, z=z)) * 255


def test_dream_of_a_step_is_the_mixture_mean_after_the_step_before(stores):
    """M by hand, one step at a time: its picture of frame t knows frames up to t-1."""
    eyes, mind = models(stores)
    frames = stores.rollouts[0].read("frames", 1)
    actions = stores.rollouts[0].read("actions", 1)
    seen, dreamt = imagery.watch(eyes, mind, frames, actions)
    mu, _ = imagery.encode(eyes, frames)
    assert np.ptp(seen) > 20
    assert np.abs(seen - decode(eyes, mu)).max() <= 0.51
    assert (dreamt[0] == 0).all()
    state = memory.initial_state(mind.model, 1)
    step = jax.jit(partial(memory.step, mind.params, mind.model))
    predicted = []
    for t in range(len(frames) - 1):
        state, (mixture, *_) = step(state, mu[t : t + 1], actions[t : t + 1])
        predicted.append((np.exp(mixture.logweight) * mixture.mean).sum(axis=-1)[0])
    assert np.abs(dreamt[1:] - decode(eyes, np.stack(predicted))).max() <= 0.51


def test_open_loop_sees_no_frame_after_its_start(stores):
    eyes, mind = models(stores)
    frames = stores.rollouts[0].read("frames", 1)
    actions = stores.rollouts[0].read("actions", 1)
    key = jax.random.key(0)
    dreamt = imagery.dream(eyes, mind, key, frames, actions, start=4)
    assert len(dreamt) == len(frames) - 5
    changed = frames.copy()
    changed[5:] = 0
    assert np.array_equal(
        dreamt, imagery.dream(eyes, mind, key, changed, actions, start=4)
    )
    changed[4] = 255
    other = imagery.dream(eyes, mind, key, changed, actions, start=4)
    assert not np.array_equal(dreamt, other)


def test_chunks_do_not_change_what_v_sees(stores):
    """More frames than one chunk holds, the last chunk filled up with zeros."""
    eyes, _ = models(stores)
    frames = np.random.default_rng(0).integers(0, 256, (103, 64, 64, 3)).astype("u1")
    mu, logvar = imagery.encode(eyes, frames)
    assert mu.shape == logvar.shape == (103, synthetic.LATENT)
    whole, _ = jax.jit(partial(vision.encode, model=eyes.model))(
        eyes.params, frames=frames
    )
    assert mu == pytest.approx(np.asarray(whole), rel=1e-4, abs=1e-4)


def test_traversal_moves_one_dimension_a_row(stores):
    eyes, _ = models(stores)
    mu = np.linspace(-1, 1, synthetic.LATENT).astype(np.float32)
    images = imagery.traversal(eyes, mu, np.array([5, 2]), count=3)
    assert images.shape == (2, 3, 64, 64, 3)
    for row, dimension in enumerate((5, 2)):
        for column, value in enumerate((-3, 0, 3)):
            z = mu.copy()
            z[dimension] = value
            assert np.array_equal(images[row, column], imagery.decode(eyes, z[None])[0])


def test_informative_dimensions_come_first():
    mu, logvar = np.zeros((50, 3)), np.zeros((50, 3))
    mu[:, 2] = np.linspace(-2, 2, 50)
    logvar[:, 0] = -1
    assert imagery.informative(mu, logvar).tolist() == [2, 0, 1]
