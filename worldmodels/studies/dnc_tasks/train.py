"""Step train: one model learns one task with one seed, and is tested at all lengths."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from worldmodels.models.cells import registry
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.dnc_tasks import model as models
from worldmodels.studies.dnc_tasks import scoring
from worldmodels.studies.dnc_tasks.model import Errors, Model, Params
from worldmodels.studies.dnc_tasks.settings import DNCTasks, of_training
from worldmodels.studies.dnc_tasks.steps import STUDY
from worldmodels.studies.dnc_tasks.stream import Stream
from worldmodels.training import loop

STEP = "train"
_GROUP = 20  # minibatches in one call
_LOSSES = {"answer": models.loss, "all_steps": models.squared_loss}


def run(
    *,
    settings: DNCTasks,
    task: str,
    model: str,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a model on a task and publish a store at `out`.

    Args:
        task: one of `settings.TASKS`.
        model: one of `settings.MODELS`.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for lengths that fall, a full disk or a loss that is not finite.
    """
    config = recorded(settings, task, model, seed)
    known, version = model_of(config), STUDY.steps[STEP].version
    identity = fingerprint([config, version, loop.TrainState._fields])
    stream = _stream(config)
    stream.check(f"studies.dnc_tasks.{task}")
    optimizer = _optimizer(config)
    with (
        publication.create(
            out, STUDY.kind(STEP), config=config, inputs={}, stage_version=version
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):
        state, history = loop.fit(
            loop.initial(models.initial(_key(seed, "weights"), known), optimizer),
            loop.updates(_loss(config, known), optimizer, settings.debug),
            stream,
            _key(seed, "updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"studies.dnc_tasks {task} {model}",
            log=log,
            interval=checkpoint_seconds,
            order=(*known.recurrent.parameters(), "readout"),
            rate="studies.dnc_tasks.learning_rate",
        )
        loop.write(store, saved, state, history)
        for name, values in _tests(state.params, known, config, log).items():
            store.write(f"test/{name}", *values)


def recorded(settings: DNCTasks, task: str, model: str, seed: int) -> dict[str, Any]:
    """Return the settings of one training, which its store records."""
    known = _model(settings, task, model)
    used = of_training(STUDY.used(STEP, settings), task, model)
    curriculum = used.pop(task)
    used.pop("dnc", None)
    return {
        **used,
        **curriculum,
        "task": task,
        "model": model,
        "seed": seed,
        "cell": known.cell,
        "hidden_size": known.units,
        "options": dict(known.options),
    }


def _model(settings: DNCTasks, task: str, model: str) -> Model:
    squared = settings.loss == "all_steps"
    options = tuple(settings.dnc.model_dump(mode="json").items())
    dnc = Model(task, "dnc", settings.hidden_size, options, squared, settings.dtype)
    if model == "dnc":
        return dnc
    if model == "lstm":
        return replace(dnc, cell=registry.LSTM, options=())
    return models.of_as_many(dnc)


def model_of(config: dict[str, Any], slots: int | None = None) -> Model:
    """Return the model of a training with these settings.

    Args:
        slots: N of a DNC; None: that of its training. No weight depends on it.
    """
    options = dict(config["options"])
    if slots is not None:
        options["slots"] = slots
    return Model(
        config["task"],
        config["cell"],
        config["hidden_size"],
        tuple(options.items()),
        config["loss"] == "all_steps",
        config.get("dtype", "float32"),
    )


def weights(store: Artifact) -> Params:
    """Return the trained weights of a store."""
    return store.tree("params")


def _loss(config: dict[str, Any], known: Model) -> loop.Loss:
    return loop.separate(partial(_LOSSES[config["loss"]], model=known))


def _optimizer(config: dict[str, Any]) -> optax.GradientTransformation:
    first, last = config["learning_rate"], config["final_learning_rate"]
    rate = optax.cosine_decay_schedule(first, max(config["updates"], 1), last / first)
    clip = optax.clip_by_global_norm(config["gradient_clip"])
    return optax.chain(clip, optax.adam(rate))


def _stream(config: dict[str, Any]) -> Stream:
    return Stream(
        task=config["task"],
        key=_key(config["seed"], "sequences"),
        batch_size=config["batch_size"],
        shortest=config["shortest"],
        longest=tuple(config["longest"]),
        steps=config["updates"],
    )


def _key(seed: int, meaning: str) -> jax.Array:
    return key_for(seed, 0, f"dnc_tasks {meaning}")


def test_key() -> jax.Array:
    """Return the key of what is tested: the same sequences for all models and seeds."""
    return _key(0, "tests")


def _tests(
    params: Params, known: Model, config: dict[str, Any], log: Path | None
) -> dict[str, tuple[Any, Sequence[str]]]:
    """Return the errors of all lengths, by N where the model has slots."""
    slots = [0]  # an LSTM has none
    if "slots" in config["options"]:
        slots = list(dict.fromkeys([config["options"]["slots"], *config["test_slots"]]))
    longest = config["longest"][-1]
    lengths = scoring.lengths(config["shortest"], longest, config["times"])
    found: list[Errors] = []
    title = f"studies.dnc_tasks {config['task']} {config['model']}, tests"
    with Progress(title, len(slots) * len(lengths), log) as progress:
        for number in slots:
            tested = model_of(config, number or None)
            for errors in scoring.by_length(
                params, tested, test_key(), lengths, longest, config["test_sequences"]
            ):
                found.append(errors)
                progress.update(1, wrong=float(errors.wrong.mean()))
    shape = len(slots), len(lengths), config["test_sequences"]
    axes = ["tested_slots", "length", "sequence"]
    return {
        "slots": (slots, axes[:1]),
        "length": (lengths, axes[1:2]),
        "wrong": (np.reshape([e.wrong for e in found], shape), axes),
        "squared": (np.reshape([e.squared for e in found], shape), axes),
    }
