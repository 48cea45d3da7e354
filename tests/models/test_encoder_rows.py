"""V's encoder by rows of products, beside flax's own convolutions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models import encoder_rows, vision
from worldmodels.models.convolutions import CPU, PLAIN
from worldmodels.models.precision import MIXED

CHANNELS = (3, 4, 5, 6)


encode = jax.jit(vision.encode, static_argnums=1)


def made(side):
    """Return a small V for frames of this side, and parameters with biases."""
    model = vision.VAE(
        latent_size=4,
        channels=CHANNELS,
        decoder_channels=(2, 2, 2),
        frame_size=side,
        operations=CPU,
    )
    params = vision.initial(jax.random.key(0), model)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [
        leaf + 0.1 * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return model, jax.tree.unflatten(structure, drawn)


def pixels(batch, side):
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (batch, side, side, 3), np.uint8)


def by_flax(encoder, frames, rounded=lambda x: x):
    """Return mu and logvar by flax's layers, `rounded` each factor of a product."""
    x = frames.astype(np.float32) / 255
    for i, features in enumerate(CHANNELS):
        layer = nn.Conv(features, (4, 4), (2, 2), "VALID", use_bias=False)
        kernel = {"kernel": rounded(encoder[f"conv_{i}"]["kernel"])}
        y = layer.apply({"params": kernel}, rounded(x))
        x = nn.relu(y + encoder[f"conv_{i}"]["bias"])
    x = rounded(x.reshape(len(x), -1))
    return [
        x @ rounded(encoder[n]["kernel"]) + encoder[n]["bias"] for n in ("mu", "logvar")
    ]


OTHERS = [(64, 5), (96, 3)]


# 80 pixels end in an image of 3 x 3, whose rows are no pairs.
@pytest.mark.parametrize(
    ("side", "batch"),
    [(64, 1), (80, 2), *(pytest.param(*x, marks=pytest.mark.slow) for x in OTHERS)],
)
def test_rows_of_products_are_the_convolutions(side, batch):
    model, params = made(side)
    frames = pixels(batch, side)
    ready = vision.prepared(params, model)
    assert isinstance(ready, encoder_rows.Weights)
    found = encode(ready, model, frames)
    for ours, expected in zip(
        found, jax.jit(by_flax)(params["encoder"], frames), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_mixed_precision_rounds_the_factors_and_nothing_else():
    def rounded(x):
        return jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32)

    model, params = made(64)
    frames = pixels(5, 64)
    found = vision.encode(params, model.clone(precision=MIXED), frames)
    full = by_flax(params["encoder"], frames)
    expected = by_flax(params["encoder"], frames, rounded)
    for ours, mixed, exact in zip(found, expected, full, strict=True):
        np.testing.assert_allclose(ours, mixed, rtol=1e-3, atol=1e-3)
        assert np.abs(ours - exact).max() > 3 * np.abs(ours - mixed).max()


def test_what_is_prepared_sees_as_the_parameters_do():
    model, params = made(64)
    frames = pixels(3, 64)
    both = [
        vision.encode(p, model, frames)
        for p in (params, vision.prepared(params, model))
    ]
    for ours, other in zip(*both, strict=True):
        np.testing.assert_array_equal(ours, other)


def test_float64_keeps_its_digits():
    model, params = made(64)
    frames = pixels(2, 64)
    with jax.enable_x64(True):
        model = model.clone(dtype=jnp.float64)
        params = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
        found = vision.encode(params, model, frames)
        expected = vision.encode(params, model.clone(operations=PLAIN), frames)
    for ours, reference in zip(found, expected, strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, reference, rtol=1e-11, atol=1e-13)
