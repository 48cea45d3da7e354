"""Step judge: train the classifier on real pictures, and test it on those held out."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.checkpoint import Checkpoint, open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.conditional_gan import classifier, source
from worldmodels.studies.conditional_gan.classifier import Classifier, Params
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
from worldmodels.studies.conditional_gan.source import Pictures, Stream
from worldmodels.studies.conditional_gan.steps import STUDY
from worldmodels.training import loop

STEP = "judge"
_GROUP = 20  # minibatches in one call


def run(
    *,
    settings: ConditionalGAN,
    pictures: Path,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train the classifier and publish it with its held-out accuracy at `out`.

    Args:
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a full disk or a loss that is not finite.
    """
    found, config = Pictures(pictures), STUDY.used(STEP, settings)
    version = STUDY.steps[STEP].version
    identity = fingerprint(
        [config, version, found.store.provenance, loop.TrainState._fields]
    )
    judge, key = settings.judge, key_for(settings.seed, 0, "conditional_gan judge")
    stream = source.batches(pictures, key, judge.batch_size, judge.updates)
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs={"pictures": found.store},
            stage_version=version,
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):  # fmt: skip
        model = model_of(found, settings.dtype)
        state, history = learnt(
            model, stream, key, settings, checkpoint=saved,
            title="studies.conditional_gan judge", log=log, interval=checkpoint_seconds,
        )  # fmt: skip
        loop.write(store, saved, state, history)
        right = _right(state.params, model, found)
        store.write("held_out/accuracy", right.mean(axis=0), ["label"])
        store.write("held_out/all", right.all(axis=1).mean())


def model_of(pictures: Pictures, dtype: str) -> Classifier:
    """Return the classifier of these pictures."""
    return Classifier(len(pictures.names), pictures.size, np.dtype(dtype))


def learnt(
    model: Classifier,
    stream: Stream,
    key: jax.Array,
    settings: ConditionalGAN,
    *,
    checkpoint: Checkpoint,
    title: str,
    log: Path | None,
    interval: float,
) -> tuple[loop.TrainState, dict[str, np.ndarray]]:
    """Train a classifier from the start, or from the checkpoint on, as `loop.fit`."""
    judge = settings.judge
    rate = optax.cosine_decay_schedule(judge.learning_rate, judge.updates)
    optimizer = optax.adam(rate)
    loss = loop.separate(partial(classifier.loss, model=model))
    return loop.fit(
        loop.initial(classifier.initial(key, model), optimizer),
        loop.updates(loss, optimizer, settings.debug),
        stream,
        key,
        group=_GROUP,
        checkpoint=checkpoint,
        title=title,
        log=log,
        interval=interval,
        order=model.order,
        rate="studies.conditional_gan.judge.learning_rate",
    )


def _right(params: Params, model: Classifier, pictures: Pictures) -> np.ndarray:
    """Return whether the judge finds each label of each held-out picture, [H, L]."""
    parts = []
    for at in range(0, len(pictures.held_out), pictures.shard):
        rows = pictures.held_out[at : at + pictures.shard]
        told, _ = classifier.judged(params, model, pictures.images(rows))
        parts.append(told == pictures.labels(rows))
    return np.concatenate(parts)


def weights(store: Artifact) -> Any:
    """Return the trained weights of a store of this step."""
    return store.tree("params")
