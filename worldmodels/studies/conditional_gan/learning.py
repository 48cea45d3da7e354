"""The updates of two networks that learn against each other.

In each, D learns from a batch of real and as many drawn pictures; then G learns from
what the new D says of the same drawn pictures, which are drawn once.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from worldmodels.studies.conditional_gan import spectral
from worldmodels.studies.conditional_gan.losses import LOSSES
from worldmodels.studies.conditional_gan.networks import (
    Params,
    Shapes,
    discriminate,
    discriminator_shapes,
    generate,
    generator_shapes,
)
from worldmodels.studies.conditional_gan.settings import Learning
from worldmodels.training import gradients
from worldmodels.training.gradients import Metrics
from worldmodels.training.loop import TrainState

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class Carry(NamedTuple):
    """What updates change beside weights and the optimisers' numbers."""

    vectors: spectral.Vectors  # u of D's layers
    average: Params  # of G's weights


def optimizers(learning: Learning) -> dict[str, optax.GradientTransformation]:
    """Return Adam for each network."""
    rates = {
        GENERATOR: learning.generator_rate,
        DISCRIMINATOR: learning.discriminator_rate,
    }
    return {name: optax.adam(rate, learning.momentum) for name, rate in rates.items()}


def initial(
    params: dict[str, Params], vectors: spectral.Vectors, learning: Learning
) -> TrainState:
    """Return the state before the first update."""

    @jax.jit
    def begin(params):
        states = {
            name: optimizer.init(params[name])
            for name, optimizer in optimizers(learning).items()
        }
        average = jax.tree.map(jnp.copy, params[GENERATOR])
        return TrainState(params, states, jnp.int32(0), Carry(vectors, average))

    return begin(params)


def updates(
    shapes: Shapes, learning: Learning, debug: bool
) -> Callable[[TrainState, Any, jax.Array], tuple[TrainState, Metrics]]:
    """Return a jitted `(state, batches, key) -> (state, metrics)`, as `loop.updates`.

    `batches` has uint8 "images" [S, B, H, W, 3] and "labels" [S, B, L]; each metric
    comes back as [S]. The state is donated.
    """
    step = partial(update, shapes=shapes, learning=learning, debug=debug)

    def run(state, batches, key):
        def one(state, batch):
            return step(state, batch, jax.random.fold_in(key, state.step))

        return jax.lax.scan(one, state, batches)

    return jax.jit(run, donate_argnums=0)


def order(shapes: Shapes) -> list[str]:
    """Return the names of both networks' layers, from z to D's score."""
    layers = {
        GENERATOR: generator_shapes(shapes),
        DISCRIMINATOR: discriminator_shapes(shapes),
    }
    return [f"{name}.{layer}" for name, own in layers.items() for layer in own]


def update(
    state: TrainState,
    batch: dict[str, jax.Array],
    key: jax.Array,
    *,
    shapes: Shapes,
    learning: Learning,
    debug: bool = False,
) -> tuple[TrainState, Metrics]:
    """Update D, then G, with one batch."""
    params, form = state.params, shapes.form
    names = "z", "seen", "drawn", "target"
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    real = form.arrange(to_unit(batch["images"], shapes.dtype))
    labels = batch["labels"].astype(shapes.dtype)
    size = len(labels)
    z = jax.random.normal(keys["z"], (size, shapes.network.latent_size), shapes.dtype)
    drawn, pull, _ = jax.vjp(
        lambda own: generate(own, shapes, z, labels), params[GENERATOR], has_aux=True
    )
    targets = jax.random.uniform(
        keys["target"], (size,), shapes.dtype, learning.lowest_target, 1
    )
    of_discriminator, of_generator = LOSSES[learning.loss]
    seen = jnp.concatenate([real, drawn], axis=form.axes[0])
    both = jnp.concatenate([labels, labels])

    def loss_of_d(own):
        known = _divided(own, state.carry.vectors, shapes)
        scores = discriminate(known.params, shapes, seen, both, keys["seen"], 2)
        loss = of_discriminator(scores[:size], scores[size:], targets)
        return loss, (scores, known)

    (loss, (scores, known)), d_grads = jax.value_and_grad(loss_of_d, has_aux=True)(
        params[DISCRIMINATOR]
    )
    states, new = dict(state.opt_state), dict(params)
    optimizer = optimizers(learning)
    _apply(optimizer, DISCRIMINATOR, d_grads, states, new)
    held = _divided(new[DISCRIMINATOR], known.vectors, shapes).params

    def loss_of_g(drawn):
        return of_generator(discriminate(held, shapes, drawn, labels, keys["drawn"]))

    generator_loss, by_drawn = jax.value_and_grad(loss_of_g)(drawn)
    (g_grads,) = pull(by_drawn)
    _apply(optimizer, GENERATOR, g_grads, states, new)
    average = jax.tree.map(
        lambda old, now: old + (1 - learning.average) * (now - old),
        state.carry.average,
        new[GENERATOR],
    )
    grads = {GENERATOR: g_grads, DISCRIMINATOR: d_grads}
    metrics = {
        "loss": loss,
        "generator_loss": generator_loss,
        "score_real": scores[:size].mean(),
        "score_drawn": scores[size:].mean(),
        **gradients.metrics(grads),
        **{f"sigma.{name}": value for name, value in known.sigma.items()},
    }
    if debug:
        metrics |= gradients.gradient_norms(grads)
    carry = Carry(known.vectors, average)
    return TrainState(new, states, state.step + 1, carry), metrics


def _divided(
    params: Params, vectors: spectral.Vectors, shapes: Shapes
) -> spectral.Normalised:
    """Normalise D's kernels; without normalisation only the estimates are made."""
    known = spectral.normalised(params, vectors)
    if shapes.network.spectral:
        return known
    return known._replace(params=params)


def _apply(optimizers, name, grads, states, params) -> None:
    changes, states[name] = optimizers[name].update(grads, states[name], params[name])
    params[name] = optax.apply_updates(params[name], changes)


def to_unit(images: jax.Array, dtype: str) -> jax.Array:
    """Scale uint8 [0, 255] to [-1, 1]."""
    return images.astype(dtype) / 127.5 - 1
