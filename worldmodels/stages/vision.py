"""Stage vision: train V on every frame of a round's rollouts (paper, section 2.1)."""

from functools import partial
from pathlib import Path

import jax
import optax

from worldmodels import artifacts, flags, trained, training, vision
from worldmodels.artifacts import Artifact, ArtifactError, open_artifact
from worldmodels.checkpoints import open_checkpoint
from worldmodels.datasets import Episodes, Stream
from worldmodels.randomness import generator_for, key_for
from worldmodels.settings import Run, Vision
from worldmodels.stages import VERSIONS

STAGE = "vision"
_GROUP = 8  # minibatches in one call: about two seconds on two cores


def run(
    *,
    shared: Run,
    settings: Vision,
    round: int,
    rollouts: list[Path],
    start: Path | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train V on the rollout stores and publish a vision store at `out`.

    Args:
        start: a vision store whose weights to start from; None: afresh.

    Raises:
        UserError: for a bad store, a full disk or a loss that is not finite.
    """
    config = flags.recorded(STAGE, round, shared, settings) | {"round": round}
    inputs = {"rollouts": [open_artifact(path, "rollouts") for path in rollouts]}
    if start is not None:
        inputs["start"] = [open_artifact(start, "vision")]
    identity = [config, artifacts.input_hashes(inputs), VERSIONS[STAGE]]
    with open_checkpoint(checkpoint, artifacts.fingerprint(identity)) as saved:
        state, history = training.fit(
            _initial_state(config, inputs, settings),
            training.updates(_loss(config), _optimizer(settings), shared.debug),
            _stream(shared, settings, round, Episodes(inputs["rollouts"])),
            key_for(shared.seed, round, "vision updates"),
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


def _initial_state(config: dict, inputs: dict, settings: Vision) -> training.TrainState:
    model = trained.vision_model(config)
    if "start" in inputs:
        params = _params_of(inputs["start"][0], config)
    else:
        key = key_for(config["seed"], config["round"], "vision weights")
        params = vision.initial(key, model)
    return training.initial(params, _optimizer(settings))


def _params_of(start: Artifact, config: dict) -> dict:
    for name in ("latent_size", "channels", "decoder_channels", "dtype"):
        if start.config[name] != config[name]:
            raise ArtifactError(
                f"{start.path} has {name} {start.config[name]} and this training has "
                f"{config[name]}; give both the same or start afresh"
            )
    return start.tree("params")


def _loss(config: dict) -> training.Loss:
    loss = partial(
        vision.loss,
        model=trained.vision_model(config),
        kl_tolerance=config["kl_tolerance"],
    )
    return lambda params, batch, key: loss(params, batch["frames"], key)


def _optimizer(settings: Vision) -> optax.GradientTransformation:
    return optax.adam(settings.learning_rate)


def _stream(shared: Run, settings: Vision, round: int, episodes: Episodes) -> Stream:
    return Stream(
        items=episodes.length,
        load=episodes.frames,
        generator=partial(generator_for, shared.seed, round, "vision batches"),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        buffer_episodes=settings.buffer_episodes,
    )
