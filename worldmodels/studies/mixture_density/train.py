"""Step train: one network learns one toy with every seed at once, and is tested."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.mixture_density import networks, toys
from worldmodels.studies.mixture_density.networks import Model, Params, Scale
from worldmodels.studies.mixture_density.settings import (
    MixtureDensity,
    name_of,
    of_training,
)
from worldmodels.studies.mixture_density.steps import STUDY
from worldmodels.training import loop
from worldmodels.training.rows import Rows

STEP = "train"
_GROUP = 100  # minibatches in one call
_HELD_OUT = 5  # a batch is so many times the points that its update is tested on


def run(
    *,
    settings: MixtureDensity,
    toy: str,
    mixtures: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a network on a toy, with all seeds, and publish a store at `out`.

    Args:
        toy: one of `settings.TOYS`.
        mixtures: K; 0: the network of squared error.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a full disk or a loss that is not finite.
    """
    used, version = STUDY.used(STEP, settings), STUDY.steps[STEP].version
    config = of_training(used, toy) | {"toy": toy, "mixtures": mixtures}
    model = Model(mixtures, settings.widths, settings.dtype)
    own = getattr(settings, toy)
    rate = optax.cosine_decay_schedule(settings.learning_rate, own.updates)
    # Entry by entry: a norm over all seeds would let one seed slow the others.
    optimizer = optax.chain(optax.clip(settings.gradient_clip), optax.adam(rate))
    x, y = (a.astype(settings.dtype) for a in training_points(settings, toy))
    scale = networks.scale(x, y)
    unseen = test_points(toy, settings.test_points)
    objective = partial(
        networks.loss,
        scale=scale,
        model=model,
        unseen=tuple(jnp.asarray(part, settings.dtype) for part in unseen),
        count=-(-own.batch_size // _HELD_OUT),
    )
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs={}, stage_version=version
        ) as store,
        open_checkpoint(
            checkpoint, fingerprint([config, version, loop.TrainState._fields])
        ) as saved,
    ):
        state, history = loop.fit(
            loop.initial(networks.initial(_weight_keys(settings), model), optimizer),
            loop.updates(loop.separate(objective), optimizer, settings.debug),
            Rows({"x": x, "y": y}, _order, own.batch_size, own.updates),
            key_for(0, 0, "mixture_density updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"studies.mixture_density {toy}, {name_of(mixtures)}",
            log=log,
            interval=checkpoint_seconds,
            order=(*(f"hidden{n}" for n in range(len(settings.widths))), "outputs"),
            rate="studies.mixture_density.learning_rate",
        )
        loop.write(store, saved, state, history)
        store.tree("scale", scale._asdict())
        tested = _tests(state.params, scale, model, (x, y), unseen, toy)
        for name, values in tested.items():
            store.write(name, values, ["seed"])


def training_points(
    settings: MixtureDensity, toy: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y that each seed learns from, [N, S] each."""
    count = getattr(settings, toy).points
    x, y = zip(*(points(toy, seed, count) for seed in settings.seeds), strict=True)
    return np.stack(x, axis=1), np.stack(y, axis=1)


def points(toy: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y [N] that one seed learns from."""
    return toys.draw(
        generator_for(seed, 0, f"mixture_density points {toy}"), toy, count
    )


def test_points(toy: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y [N] that all networks of a toy are tested on."""
    return toys.draw(generator_for(0, 0, f"mixture_density tests {toy}"), toy, count)


def trained(store: Artifact) -> tuple[Params, Scale, Model]:
    """Return the weights of a store, the scale of their points, and their network."""
    config = store.config
    dtype = config.get("dtype", "float32")
    model = Model(config["mixtures"], tuple(config["widths"]), dtype)
    return store.tree("params"), Scale(**store.tree("scale")), model


def answers(params: Params, scale: Scale, model: Model, x: np.ndarray) -> np.ndarray:
    """Return each seed's answer to each x [N], [N, S]: a draw, or the one output."""
    found = jax.jit(networks.answers, static_argnums=3)
    key = key_for(0, 0, "mixture_density answers")
    return np.asarray(found(key, params, scale, model, by_seed(x, scale)))


def by_seed(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Return values [N] for each seed, [N, S], in the type of its points."""
    wide = np.broadcast_to(values[:, None], (len(values), len(scale.x_mean)))
    return wide.astype(scale.x_mean.dtype)


def _tests(
    params: Params,
    scale: Scale,
    model: Model,
    seen: tuple[np.ndarray, np.ndarray],
    unseen: tuple[np.ndarray, np.ndarray],
    toy: str,
) -> dict[str, np.ndarray]:
    """Return what is measured of each seed, [S] each, by name.

    `loss` is what was minimised, `squared` the squared error of the mean, and `near`
    the share of answers that lie where the data do.
    """
    measured = jax.jit(_measured, static_argnums=2)
    points = {"train": seen, "test": tuple(by_seed(part, scale) for part in unseen)}
    found = {
        f"{where}/{name}": np.asarray(values)
        for where, (x, y) in points.items()
        for name, values in measured(params, scale, model, x, y).items()
    }
    x, _ = unseen
    near = toys.near(toy, x[:, None], answers(params, scale, model, x))
    return found | {"test/near": near.mean(axis=0)}


def _measured(params: Params, scale: Scale, model: Model, x: Any, y: Any) -> Any:
    missed = networks.mean(params, scale, model, x) - y
    return {
        "loss": networks.errors(params, scale, model, x, y).mean(axis=0),
        "squared": (missed**2).mean(axis=0),
    }


def _weight_keys(settings: MixtureDensity) -> jax.Array:
    keys = [key_for(seed, 0, "mixture_density weights") for seed in settings.seeds]
    return jnp.stack(keys)


def _order(epoch: int) -> np.random.Generator:
    """Return the generator of an epoch's order, one for the rows of all seeds."""
    return generator_for(0, 0, "mixture_density order", epoch)
