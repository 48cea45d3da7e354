"""The updates of both networks against two plain gradients, one after the other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from worldmodels.models.convolutions import PLAIN
from worldmodels.studies.conditional_gan import learning, networks, spectral
from worldmodels.studies.conditional_gan.losses import LOSSES
from worldmodels.studies.conditional_gan.networks import Shapes
from worldmodels.studies.conditional_gan.settings import Learning, Network

SMALL = {"latent_size": 3, "generator": [2, 3], "discriminator": [3]}


def shapes(dtype: str = "float32", **changes) -> Shapes:
    return Shapes(Network(**SMALL | changes), 6, 4, 2, dtype, PLAIN)


def begun(known: Shapes, sizes: Learning, scale: float = 20.0):
    """The first state, with weights that are not near 0."""
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: scale * x, networks.initial(known, rng))
    vectors = spectral.initial(params["discriminator"], rng)
    return learning.initial(params, vectors, sizes)


def minibatches(count: int, size: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "images": rng.integers(0, 256, (count, size, 6, 4, 3), dtype=np.uint8),
        "labels": rng.integers(0, 2, (count, size, 2), dtype=np.uint8),
    }


def adam(rate: float, grads, params):
    """The first update of Adam with momentum 0.5."""
    optimizer = optax.adam(rate, 0.5)
    changes, _ = optimizer.update(grads, optimizer.init(params))
    return optax.apply_updates(params, changes)


@pytest.mark.parametrize(
    "loss", ["hinge", pytest.param("cross_entropy", marks=pytest.mark.slow)]
)
def test_an_update_is_one_of_the_discriminator_and_then_one_of_the_generator(
    loss, float64
):
    """In float64: in less, Adam makes steps of a bias's gradient that should be 0."""
    known = shapes("float64")
    sizes = Learning(loss=loss, lowest_target=0.9, average=0.75)
    state, batch = begun(known, sizes), minibatches(1)
    key = jax.random.key(3)
    z_key, _, _, target_key = jax.random.split(jax.random.fold_in(key, 0), 4)
    z = jax.random.normal(z_key, (5, 3))
    targets = jax.random.uniform(target_key, (5,), minval=0.9, maxval=1)
    labels = batch["labels"][0].astype(np.float64)
    real = batch["images"][0].astype(np.float64) / 127.5 - 1
    params, vectors = state.params, state.carry.vectors
    of_discriminator, of_generator = LOSSES[loss]

    def judged(own, vectors, x):
        own = spectral.normalised(own, vectors).params
        return networks.discriminate(own, known, x, labels)

    def drawn(own):
        return networks.generate(own, known, z, labels)[0]

    @jax.jit
    def expected(params, vectors):
        pictures = drawn(params["generator"])
        own = params["discriminator"]
        d_grads = jax.grad(
            lambda own: of_discriminator(
                judged(own, vectors, real), judged(own, vectors, pictures), targets
            )
        )(own)
        moved = spectral.normalised(own, vectors).vectors
        d_new = adam(sizes.discriminator_rate, d_grads, own)
        g_grads = jax.grad(lambda g: of_generator(judged(d_new, moved, drawn(g))))(
            params["generator"]
        )
        g_new = adam(sizes.generator_rate, g_grads, params["generator"])
        return d_new, g_new, moved

    d_new, g_new, moved = expected(params, vectors)
    before = jax.device_get(params["generator"])
    after, metrics = learning.updates(known, sizes, debug=False)(state, batch, key)
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, after.params["discriminator"], d_new)
    jax.tree.map(close, after.params["generator"], g_new)
    # u moves once in an update: not again when G learns.
    jax.tree.map(close, after.carry.vectors, moved)
    jax.tree.map(
        lambda average, old, new: close(average, 0.75 * old + 0.25 * new),
        after.carry.average, before, g_new,
    )  # fmt: skip
    assert metrics["loss"].shape == (1,)
    assert {f"sigma.{name}" for name in d_new} <= metrics.keys()


@pytest.mark.slow
def test_how_updates_are_grouped_changes_nothing():
    known, sizes, key = shapes(labels="concat"), Learning(), jax.random.key(0)
    update, batches = learning.updates(known, sizes, debug=True), minibatches(4)
    whole, metrics = update(begun(known, sizes), batches, key)
    parts = begun(known, sizes)
    losses = []
    for half in (slice(0, 2), slice(2, 4)):
        given = {name: values[half] for name, values in batches.items()}
        parts, told = update(parts, given, key)
        losses.append(told["loss"])
    jax.tree.map(np.testing.assert_array_equal, parts, whole)
    np.testing.assert_array_equal(np.concatenate(losses), metrics["loss"])
    assert int(whole.step) == 4
    names = {name for name in metrics if name.startswith("grad_norm.")}
    assert {
        "grad_norm.generator.dense.kernel",
        "grad_norm.discriminator.score.bias",
    } <= (names)


def test_without_normalisation_kernels_are_as_they_are_and_norms_are_followed():
    known = shapes(spectral=False)
    state = begun(known, Learning())
    divided = jax.jit(learning._divided, static_argnums=2)
    found = divided(state.params["discriminator"], state.carry.vectors, known)
    np.testing.assert_array_equal(
        found.params["down_1"]["kernel"],
        state.params["discriminator"]["down_1"]["kernel"],
    )
    assert float(found.sigma["down_1"]) > 0


def test_pictures_span_what_the_generator_can_draw():
    shades = jnp.array([0, 255], jnp.uint8)
    assert learning.to_unit(shades, "float32").tolist() == [-1, 1]


@pytest.mark.slow
def test_estimated_norms_stay_near_the_true_ones_through_a_training():
    known, sizes = shapes(discriminator=[16]), Learning()
    state = begun(known, sizes, scale=1.0)
    update = learning.updates(known, sizes, debug=False)
    first = jax.device_get(state.carry.vectors["down_1"])
    state, _ = update(state, minibatches(150), jax.random.key(0))
    found = spectral.normalised(state.params["discriminator"], state.carry.vectors)
    for name, layer in state.params["discriminator"].items():
        kernel = np.asarray(layer["kernel"])
        norm = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
        assert 0.9 * norm <= found.sigma[name] <= 1.0001 * norm
    assert np.abs(first - state.carry.vectors["down_1"]).max() > 0.01
