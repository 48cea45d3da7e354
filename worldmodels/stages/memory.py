"""Stage memory: train M on whole episodes of latents (paper, section 2.2)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optax

from worldmodels import flags, memory, trained
from worldmodels.artifacts import open_artifact
from worldmodels.datasets import Episodes, Stream
from worldmodels.randomness import generator_for, key_for
from worldmodels.settings import Memory, Run
from worldmodels.stages.learning import Learner, fit_and_publish, params_of

STAGE = "memory"
_SIZES = ("latent_size", "action_size", "hidden_size", "mixtures", "dtype")
_GROUP = 4  # minibatches in one call


def run(
    *,
    shared: Run,
    settings: Memory,
    round: int,
    latents: list[Path],
    start: Path | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train M on the latents stores and publish a memory store at `out`.

    Args:
        start: a memory store whose weights to start from; None: afresh.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a bad store, a full disk or a loss that is not finite.
    """
    inputs = {"latents": [open_artifact(path, "latents") for path in latents]}
    if start is not None:
        inputs["start"] = [open_artifact(start, "memory")]
    config = flags.recorded(STAGE, round, shared, settings) | {
        "round": round,
        "latent_size": inputs["latents"][0].array("mu").shape[-1],
        "action_size": inputs["latents"][0].array("actions").shape[-1],
    }
    learner = Learner(
        stage=STAGE,
        params=_first_params(config, inputs),
        loss=partial(memory.loss, model=trained.memory_model(config)),
        optimizer=_optimizer(settings),
        stream=_stream(shared, settings, round, Episodes(inputs["latents"])),
        group=_GROUP,
    )
    fit_and_publish(
        learner,
        config=config,
        inputs=inputs,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        out=out,
        log=log,
    )


def _first_params(config: dict[str, Any], inputs: dict) -> dict[str, Any]:
    if "start" in inputs:
        return params_of(inputs["start"][0], config, _SIZES)
    key = key_for(config["seed"], config["round"], "memory weights")
    return memory.initial(key, trained.memory_model(config))


def _optimizer(settings: Memory) -> optax.GradientTransformation:
    """Return Adam on gradients clipped by value, its rate decaying to a limit."""
    first, last = settings.learning_rate, settings.final_learning_rate

    def rate(step):
        return (first - last) * settings.decay**step + last

    return optax.chain(optax.clip(settings.gradient_clip), optax.adam(rate))


def _stream(shared: Run, settings: Memory, round: int, episodes: Episodes) -> Stream:
    return Stream(
        items=np.ones(len(episodes), int),
        load=episodes.sequences,
        generator=partial(generator_for, shared.seed, round, "memory batches"),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        buffer_episodes=settings.buffer_episodes,
    )
