"""Step train: a model learns to predict the next picture.

A store keeps its weights, the history of its loss, what the best prediction without any
input costs, and some pictures of a rollout that it has not seen beside its predictions.
"""

from functools import partial
from pathlib import Path

import numpy as np
import optax

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.studies.dsprites import archive, models, observed, provenance, rollouts
from worldmodels.studies.dsprites.archive import Pictures
from worldmodels.studies.dsprites.settings import SIZES, Settings, learning_of
from worldmodels.studies.dsprites.steps import STUDY
from worldmodels.training import loop

STEP = "train"
_GROUP = 4  # minibatches in one call
_SHOWN = 20  # steps of the rollout that the page shows
_HELD_OUT = 16  # rollouts of so many steps that tell the loss on unseen ones
_MANY = 20_000  # pictures that tell how often each pixel is lit


def run(
    *,
    settings: Settings,
    model: str,
    pictures: Path | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a model and publish its store at `out`.

    Raises:
        UserError: for an unknown model, a full disk or a loss that is not finite.
    """
    if model not in SIZES:
        raise UserError(f"{model!r} is no model; those are {', '.join(SIZES)}")
    source = archive.source(pictures)
    config = provenance.recorded(STEP, settings, model, pictures)
    shapes, params = observed.fresh(model, settings)
    sizes = learning_of(model, settings)
    optimizer = optax.chain(
        optax.clip_by_global_norm(sizes.gradient_clip), optax.adam(sizes.learning_rate)
    )
    with (
        publication.create(
            out,
            STUDY.kind(STEP),
            config=config,
            inputs={},
            stage_version=STUDY.steps[STEP].version,
        ) as store,
        open_checkpoint(checkpoint, provenance.identity(STEP, config, {})) as saved,
    ):
        state, history = loop.fit(
            loop.initial(params, optimizer, shapes.initial_state(sizes.batch_size)),
            loop.updates(partial(models.loss, model=shapes), optimizer, settings.debug),
            rollouts.batches(settings.seed, sizes, source, _GROUP),
            key_for(settings.seed, 0, "dsprites updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"dsprites {model}",
            log=log,
            interval=checkpoint_seconds,
            order=(*shapes.cell.parameters(), "head"),
            rate="studies.dsprites.learning.learning_rate",
        )
        loop.write(store, saved, state, history)
        for name, values in _held_out(shapes, state.params, settings, source).items():
            store.write(f"held_out/{name}", values)


def _held_out(
    model: models.Model, params: models.Params, settings: Settings, pictures: Pictures
) -> dict[str, np.ndarray]:
    """Return the loss on unseen rollouts beside the baseline's, and one's pictures."""
    steps = max(_SHOWN, settings.learning.window)
    places = np.stack(
        [
            rollouts.sprites_of(settings.seed, "shown", n, steps + 1)
            for n in range(_HELD_OUT)
        ]
    )
    lit = pictures(places[:, 1:]).swapaxes(0, 1)
    probability = observed.predicted(model, params, observed.steps_of(pictures, places))
    many = rollouts.sprites_of(settings.seed, "baseline", 0, _MANY)
    return {
        "loss": _cost(probability, lit),
        "baseline": np.float64(models.baseline(pictures(many))),
        "pictures": lit[:_SHOWN, 0],
        "predicted": probability[:_SHOWN, 0],
    }


def _cost(probability: np.ndarray, lit: np.ndarray) -> np.float64:
    """Return the cross-entropy in nats a picture of pixels [T, B, 4096]."""
    right = np.where(lit == 1, probability, 1 - probability).astype(np.float64)
    return -np.log(np.maximum(right, 1e-30)).sum(axis=-1).mean()
