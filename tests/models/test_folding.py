"""V's folded decoder: the images of the plain one, byte for byte."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models import folding, vision
from worldmodels.models.convolutions import CPU, PLAIN

DEFAULT = vision.VAE(channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16))
SMALL = vision.VAE(latent_size=4, channels=(3, 4, 5, 6), decoder_channels=(5, 4, 3))


def random_params(model, dtype=np.float32):
    """Parameters whose images have all shades, with biases that are not zero."""
    params = vision.initial(jax.random.key(1), model)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda x: (2 * x + rng.normal(scale=0.05, size=x.shape)).astype(dtype), params
    )


def images(decode, *given):
    return np.asarray(jax.jit(decode)(*given))


@pytest.mark.parametrize("frame_size", [64, 96])
@pytest.mark.parametrize("sizes", [DEFAULT, vision.VAE()], ids=["default", "paper"])
def test_folded_images_are_those_of_the_plain_decoder(sizes, frame_size):
    """Every byte is the same, but where the exact shade lies between two of them."""
    model = sizes.clone(frame_size=frame_size)
    params = random_params(model)
    z = np.random.default_rng(2).normal(size=(1, model.latent_size))
    z = z.astype(np.float32)
    decoder = folding.fold(params, model)
    folded = images(lambda d, z: folding.decode(d, model, z), decoder, z)
    plain = images(lambda p, z: vision.decode(p, model, z), params, z)
    assert folded.shape == (1, frame_size, frame_size, 3)
    assert np.ptp(plain) > 0.9
    between = np.abs(255 * plain % 1 - 0.5) < 1e-3
    assert between.mean() < 0.01
    same = np.round(255 * folded) == np.round(255 * plain)
    assert same[~between].all()


@pytest.mark.parametrize("operations", [CPU, PLAIN], ids=["CPU", "plain"])
@pytest.mark.parametrize("frame_size", [64, 80])
def test_folding_is_exact_but_for_rounding(operations, frame_size):
    with jax.enable_x64(True):
        model = SMALL.clone(
            dtype=jnp.float64, operations=operations, frame_size=frame_size
        )
        params = random_params(model, np.float64)
        z = np.random.default_rng(3).normal(size=(3, 4))
        decoder = folding.fold(params, model)
        folded = images(lambda d, z: folding.decode(d, model, z), decoder, z)
        plain = images(lambda p, z: vision.decode(p, model, z), params, z)
    assert folded.dtype == np.float64
    np.testing.assert_allclose(folded, plain, rtol=0, atol=1e-13)
