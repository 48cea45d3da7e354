"""Both networks: sizes, the ways of the labels, and what enlarging kernels draw."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.presets import preset

from worldmodels.models.convolutions import CPU, PLAIN
from worldmodels.studies.conditional_gan import networks
from worldmodels.studies.conditional_gan.networks import Shapes
from worldmodels.studies.conditional_gan.settings import Network
from worldmodels.studies.conditional_gan.steps import STUDY

SMALL = {"latent_size": 3, "generator": [4, 5, 6], "discriminator": [3, 5]}
SIZE = 12, 10  # odd at the coarsest


generate = jax.jit(networks.generate, static_argnums=1)
discriminate = jax.jit(networks.discriminate, static_argnums=1)


def shapes(form=PLAIN, size=SIZE, **changes) -> Shapes:
    return Shapes(Network(**SMALL | changes), *size, 2, operations=form)


def drawn_weights(known: Shapes, seed: int = 0) -> dict:
    """Weights, gains and biases that all matter."""
    params = networks.initial(known, np.random.default_rng(seed))
    for name, own in params.items():
        rng = np.random.default_rng([seed, len(name)])
        for layer in own.values():
            for leaf, x in layer.items():
                drawn = rng.normal(size=x.shape, scale=0.5)
                layer[leaf] = (drawn + (leaf == "gain")).astype(x.dtype)
    return params


def given(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(count, 3)).astype(np.float32)
    return z, rng.integers(0, 2, (count, 2)).astype(np.float32)


def painted(known: Shapes, params, z, labels, statistics=None) -> np.ndarray:
    images, _ = generate(params["generator"], known, z, labels, statistics)
    return np.asarray(known.form.restore(images))


def scored(known: Shapes, params, images, labels, key=None) -> np.ndarray:
    x = known.form.arrange(jnp.asarray(images))
    return np.asarray(discriminate(params["discriminator"], known, x, labels, key))


def test_the_seeds_network_has_its_numbers_of_weights():
    settings = STUDY.load(preset("conditional_gan_celeba").studies["conditional_gan"])
    known = Shapes(settings.network, *settings.data.size, 5)
    assert known.sizes == [(64, 52), (32, 26), (16, 13), (8, 7)]
    counts = [
        sum(np.prod(shape) for layer in layers.values() for shape in layer.values())
        for layers in (
            networks.generator_shapes(known),
            networks.discriminator_shapes(known),
        )
    ]
    assert counts == [6_654_979, 5_891_590]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"labels": "concat"}, marks=pytest.mark.slow),
        pytest.param(
            {"upsampling": "free", "full_size": 4, "layers_3x3": True},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"labels": "concat", "norm_per_unit": True, "full_size": 4},
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_both_forms_draw_and_judge_alike(changes):
    results = []
    for form in (PLAIN, CPU):
        known = shapes(form, **changes)
        params, (z, labels) = drawn_weights(known), given()
        images = painted(known, params, z, labels)
        results.append((images, scored(known, params, images, labels)))
    (images, scores), (other_images, other_scores) = results
    assert images.shape == (3, *SIZE, 3)
    assert scores.shape == (3,)
    np.testing.assert_allclose(other_images, images, atol=1e-4)
    np.testing.assert_allclose(other_scores, scores, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("labels", ["concat", "projection"])
def test_labels_change_what_is_drawn_and_how_it_is_judged(labels):
    known = shapes(labels=labels)
    params, (z, y) = drawn_weights(known), given()
    images = painted(known, params, z, y)
    assert np.abs(painted(known, params, z, 1 - y) - images).max() > 0.01
    change = scored(known, params, images, 1 - y) - scored(known, params, images, y)
    assert np.abs(change).max() > 0.01


def test_a_projected_score_is_linear_in_the_labels_and_in_the_summed_features():
    """w f + y E f: scores of labels e_1, e_2 and 0 tell E f by their differences."""
    known = shapes()
    params = drawn_weights(known)
    images = painted(known, params, *given())
    zero, one, other = (
        scored(known, params, images, np.tile(y, (3, 1)).astype(np.float32))
        for y in ([0, 0], [1, 0], [0, 1])
    )
    both = scored(known, params, images, np.ones((3, 2), np.float32))
    np.testing.assert_allclose(both - zero, (one - zero) + (other - zero), rtol=1e-3)
    # The features of one picture, by the gradient of its score by E.
    gradient = jax.grad(
        lambda own: discriminate(
            own, known, jnp.asarray(images), np.float32([[1, 0]] * 3)
        )[0]
    )(params["discriminator"])
    features = np.asarray(gradient["labels"]["kernel"][0])
    own = params["discriminator"]["score"]
    expected = features @ own["kernel"][:, 0] + own["bias"][0]
    np.testing.assert_allclose(zero[0], expected, rtol=1e-3)


def test_batch_norms_follow_the_labels():
    """Against numpy: (x - mean) / sqrt(var + 2e-5) (g + y W) + b + y V, by picture."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, (4, 5, 2, 6)), rng.integers(0, 2, (4, 3)).astype(float)
    sizes = {"gain": (6,), "bias": (6,), "label_gain": (3, 6), "label_bias": (3, 6)}
    own = {name: rng.normal(size=size) for name, size in sizes.items()}
    found, (mean, variance) = networks._norm(own, PLAIN, jnp.asarray(x), y, None)
    expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 2e-5)
    gain, bias = (
        own["gain"] + y @ own["label_gain"],
        own["bias"] + y @ own["label_bias"],
    )
    expected = expected * gain[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(mean, x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), rtol=1e-4)


def test_with_statistics_a_picture_depends_on_nothing_beside_it():
    known = shapes()
    params, (z, labels) = drawn_weights(known), given()
    own = params["generator"]
    _, statistics = generate(own, known, z, labels)
    others = np.concatenate([z[:1], 2 * z[1:]])
    paint = jax.jit(networks.paint, static_argnums=1)
    one, other = (paint((own, statistics), known, x, labels) for x in (z, others))
    np.testing.assert_allclose(other[0], one[0], atol=1e-5)
    assert np.abs(other[1] - one[1]).max() > 1e-3
    # Of the statistics of its own batch, each depends on all.
    one, other = (painted(known, params, x, labels) for x in (z, others))
    assert np.abs(other[0] - one[0]).max() > 1e-3


def test_a_norm_per_unit_is_one_of_units_and_not_of_channels():
    whole, each = shapes(), shapes(norm_per_unit=True)
    channels, (height, width) = 6, whole.sizes[-1]
    sizes = [networks.generator_shapes(known)["dense_norm"] for known in (whole, each)]
    assert sizes[0]["gain"] == (channels,)
    assert sizes[1]["gain"] == (height * width * channels,)


def test_a_smooth_kernel_is_one_of_3x3_on_doubled_pixels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 3, 2)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 2, 5)).astype(np.float32)
    wide = networks.doubled_kernel(kernel)
    ours = PLAIN.transposed_convolution(x, wide, "float32")[:, 1:-1, 1:-1]
    doubled = x.repeat(2, axis=1).repeat(2, axis=2)
    around = np.pad(doubled, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = PLAIN.unstrided(around, kernel, "float32")
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def checkers(images: np.ndarray) -> float:
    """How much neighbours of the inner part differ, where all should be alike."""
    inner = images[:, 2:-2, 2:-2]
    return float(np.abs(np.diff(inner, axis=1)).max())


def test_smooth_kernels_draw_no_checkers_on_a_plain_area():
    """The kernels of 4 x 4 do, with the same kind of weights."""
    x = np.full((1, 4, 4, 2), 0.7, np.float32)
    rng = np.random.default_rng(0)
    for upsampling, size in (("smooth", 3), ("free", 4)):
        known = shapes(size=(8, 8), upsampling=upsampling)
        kernel = rng.normal(size=(size, size, 2, 3)).astype(np.float32)
        layer = {"kernel": kernel, "bias": np.zeros(3, np.float32)}
        found = checkers(np.asarray(networks._doubled(layer, known, x, 0)))
        assert found < 1e-5 if upsampling == "smooth" else found > 0.1


def test_the_discriminator_sees_checkers():
    """An average of four pixels before all else would not."""
    known = shapes(size=(8, 8))
    plain = np.zeros((1, 8, 8, 3), np.float32)
    board = plain + 0.5 * (-1.0) ** np.add.outer(range(8), range(8))[..., None]
    score = partial(scored, known, drawn_weights(known), labels=np.zeros((1, 2)))
    assert abs(score(images=board) - score(images=plain)) > 0.05


@pytest.mark.parametrize("form", [PLAIN, CPU], ids=["plain", "cpu"])
def test_the_spread_of_a_batch_is_its_mean_deviation(form):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4, 3, 5)) * np.repeat([1, 3], 3)[:, None, None, None]
    spread = jax.jit(networks._spread, static_argnums=(0, 2))
    found = spread(form, form.arrange(jnp.asarray(x)), 2)
    expected = [part.std(axis=0).mean() for part in (x[:3], x[3:])]
    np.testing.assert_allclose(found[:, 0], np.repeat(expected, 3), rtol=1e-4)
    alike = jnp.ones((3, 2, 2, 1))
    slope = jax.jit(jax.grad(lambda x: spread(PLAIN, x, 1).sum()))(alike)
    assert np.isfinite(slope).all()


def test_features_are_dropped_and_the_score_is_not():
    known = shapes(dropout=0.9)
    params, (z, labels) = drawn_weights(known), given()
    images = painted(shapes(), params, z, labels)
    params["discriminator"]["score"]["bias"][:] = 100
    key = jax.random.key(0)
    found = scored(known, params, images, labels, key)
    assert (found != 0).all()  # a dropped score would be 0
    assert np.abs(found - scored(known, params, images, labels)).max() > 0.1
    without = shapes()
    np.testing.assert_array_equal(
        scored(without, params, images, labels, key),
        scored(without, params, images, labels),
    )


def test_noise_is_on_the_discriminators_pictures_alone():
    known = shapes(input_noise=0.5)
    params, (z, labels) = drawn_weights(known), given()
    images = painted(known, params, z, labels)
    found = [scored(known, params, images, labels, jax.random.key(n)) for n in (0, 1)]
    assert np.abs(found[0] - found[1]).max() > 1e-3
    np.testing.assert_array_equal(images, painted(shapes(), params, z, labels))


def test_first_weights_are_cut_at_two_deviations():
    known = shapes(generator=[40, 40, 40])
    params = networks.initial(known, np.random.default_rng(0))
    kernel = params["generator"]["up_0"]["kernel"]
    assert np.abs(kernel).max() <= 0.04
    # The deviation of a normal number that is cut at two: 0.880 of its own.
    np.testing.assert_allclose(kernel.std(), 0.880 * 0.02, rtol=0.03)
    assert (params["generator"]["up_0_norm"]["gain"] == 1).all()
    assert (params["generator"]["up_0_norm"]["label_gain"] == 0).all()
