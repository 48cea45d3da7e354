"""Step train: a generator and a discriminator learn against each other.

A store keeps the last weights (`params`) with D's vectors u, the averaged weights of G
(`average`) with the statistics of its batch norms, the history of losses and of each
layer's estimated norm beside the norm in the end, and the grid along the training.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores import publication
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.stores.publication import Writer
from worldmodels.studies.conditional_gan import (
    choices,
    filming,
    learning,
    networks,
    painting,
    source,
    spectral,
)
from worldmodels.studies.conditional_gan.filming import Scene
from worldmodels.studies.conditional_gan.learning import Carry
from worldmodels.studies.conditional_gan.networks import Shapes
from worldmodels.studies.conditional_gan.settings import ConditionalGAN, of_training
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.steps import STUDY
from worldmodels.training import loop

STEP = "train"
_GROUP = 50  # minibatches in one call
_MEASURED = (16, 64)  # batches of draws that batch norms are measured with, their size


def run(
    *,
    settings: ConditionalGAN,
    pictures: Path,
    model: str,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a model and publish its store at `out`.

    Args:
        pictures: store of the step pack.
        model: one of `settings.MODELS`.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a full disk or a loss that is not finite.
    """
    found = Pictures(pictures)
    config = recorded(settings, model, seed, found)
    shapes, sizes = painting.shapes_of(config), settings.learning
    version = STUDY.steps[STEP].version
    identity = fingerprint(
        [config, version, found.store.provenance, loop.TrainState._fields]
    )
    scene = _scene(found, shapes, seed)
    times = filming.times(sizes.updates, _GROUP)
    state = filming.begun(_initial(shapes, settings, seed), shapes, scene, len(times))
    update = learning.updates(shapes, sizes, settings.debug)
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs={"pictures": found.store},
            stage_version=version,
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):  # fmt: skip
        state, history = loop.fit(
            state,
            filming.filmed(update, shapes, scene, times),
            source.batches(
                pictures, _key(seed, "batches"), sizes.batch_size, sizes.updates
            ),
            _key(seed, "updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"studies.conditional_gan {model}",
            log=log,
            interval=checkpoint_seconds,
            order=learning.order(shapes),
            rate="studies.conditional_gan.learning.discriminator_rate",
        )  # fmt: skip
        loop.write(store, saved, state, history)
        _write_average(store, state.carry.learning, shapes, scene)
        _write_norms(store, state)
        _write_film(store, state.carry.film, scene, times)


def recorded(
    settings: ConditionalGAN, model: str, seed: int, pictures: Pictures
) -> dict[str, Any]:
    """Return the settings of one training, which its store records."""
    height, width = pictures.size
    return of_training(STUDY.used(STEP, settings), model) | {
        "seed": seed,
        "names": list(pictures.names),
        "height": height,
        "width": width,
    }


def _initial(shapes: Shapes, settings: ConditionalGAN, seed: int) -> loop.TrainState:
    rng = generator_for(seed, 0, "conditional_gan weights")
    params = networks.initial(shapes, rng)
    vectors = spectral.initial(params[learning.DISCRIMINATOR], rng)
    return learning.initial(params, vectors, settings.learning)


def _scene(pictures: Pictures, shapes: Shapes, seed: int) -> Scene:
    """Return what is drawn for the grid: its rows are frequent settings of labels."""
    rng = generator_for(seed, 0, "conditional_gan scene")
    latent, dtype = shapes.network.latent_size, shapes.dtype
    learnt = pictures.labels(pictures.training)
    columns = rng.standard_normal((choices.COLUMNS, latent)).astype(dtype)
    z, labels = choices.grid(choices.frequent(learnt), columns)
    asked = learnt[rng.integers(len(learnt), size=_MEASURED)].astype(dtype)
    batches = rng.standard_normal((*_MEASURED, latent)).astype(dtype), asked
    return Scene(z, labels.astype(dtype), batches)


def _key(seed: int, meaning: str) -> jax.Array:
    return key_for(seed, 0, f"conditional_gan {meaning}")


def _write_average(store: Writer, carry: Carry, shapes: Shapes, scene: Scene) -> None:
    """Write G's averaged weights and the statistics of its batch norms with them."""
    average = jax.device_get(carry.average)
    store.tree("average", average)
    statistics = painting.measured(average, shapes, *scene.batches)
    for name, (mean, variance) in jax.device_get(statistics).items():
        store.tree(f"statistics/{name}", {"mean": mean, "variance": variance})


def _write_norms(store: Writer, state: loop.TrainState) -> None:
    """Write u, each kernel's largest singular value in D, and its estimate from u."""
    params, vectors = (
        jax.device_get(values)
        for values in (
            state.params[learning.DISCRIMINATOR],
            state.carry.learning.vectors,
        )
    )
    store.tree("vectors", vectors)
    known = jax.device_get(spectral.normalised(params, vectors).sigma)
    store.tree("estimate", known)
    for name, layer in params.items():
        kernel = layer["kernel"].reshape(-1, layer["kernel"].shape[-1])
        store.write(f"norm/{name}", np.linalg.norm(kernel, 2))


def _write_film(
    store: Writer, film: np.ndarray, scene: Scene, times: np.ndarray
) -> None:
    """Write the grid along the training, its times, and its rows' labels."""
    pictures = np.asarray(film)
    count, _, *picture = pictures.shape
    pictures = pictures.reshape(count, -1, choices.COLUMNS, *picture)
    axes = ["frame", "row", "column", "height", "width", "colour"]
    store.write("film/pictures", pictures, axes)
    store.write("film/update", times, axes[:1])
    rows = scene.labels[:: choices.COLUMNS].astype(np.uint8)
    store.write("film/labels", rows, ["row", "label"])
