"""Step score: what a trained generator draws, measured in every way."""

from pathlib import Path

from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.checkpoint import Checkpoint, open_checkpoint
from worldmodels.stores.lineage import check_input
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.conditional_gan import judge as judging
from worldmodels.studies.conditional_gan import measuring, painting, scored, source
from worldmodels.studies.conditional_gan.measuring import Drawn, Judge
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.steps import STUDY
from worldmodels.training import loop

STEP = "score"


def run(
    *,
    settings: ConditionalGAN,
    pictures: Path,
    judge: Path,
    training: Path,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Draw pictures with a trained generator, measure them and publish a store.

    Args:
        checkpoint_seconds: between checkpoints of the classifier that learns from what
            is drawn; the result does not depend on it.

    Raises:
        UserError: for stores of other pictures, or a full disk.
    """
    found = Pictures(pictures)
    inputs = {
        "judge": open_artifact(judge, STUDY.kind("judge")),
        "training": open_artifact(training, STUDY.kind("train")),
    }
    for store in inputs.values():
        check_input(store, "pictures", found.store)
    inputs["pictures"] = found.store
    config, version = STUDY.used(STEP, settings), STUDY.steps[STEP].version
    origins = [store.provenance for store in inputs.values()]
    identity = fingerprint([config, version, origins, loop.TrainState._fields])
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs=inputs, stage_version=version
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):
        labels = found.labels(
            measuring.reference(found, settings.judge.drawn, settings.seed)
        )
        rng = generator_for(settings.seed, 0, "conditional_gan z of score")
        drawn = Drawn(painting.painted(inputs["training"], labels, rng), labels)
        learnt = _learnt(drawn, found, settings, saved, checkpoint_seconds, log)
        known = Judge(judging.weights(inputs["judge"]), learnt.model)
        store.seconds_before = saved.seconds_before
        scored.write(
            store,
            measuring.measured(
                drawn, found, known, learnt, settings.seed, settings.judge.neighbours
            ),
        )


def _learnt(
    drawn: Drawn,
    pictures: Pictures,
    settings: ConditionalGAN,
    checkpoint: Checkpoint,
    interval: float,
    log: Path | None,
) -> Judge:
    """Return a classifier that learnt from what was drawn, as the judge from the real.

    Raises:
        UserError: for a loss that is not finite.
    """
    key = key_for(settings.seed, 0, "conditional_gan classifier of drawn")
    model, sizes = judging.model_of(pictures, settings.dtype), settings.judge
    stream = source.batches_of(drawn._asdict(), key, sizes.batch_size, sizes.updates)
    state, _ = judging.learnt(
        model, stream, key, settings, checkpoint=checkpoint,
        title="studies.conditional_gan score", log=log, interval=interval,
    )  # fmt: skip
    return Judge(state.params, model)
