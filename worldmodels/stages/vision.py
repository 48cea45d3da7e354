"""Stage vision: train V on every frame of a round's rollouts (paper, section 2.1)."""

from functools import partial
from pathlib import Path
from typing import Any

import optax

from worldmodels.environments.games import View
from worldmodels.experiment.settings import Run, Vision
from worldmodels.experiment.stages import recorded
from worldmodels.models import vision
from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stages.fitting import Recipe, fit_and_publish, params_of, settled
from worldmodels.stores import neighbours, networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.lineage import check_distinct
from worldmodels.training import excerpts
from worldmodels.training.batches import ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import StoredEpisodes
from worldmodels.training.loop import Loss, separate

STAGE = "vision"
_SIZES = ("latent_size", "channels", "decoder_channels", "dtype")
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

    It keeps a sample of their frames, as `excerpts` describes.

    Args:
        start: a vision store whose weights to start from; None: afresh.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a bad store, a full disk or a loss that is not finite.
    """
    config = recorded(STAGE, round, shared, settings) | {"round": round}
    inputs = {"rollouts": [open_artifact(path, "rollouts") for path in rollouts]}
    if start is not None:
        inputs["start"] = [open_artifact(start, "vision")]
    game = neighbours.game_of(*inputs["rollouts"], *inputs.get("start", ()))
    if game is not None and game.view.size != View().size:
        config["frame_size"] = game.view.size
    check_distinct(inputs["rollouts"])
    config = settled(STAGE, config, inputs, checkpoint)
    episodes = StoredEpisodes(inputs["rollouts"])
    recipe = Recipe(
        stage=STAGE,
        params=_first_params(config, inputs),
        loss=_loss(config),
        optimizer=optax.adam(settings.learning_rate),
        batches=_batches(shared, settings, round, episodes),
        group=_GROUP,
        order=("encoder", "decoder.dense", "decoder"),
        examine=lambda _: excerpts.arrays(inputs["rollouts"], shared.seed),
    )
    fit_and_publish(
        recipe,
        config=config,
        inputs=inputs,
        game=game,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        out=out,
        log=log,
    )


def _first_params(config: dict[str, Any], inputs: dict) -> dict[str, Any]:
    if "start" in inputs:
        return params_of(inputs["start"][0], config, _SIZES, networks.load_vision)
    key = key_for(config["seed"], config["round"], "vision weights")
    return vision.initial(key, networks.vision_model(config))


def _loss(config: dict[str, Any]) -> Loss:
    model, tolerance = networks.vision_model(config), config["kl_tolerance"]
    loss = partial(vision.loss, model=model, kl_tolerance=tolerance)
    return separate(lambda params, batch, key: loss(params, batch["frames"], key))


def _batches(
    shared: Run, settings: Vision, round: int, episodes: StoredEpisodes
) -> ShuffledBatches:
    frames = Buffers(
        items=episodes.length,
        load=episodes.frames,
        generator=partial(generator_for, shared.seed, round, "vision batches"),
        epochs=settings.epochs,
        episodes=settings.buffer_episodes,
    )
    return ShuffledBatches(frames, settings.batch_size)
