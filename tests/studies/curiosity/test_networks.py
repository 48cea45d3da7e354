"""Networks: patches beside convolutions in numpy, and the paper's sizes."""

from functools import partial

import jax
import numpy as np

from worldmodels.studies.curiosity import networks
from worldmodels.studies.curiosity.networks import Body

RNG = np.random.default_rng(0)


def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def test_patches_are_convolutions_whose_windows_do_not_overlap():
    body = Body("patches", (16, 16), 2, 5, (3, 4))
    params = networks.initial(RNG, networks.layers(body), "float32")
    pictures = RNG.normal(size=(2, 2, 16, 16)).astype(np.float32)  # [B, stack, H, W]
    seen = np.concatenate(
        [networks.arranged("patches", pictures[:, n]) for n in range(2)], axis=-1
    )
    found = jax.jit(lambda p, x: networks.features(p, body, x))(params, seen)

    def patch(b, row, column):
        part = pictures[b, :, row : row + 4, column : column + 4].reshape(-1)
        return leaky(part @ params["small"]["kernel"])

    for b in range(2):
        large = []
        for row in (0, 8):
            for column in (0, 8):
                four = [patch(b, row + i, column + j) for i in (0, 4) for j in (0, 4)]
                large.append(leaky(np.concatenate(four) @ params["large"]["kernel"]))
        whole = leaky(np.concatenate(large) @ params["features"]["kernel"])
        np.testing.assert_allclose(found[b], whole, rtol=1e-4, atol=1e-4)


def test_pictures_in_pieces_give_what_all_at_once_do(monkeypatch):
    """Features and gradients, also where the last piece is smaller."""
    body = Body("patches", (4, 16), 2, 5, (3, 4))
    params = networks.initial(RNG, networks.layers(body), "float32")
    seen = RNG.integers(0, 256, (7, 4, 32)).astype(np.uint8)

    def run(pieces):
        def total(params, seen):
            found = networks.features(params, body, seen, lambda x: x / 255)
            return (found**2).sum(), found

        monkeypatch.setattr(networks, "_PIECE", pieces * 4 * 32)
        return jax.jit(jax.grad(total, has_aux=True))(params, seen)

    whole = run(7)
    for parts in (run(3), run(1)):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), parts, whole)


def test_the_papers_body_has_its_sizes():
    shapes = networks.layers(Body("convolutions", (84, 84, 1), 4, 512))
    assert shapes == {
        "convolution0": (8, 8, 4, 32),
        "convolution1": (4, 4, 32, 64),
        "convolution2": (3, 3, 64, 64),
        "features": (7 * 7 * 64, 512),
    }
    body = Body("convolutions", (84, 84, 1), 1, 8)
    layers = networks.layers(body)
    params = networks.initial(RNG, layers, "float32")
    frame = np.zeros((1, 84, 84, 1), np.float32)
    out = jax.eval_shape(lambda p, x: networks.features(p, body, x), params, frame)
    assert out.shape == (1, 8)


def test_weights_are_orthogonal():
    kernel = networks.layer(RNG, (6, 3), 2.0, "float32")["kernel"]
    np.testing.assert_allclose(kernel.T @ kernel, 4 * np.eye(3), atol=1e-5)
