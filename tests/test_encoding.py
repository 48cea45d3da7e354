"""V's encoder on all cores is V's encoder."""

import jax
import numpy as np
import pytest

from worldmodels import vision
from worldmodels.encoding import Encoder


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_parts_on_all_cores_are_encoded_as_one_batch(key, count):
    model = vision.VAE(4, channels=(4, 4, 8, 8), decoder_channels=(8, 4, 4))
    params = vision.initial(key, model)
    frames = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    with Encoder(model, params) as encode:
        mu, logvar = encode(frames)
    expected = jax.jit(lambda x: vision.encode(params, model, x))(frames)
    np.testing.assert_allclose(mu, expected[0], atol=1e-6)
    np.testing.assert_allclose(logvar, expected[1], atol=1e-6)
