"""V's encoder on all cores is V's encoder."""

import jax
import numpy as np
import pytest
from support import commands

from worldmodels.models import vision
from worldmodels.stages import latents
from worldmodels.stores import networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.training.encoding import ParallelEncoder


@pytest.fixture(scope="module")
def encoded():
    """A small V, frames [40, 64, 64, 3], and what V makes of them in one batch."""
    model = vision.VAE(4, channels=(4, 4, 8, 8), decoder_channels=(8, 4, 4))
    params = vision.initial(jax.random.key(0), model)
    frames = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)
    expected = jax.jit(lambda x: vision.encode(params, model, x))(frames)
    return model, params, frames, expected


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_parts_on_all_cores_are_encoded_as_one_batch(encoded, count):
    model, params, frames, expected = encoded
    with ParallelEncoder(model, params) as encode:
        mu, logvar = encode(frames[:count])
    np.testing.assert_allclose(mu, expected[0][:count], atol=1e-6)
    np.testing.assert_allclose(logvar, expected[1][:count], atol=1e-6)


def test_episodes_are_encoded_part_by_part_to_their_ends(stores, tmp_path, monkeypatch):
    """The second episode's last part is shorter than the others, which are full."""
    monkeypatch.setattr(latents, "_FRAMES", 4)
    rollouts, out = stores.rollouts[0], tmp_path / "latents.zarr"
    files = ["--vision", stores.vision.path, "--rollouts", rollouts.path, "--out", out]
    commands.call("latents", *files)
    store, (model, params) = open_artifact(out), networks.load_vision(stores.vision)
    encode = jax.jit(lambda frames: vision.encode(params, model, frames))
    lengths = rollouts.read("length")
    assert lengths.tolist() == [12, 9, 12]
    for episode, length in enumerate(lengths):
        expected = encode(rollouts.read("frames", episode))
        for name, values in zip(("mu", "logvar"), expected, strict=True):
            found = store.read(name, episode)
            np.testing.assert_allclose(found[:length], values[:length], atol=2e-3)
            assert not found[length:].any()
