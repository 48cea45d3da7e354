"""What V and M see, as pictures: each is what the networks say, decoded."""

from functools import partial

import jax
import numpy as np
import pytest
from support import synthetic

from worldmodels.models import memory, vision
from worldmodels.pictures import imagery
from worldmodels.pictures.imagery import FittedMemory, FittedVision
from worldmodels.stores import networks


def models(stores) -> tuple[FittedVision, FittedMemory]:
    """V and M with larger weights: fresh ones decode all to one grey."""
    model, params = networks.load_vision(stores.vision)
    v = FittedVision(model, jax.tree.map(lambda x: 3 * x, params))
    return v, FittedMemory(*networks.load_memory(stores.memory))


def decode(v: FittedVision, z) -> np.ndarray:
    """V's images in [0, 255], before they are rounded."""
    apply = jax.jit(partial(vision.decode, model=v.model))
    return np.asarray(apply(v.params, z=z)) * 255


def test_dream_of_a_step_is_the_mixture_mean_after_the_step_before(stores):
    """M by hand, one step at a time: its picture of frame t knows frames up to t-1."""
    v, m = models(stores)
    frames = stores.rollouts[0].read("frames", 1)
    actions = stores.rollouts[0].read("actions", 1)
    seen, dreamt = imagery.one_step_ahead(v, m, frames, actions)
    mu, _ = imagery.encode(v, frames)
    assert np.ptp(seen) > 20
    assert np.abs(seen - decode(v, mu)).max() <= 0.51
    assert (dreamt[0] == 0).all()
    state = memory.initial_state(m.model, 1)
    step = jax.jit(partial(memory.step, m.params, m.model))
    predicted = []
    for t in range(len(frames) - 1):
        state, (mixture, *_) = step(state, mu[t : t + 1], actions[t : t + 1])
        predicted.append((np.exp(mixture.logweight) * mixture.mean).sum(axis=-1)[0])
    assert np.abs(dreamt[1:] - decode(v, np.stack(predicted))).max() <= 0.51


def test_open_loop_sees_no_frame_after_its_start(stores):
    v, m = models(stores)
    frames = stores.rollouts[0].read("frames", 1)
    actions = stores.rollouts[0].read("actions", 1)
    key = jax.random.key(0)
    dreamt = imagery.open_loop(v, m, key, frames, actions, start=4)
    assert len(dreamt) == len(frames) - 5
    changed = frames.copy()
    changed[5:] = 0
    assert np.array_equal(
        dreamt, imagery.open_loop(v, m, key, changed, actions, start=4)
    )
    changed[4] = 255
    other = imagery.open_loop(v, m, key, changed, actions, start=4)
    assert not np.array_equal(dreamt, other)


def test_chunks_do_not_change_what_v_sees(stores):
    """More frames than one chunk holds, the last chunk filled up with zeros."""
    v, _ = models(stores)
    frames = np.random.default_rng(0).integers(0, 256, (103, 64, 64, 3)).astype("u1")
    mu, logvar = imagery.encode(v, frames)
    assert mu.shape == logvar.shape == (103, synthetic.LATENT)
    whole, _ = jax.jit(partial(vision.encode, model=v.model))(v.params, frames=frames)
    assert mu == pytest.approx(np.asarray(whole), rel=1e-4, abs=1e-4)


def test_traversal_moves_one_dimension_a_row(stores):
    v, _ = models(stores)
    mu = np.linspace(-1, 1, synthetic.LATENT).astype(np.float32)
    images = imagery.traversal(v, mu, np.array([5, 2]), count=3)
    assert images.shape == (2, 3, 64, 64, 3)
    for row, dimension in enumerate((5, 2)):
        moved = np.tile(mu, (3, 1))
        moved[:, dimension] = -3, 0, 3
        assert np.array_equal(images[row], imagery.decode(v, moved))


def test_one_image_alone_is_what_it_is_among_others(stores):
    v, _ = models(stores)
    z = np.random.default_rng(4).normal(size=(3, synthetic.LATENT)).astype(np.float32)
    among = imagery.decode(v, z).astype(int)
    exact = decode(v, z)
    for n in range(3):
        (alone,) = imagery.decode(v, z[n : n + 1])
        apart = np.abs(alone - among[n])
        assert apart.max() <= 1
        between = np.abs(exact[n] % 1 - 0.5) < 1e-3
        assert not apart[~between].any()


def test_prediction_does_not_depend_on_chunks(stores):
    """M's state goes over from one chunk of steps to the next."""
    (_, m), steps = models(stores), 130
    rng = np.random.default_rng(0)
    mu = rng.normal(size=(steps, synthetic.LATENT)).astype(np.float32)
    actions = rng.uniform(0, 1, (steps, synthetic.ACTION)).astype(np.float32)
    found = imagery._predicted(m, mu, actions)
    state, given = memory.initial_state(m.model, 1), (mu[:, None], actions[:, None])
    observe = jax.jit(partial(memory.observe, m.params, m.model))
    _, (mixture, *_) = observe(state, *given)
    expected = (np.exp(mixture.logweight) * mixture.mean).sum(axis=-1)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_informative_dimensions_come_first():
    mu, logvar = np.zeros((50, 3)), np.zeros((50, 3))
    mu[:, 2] = np.linspace(-2, 2, 50)
    logvar[:, 0] = -1
    assert imagery.informative(mu, logvar).tolist() == [2, 0, 1]
