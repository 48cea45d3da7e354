"""V against numpy loops, scipy's densities, and the other form of its convolutions."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate, stats

from worldmodels.models import vision
from worldmodels.models.convolutions import CPU, PLAIN
from worldmodels.models.precision import MIXED
from worldmodels.training import loop

SMALL = vision.VAE(latent_size=4, channels=(3, 4, 5, 6), decoder_channels=(5, 4, 3))

# One program each: operation by operation, JAX would compile hundreds.
encode = jax.jit(vision.encode, static_argnums=1)
decode = jax.jit(vision.decode, static_argnums=1)
loss = jax.jit(vision.loss, static_argnames=("model", "kl_tolerance"))


def frames(count, seed=0):
    draw = np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3))
    return draw.astype(np.uint8)


def random_params(model, seed=1):
    """Parameters with biases that are not zero, so that a test can miss none."""
    params = vision.initial(jax.random.key(seed), model)
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: leaf + 0.05 * jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype),
        params,
    )


def convolve(x, kernel, bias):
    size = (len(x) - len(kernel)) // 2 + 1
    y = np.zeros((size, size, kernel.shape[-1]))
    for i, j in np.ndindex(size, size):
        patch = x[2 * i : 2 * i + len(kernel), 2 * j : 2 * j + len(kernel)]
        y[i, j] = np.tensordot(patch, kernel, 3)
    return y + bias


def convolve_transposed(x, kernel, bias):
    k = len(kernel)
    size = 2 * (len(x) - 1) + k
    y = np.zeros((size, size, kernel.shape[-1]))
    for i, j in np.ndindex(*x.shape[:2]):
        # What x[i, j] adds around (2 i, 2 j); flax stores the kernel turned around.
        y[2 * i : 2 * i + k, 2 * j : 2 * j + k] += np.einsum(
            "abio,i->abo", kernel[::-1, ::-1], x[i, j]
        )
    return y + bias


@pytest.mark.parametrize(("latent_size", "count"), [(32, 4_348_547), (64, 4_446_915)])
def test_parameter_count_is_the_papers(latent_size, count):
    model = vision.VAE(latent_size=latent_size)
    params = jax.eval_shape(lambda: vision.initial(jax.random.key(0), model))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_initial_kernels_are_glorot_uniform_and_biases_zero():
    params = vision.initial(jax.random.key(0), vision.VAE())
    kernel = np.asarray(params["encoder"]["conv_2"]["kernel"])
    limit = np.sqrt(6 / (4 * 4 * (64 + 128)))
    fit = stats.kstest(kernel.ravel(), stats.uniform(-limit, 2 * limit).cdf)
    assert fit.pvalue > 1e-3
    assert not any(
        np.any(leaf) for leaf in jax.tree.leaves(params) if np.ndim(leaf) == 1
    )
    other = params["encoder"]["conv_1"]["kernel"].ravel()
    assert abs(np.corrcoef(kernel.ravel()[: other.size], other)[0, 1]) < 0.05


def test_initial_is_decided_by_its_key():
    first, again, other = (
        vision.initial(jax.random.key(seed), SMALL)["encoder"]["mu"]["kernel"]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


def test_encoder_equals_a_numpy_loop():
    params = random_params(SMALL)
    batch = frames(2)
    mu, logvar = encode(params, SMALL, batch)
    p = jax.tree.map(np.asarray, params)["encoder"]
    for n in range(len(batch)):
        x = batch[n] / 255
        for i in range(4):
            layer = p[f"conv_{i}"]
            x = np.maximum(convolve(x, layer["kernel"], layer["bias"]), 0)
        assert x.shape == (2, 2, 6)
        for name, value in (("mu", mu), ("logvar", logvar)):
            expected = x.ravel() @ p[name]["kernel"] + p[name]["bias"]
            np.testing.assert_allclose(value[n], expected, rtol=1e-4, atol=1e-5)


def test_decoder_equals_a_numpy_loop():
    params = random_params(SMALL)
    z = np.random.default_rng(2).normal(size=(2, 4)).astype(np.float32)
    images = decode(params, SMALL, z)
    p = jax.tree.map(np.asarray, params)["decoder"]
    for n in range(len(z)):
        x = (z[n] @ p["dense"]["kernel"] + p["dense"]["bias"])[None, None]
        for i in range(4):
            layer = p[f"deconv_{i}"]
            x = np.maximum(x, 0) if i else x
            x = convolve_transposed(x, layer["kernel"], layer["bias"])
        np.testing.assert_allclose(
            images[n], 1 / (1 + np.exp(-x)), rtol=1e-4, atol=1e-5
        )


def test_larger_frames_go_through_the_same_layers():
    """48 + 16 s pixels from a first image of s x s: here 80 from 2 x 2."""
    model = dataclasses.replace(SMALL, frame_size=80)
    params = random_params(model)
    batch = np.random.default_rng(0).integers(0, 256, (1, 80, 80, 3), np.uint8)
    p = jax.tree.map(np.asarray, params)
    x = batch[0] / 255
    for i in range(4):
        layer = p["encoder"][f"conv_{i}"]
        x = np.maximum(convolve(x, layer["kernel"], layer["bias"]), 0)
    expected = x.ravel() @ p["encoder"]["mu"]["kernel"] + p["encoder"]["mu"]["bias"]
    mu, _ = jax.jit(partial(vision.encode, model=model))(params, frames=batch)
    np.testing.assert_allclose(mu[0], expected, rtol=1e-4, atol=1e-5)
    dense = p["decoder"]["dense"]
    x = (np.asarray(mu[0]) @ dense["kernel"] + dense["bias"]).reshape(2, 2, 1024)
    for i in range(4):
        layer = p["decoder"][f"deconv_{i}"]
        x = np.maximum(x, 0) if i else x
        x = convolve_transposed(x, layer["kernel"], layer["bias"])
    (image,) = jax.jit(partial(vision.decode, model=model))(params, z=mu)
    assert image.shape == (80, 80, 3)
    np.testing.assert_allclose(image, 1 / (1 + np.exp(-x)), rtol=1e-4, atol=1e-5)


def value_and_gradients(model, params):
    def scalar(params):
        key = jax.random.key(3)
        return vision.loss(params, frames(4), key, model=model, kl_tolerance=0.1)[0]

    return jax.jit(jax.value_and_grad(scalar))(params)


@pytest.mark.parametrize(
    ("model", "dtype", "tolerance"),
    [(vision.VAE(), "float32", 1e-5), (SMALL, "float64", 1e-12)],
)
def test_both_forms_give_one_loss_and_one_gradient(model, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        model = model.clone(dtype=jnp.dtype(dtype))
        params = random_params(model)
        plain, cpu = (
            value_and_gradients(model.clone(operations=operations), params)
            for operations in (PLAIN, CPU)
        )
    np.testing.assert_allclose(cpu[0], plain[0], rtol=tolerance)
    for ours, reference in zip(*map(jax.tree.leaves, (cpu[1], plain[1])), strict=True):
        assert ours.dtype == reference.dtype == dtype
        limit = tolerance * np.abs(reference).max()
        np.testing.assert_allclose(ours, reference, rtol=0, atol=limit)


@pytest.mark.slow
@pytest.mark.parametrize("form", [CPU, PLAIN], ids=["cpu", "plain"])
def test_mixed_precision_keeps_the_gradients_of_the_loss(form):
    """All together within 10 % of their norm, and each tensor within 20 %.

    Measured: 5 % and at most 12.4 %.
    """
    model = vision.VAE(channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16))
    params = random_params(model)
    exact = value_and_gradients(model.clone(operations=CPU), params)
    mixed = value_and_gradients(model.clone(operations=form, precision=MIXED), params)
    np.testing.assert_allclose(mixed[0], exact[0], rtol=1e-4)
    ours, references = (
        [np.ravel(leaf) for leaf in jax.tree.leaves(gradients)]
        for gradients in (mixed[1], exact[1])
    )
    for gradient, reference in zip(ours, references, strict=True):
        error = np.linalg.norm(gradient - reference)
        assert 0 < error < 0.2 * np.linalg.norm(reference)
    difference = np.concatenate(ours) - np.concatenate(references)
    assert np.linalg.norm(difference) < 0.1 * np.linalg.norm(np.concatenate(references))


@pytest.mark.parametrize("count", [1, 70])
def test_encoding_in_chunks_is_encoding(count):
    params = random_params(SMALL)
    batch = frames(count)
    results = [
        encode(params, SMALL.clone(operations=operations), batch)
        for operations in (PLAIN, CPU)
    ]
    for ours, reference in zip(*results, strict=True):
        assert ours.shape == (count, 4)
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)


def test_kl_is_the_integral_of_the_density_ratio():
    mu, logvar = np.array([0.7, -1.2]), np.array([-0.9, 0.4])
    expected = 0.0
    for m, s in zip(mu, np.exp(logvar / 2), strict=True):
        q, prior = stats.norm(m, s), stats.norm(0, 1)
        expected += integrate.quad(
            lambda x, q=q, prior=prior: q.pdf(x) * (q.logpdf(x) - prior.logpdf(x)),
            m - 12 * s,
            m + 12 * s,
        )[0]
    np.testing.assert_allclose(vision.kl_divergence(mu, logvar), expected, rtol=1e-5)


def test_sample_has_the_posteriors_moments():
    # logvar = log 4: a standard deviation of 2, where a std of exp(logvar) would be 4.
    shape = (20_000, 2)
    mu = jnp.broadcast_to(jnp.array([1.0, -3.0]), shape)
    logvar = jnp.broadcast_to(jnp.log(jnp.array([4.0, 0.25])), shape)
    z = np.asarray(vision.sample(jax.random.key(0), mu, logvar))
    for i, (m, s) in enumerate([(1.0, 2.0), (-3.0, 0.5)]):
        assert stats.kstest(z[:, i], stats.norm(m, s).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.03


@pytest.mark.parametrize("kl_tolerance", [0.0, 0.5, 50.0])
def test_loss_reduces_as_the_original(kl_tolerance):
    params = random_params(SMALL)
    batch, key = frames(3), jax.random.key(5)
    total, metrics = loss(params, batch, key, model=SMALL, kl_tolerance=kl_tolerance)
    mu, logvar = map(np.asarray, encode(params, SMALL, batch))
    z = vision.sample(key, jnp.asarray(mu), jnp.asarray(logvar))
    images = np.asarray(decode(params, SMALL, z), np.float64)
    recon, kl = 0.0, 0.0
    for n in range(3):
        recon += np.sum((batch[n] / 255 - images[n]) ** 2) / 3
        nats = -0.5 * np.sum(1 + logvar[n] - mu[n] ** 2 - np.exp(logvar[n]))
        kl += max(nats, kl_tolerance * 4) / 3
    np.testing.assert_allclose(metrics["recon"], recon, rtol=1e-5)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(total, recon + kl, rtol=1e-5)
    assert total == metrics["loss"]


def test_the_floor_holds_for_one_image_not_for_the_mean():
    """Two images with KL 0 and w, floor w / 2: the mean is (w / 2 + w) / 2."""
    params = jax.tree.map(jnp.zeros_like, random_params(SMALL))
    params["encoder"]["mu"]["kernel"] = jnp.full((24, 4), 0.1)
    params["encoder"]["conv_3"]["kernel"] = jnp.full((4, 4, 5, 6), 0.01)
    for i in range(3):
        kernel = params["encoder"][f"conv_{i}"]["kernel"]
        params["encoder"][f"conv_{i}"]["kernel"] = jnp.full_like(kernel, 0.03)
    batch = np.stack([np.zeros((64, 64, 3)), np.full((64, 64, 3), 255)]).astype(
        np.uint8
    )
    mu, logvar = encode(params, SMALL, batch)
    black, white = np.asarray(vision.kl_divergence(mu, logvar))
    assert black == 0
    assert white > 0
    floor = white / 2
    _, metrics = loss(
        params, batch, jax.random.key(0), model=SMALL, kl_tolerance=float(floor / 4)
    )
    np.testing.assert_allclose(metrics["kl"], (floor + white) / 2, rtol=1e-5)


def test_training_lowers_the_loss():
    optimizer = optax.adam(3e-3)
    cost = partial(vision.loss, model=SMALL, kl_tolerance=0.5)
    update = loop.updates(loop.separate(cost), optimizer)
    state = loop.initial(vision.initial(jax.random.key(0), SMALL), optimizer)
    batches = np.broadcast_to(np.uint8(220), (30, 4, 64, 64, 3))
    _, metrics = update(state, batches, jax.random.key(1))
    assert metrics["recon"][-1] < 0.5 * metrics["recon"][0]


def test_dtype_reaches_every_layer():
    with jax.enable_x64(True):
        model = SMALL.clone(dtype=jnp.float64)
        key = jax.random.key(0)
        params = jax.eval_shape(lambda: vision.initial(key, model))
        gradient = jax.grad(vision.loss, has_aux=True)
        gradient = partial(gradient, model=model, kl_tolerance=0.5)
        results = jax.eval_shape(gradient, params, frames(2), key)
    for leaf in jax.tree.leaves((params, results)):
        assert leaf.dtype == np.float64
