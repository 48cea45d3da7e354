"""Both forms of V's convolutions, beside each other and beside flax's layers."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models import convolutions
from worldmodels.models.convolutions import CPU, PLAIN
from worldmodels.models.precision import FLOAT32, MIXED, narrow


def channels_last(operations, name, precision=FLOAT32):
    """The form's operation, on images [B, H, W, C]."""

    def operation(x, kernel):
        y = getattr(operations, name)(operations.arrange(x), kernel, precision)
        return operations.restore(y)

    return operation


@partial(jax.jit, static_argnums=0)
def with_gradients(operation, x, kernel):
    """Return y, and the gradients of sum(sin(y)) with respect to both."""
    y, pullback = jax.vjp(operation, x, kernel)
    return y, *pullback(jnp.cos(y))


def slow(size):
    return pytest.param(size, marks=pytest.mark.slow)


@pytest.mark.parametrize("size", [slow((4, 4)), slow((5, 5)), (4, 7), slow((6, 1))])
@pytest.mark.parametrize("kernel_size", [3, 4, 5, 6])
def test_both_forms_agree_for_any_size(size, kernel_size):
    rng = np.random.default_rng(0)
    shape = (2, size[0] + kernel_size, size[1] + kernel_size, 2)
    x = rng.normal(size=shape).astype(np.float32)
    kernel = rng.normal(size=(kernel_size, kernel_size, 2, 3)).astype(np.float32)
    for name in ("convolution", "transposed_convolution", "unstrided"):
        results = []
        for operations in (PLAIN, CPU):
            operation = channels_last(operations, name)
            results.append(with_gradients(operation, x, kernel))
        for ours, reference in zip(*results, strict=True):
            np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize("name", ["convolution", "transposed_convolution"])
@pytest.mark.parametrize("form", [CPU, PLAIN], ids=["cpu", "plain"])
def test_mixed_precision_rounds_the_factors_and_nothing_else(form, name, size):
    """So does float32 when it is given factors that bfloat16 can hold."""
    size += 5 if name == "convolution" else 0
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, size, size, 3)).astype(np.float32)
    kernel = rng.normal(size=(4, 4, 3, 5)).astype(np.float32)

    @partial(jax.jit, static_argnums=0)
    def results(precision, x, kernel, dy):
        y, pullback = jax.vjp(channels_last(form, name, precision), x, kernel)
        return y, *pullback(dy)

    def rounded(x):
        return narrow(jnp.asarray(x)).astype(np.float32)

    y = channels_last(PLAIN, name)(x, kernel)
    dy = rng.normal(size=y.shape).astype(np.float32)
    mixed = results(MIXED, x, kernel, dy)
    expected = results(FLOAT32, *map(rounded, (x, kernel, dy)))
    # The plain form's gradients are rounded once more, to 8 bits.
    for ours, reference, bits in zip(mixed, expected, (22, 8, 8), strict=True):
        assert ours.dtype == np.float32
        limit = 2.0 ** -(bits if form is PLAIN else 22) * np.abs(reference).max()
        np.testing.assert_allclose(ours, reference, rtol=0, atol=4 * limit)
    assert np.abs(mixed[0] - y).max() > 1e-4 * np.abs(y).max()


@pytest.mark.parametrize("kernel_size", [3, 4, 5])
@pytest.mark.parametrize(
    ("size", "channels", "features"),
    [(8, 4, 8), (13, 3, 8), (14, 12, 40), (13, 24, 40)],
    ids=["small image", "small kernel", "few channels", "many channels"],
)
def test_seeing_without_learning_agrees_too(size, kernel_size, channels, features):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, size, size, channels)).astype(np.float32)
    kernel = rng.normal(size=(kernel_size, kernel_size, channels, features))
    kernel = kernel.astype(np.float32)
    ours, reference = (
        jax.jit(channels_last(form, "convolution"))(x, kernel) for form in (CPU, PLAIN)
    )
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_pixel_breaks_what_is_seen(broken):
    x = np.zeros((2, 13, 13, 3), np.float32)
    x[0, 0, 0, 0] = broken  # the pixel that the first layer's stop looks at
    x[1, 12, 12] = 1
    kernel = np.ones((3, 3, 3, 8), np.float32)
    ours, reference = (
        jax.jit(channels_last(form, "convolution"))(x, kernel) for form in (CPU, PLAIN)
    )
    np.testing.assert_array_equal(ours, reference)
    assert not np.isfinite(ours[0, 0, 0]).any()


@pytest.mark.parametrize("size", [(1, 3), (2, 1)], ids=str)
def test_a_line_of_pixels_is_enlarged_as_any_image(size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, 2)).astype(np.float32)
    kernel = rng.normal(size=(4, 4, 2, 3)).astype(np.float32)
    ours, reference = (
        channels_last(form, "transposed_convolution")(x, kernel)
        for form in (CPU, PLAIN)
    )
    np.testing.assert_allclose(ours, reference, rtol=1e-5, atol=1e-5)


def test_plain_forms_are_flaxs_layers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 9, 3)).astype(np.float32)
    kernel = rng.normal(size=(5, 5, 3, 2)).astype(np.float32)
    for layer, stride, name in (
        (nn.Conv, 2, "convolution"),
        (nn.ConvTranspose, 2, "transposed_convolution"),
        (nn.Conv, 1, "unstrided"),
    ):
        layer = layer(2, (5, 5), (stride, stride), "VALID", use_bias=False)
        expected = layer.apply({"params": {"kernel": kernel}}, x)
        ours = channels_last(PLAIN, name)(x, kernel)
        np.testing.assert_array_equal(ours, expected)


def test_the_form_is_chosen_by_platform():
    assert convolutions.for_platform("cpu") is CPU
    assert convolutions.for_platform("gpu") is PLAIN
