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
    settings,
    source,
    spectral,
)
from worldmodels.studies.conditional_gan.filming import Filmed, Scene
from worldmodels.studies.conditional_gan.networks import Shapes
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
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
    labels, scene = _scene(found, shapes, seed)
    state = filming.begun(
        _initial(shapes, settings, seed), shapes, scene, sizes.updates
    )
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
            filming.filmed(update, shapes, scene, sizes.updates),
            source.batches(
                pictures, _key(seed, "batches"), sizes.batch_size, sizes.updates
            ),
            _key(seed, "updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"studies.conditional_gan {model}",
            log=log,
            interval=checkpoint_seconds,
        )  # fmt: skip
        loop.write(store, saved, state, history)
        _write_carried(store, state.carry, shapes, scene)
        _write_norms(
            store, state.params[learning.DISCRIMINATOR], state.carry.learning.vectors
        )
        store.write("film/labels", labels, ["row", "label"])
        store.write("film/update", filming.times(sizes.updates), ["frame"])


def recorded(
    given: ConditionalGAN, model: str, seed: int, pictures: Pictures
) -> dict[str, Any]:
    """Return the settings of one training, which its store records."""
    height, width = pictures.size
    return settings.recorded(STUDY.used(STEP, given), model) | {
        "seed": seed,
        "names": list(pictures.names),
        "height": height,
        "width": width,
    }


def _initial(shapes: Shapes, given: ConditionalGAN, seed: int) -> loop.TrainState:
    rng = generator_for(seed, 0, "conditional_gan weights")
    params = networks.initial(shapes, rng)
    vectors = spectral.initial(params[learning.DISCRIMINATOR], rng)
    return learning.initial(params, vectors, given.learning)


def _scene(pictures: Pictures, shapes: Shapes, seed: int) -> tuple[np.ndarray, Scene]:
    """Return the settings of labels of the grid's rows, and what is drawn for it."""
    rng = generator_for(seed, 0, "conditional_gan scene")
    latent, dtype = shapes.network.latent_size, shapes.dtype
    learnt = pictures.labels(pictures.training)
    rows = choices.frequent(learnt)
    columns = rng.standard_normal((choices.COLUMNS, latent)).astype(dtype)
    z, labels = choices.grid(rows, columns)
    asked = learnt[rng.integers(len(learnt), size=_MEASURED)].astype(dtype)
    batches = rng.standard_normal((*_MEASURED, latent)).astype(dtype), asked
    return rows, Scene(z, labels.astype(dtype), batches)


def _key(seed: int, meaning: str) -> jax.Array:
    return key_for(seed, 0, f"conditional_gan {meaning}")


def _write_carried(store: Writer, carry: Filmed, shapes: Shapes, scene: Scene) -> None:
    """Write u, G's averaged weights, their batch norms' statistics and the film."""
    own = jax.device_get(carry.learning)
    store.tree("vectors", own.vectors)
    store.tree("average", own.average)
    statistics = painting.measured(own.average, shapes, *scene.batches)
    for name, (mean, variance) in jax.device_get(statistics).items():
        store.tree(f"statistics/{name}", {"mean": mean, "variance": variance})
    film = np.asarray(carry.film)
    rows = film.shape[1] // choices.COLUMNS
    film = film.reshape(len(film), rows, choices.COLUMNS, *film.shape[2:])
    axes = ["frame", "row", "column", "height", "width", "colour"]
    store.write("film/pictures", film, axes)


def _write_norms(
    store: Writer, params: networks.Params, vectors: spectral.Vectors
) -> None:
    """Write the largest singular value of each kernel of D, and its estimate."""
    known = jax.device_get(spectral.normalised(params, vectors).sigma)
    for name, layer in params.items():
        kernel = np.asarray(layer["kernel"])
        norm = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
        store.write(f"norm/{name}", norm)
        store.write(f"estimate/{name}", known[name])


painted = painting.painted
