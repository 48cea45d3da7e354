"""Stage memory: train M on whole episodes of latents (paper, section 2.2)."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import optax

from worldmodels import artifacts, flags, memory, trained, training
from worldmodels.artifacts import Artifact, ArtifactError, open_artifact
from worldmodels.checkpoints import open_checkpoint
from worldmodels.datasets import Episodes, Stream
from worldmodels.randomness import generator_for, key_for
from worldmodels.settings import Memory, Run
from worldmodels.stages import VERSIONS

STAGE = "memory"
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
    identity = [config, artifacts.input_hashes(inputs), VERSIONS[STAGE]]
    with open_checkpoint(checkpoint, artifacts.fingerprint(identity)) as saved:
        state, history = training.fit(
            _initial_state(config, inputs, settings),
            training.updates(_loss(config), _optimizer(settings), shared.debug),
            _stream(shared, settings, round, Episodes(inputs["latents"])),
            key_for(shared.seed, round, "memory updates"),
            group=_GROUP,
            checkpoint=saved,
            title=STAGE,
            log=log,
            interval=checkpoint_seconds,
        )
        with artifacts.create(
            out, STAGE, config=config, inputs=inputs, stage_version=VERSIONS[STAGE]
        ) as store:
            store.seconds_before = saved.seconds
            store.tree("params", jax.device_get(state.params))
            for name, values in history.items():
                store.write(f"history/{name}", values, ["update"])
        saved.discard()


def _initial_state(config: dict, inputs: dict, settings: Memory) -> training.TrainState:
    model = trained.memory_model(config)
    if "start" in inputs:
        params = _params_of(inputs["start"][0], config)
    else:
        key = key_for(config["seed"], config["round"], "memory weights")
        params = memory.initial(key, model)
    return training.initial(params, _optimizer(settings))


def _params_of(start: Artifact, config: dict) -> dict:
    for name in ("latent_size", "action_size", "hidden_size", "mixtures", "dtype"):
        if start.config[name] != config[name]:
            raise ArtifactError(
                f"{start.path} has {name} {start.config[name]} and this training has "
                f"{config[name]}; give both the same or start afresh"
            )
    return start.tree("params")


def _loss(config: dict) -> training.Loss:
    return partial(memory.loss, model=trained.memory_model(config))


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
