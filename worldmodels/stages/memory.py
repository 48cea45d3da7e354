"""Stage memory: train M on whole episodes or windows of them (paper, section 2.2).

The paper's text trains M for 20 epochs; its released code for 4,000 updates, which are
40 passes over 10,000 episodes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optax

from worldmodels.experiment.settings import Memory, Run
from worldmodels.experiment.stages import recorded
from worldmodels.models import memory, memory_loss
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.runtime.wording import count
from worldmodels.stages.fitting import Recipe, fit_and_publish, params_of, settled
from worldmodels.stores import neighbours, networks
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.lineage import check_alike, check_distinct
from worldmodels.stores.neighbours import check_one_vision
from worldmodels.training import assessment, datasets
from worldmodels.training.batches import Batches, ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import Items, StoredEpisodes
from worldmodels.training.loop import Loss
from worldmodels.training.packing import PackedBatches

STAGE = "memory"
_SIZES = (
    "latent_size",
    "action_size",
    "cell",
    "hidden_size",
    "mixtures",
    "death_head",
    "reward_head",
    "dtype",
)
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
    _check(inputs["latents"])
    game = neighbours.game_of(*inputs["latents"], *inputs.get("start", ()))
    config = recorded(STAGE, round, shared, settings) | {
        "round": round,
        "latent_size": inputs["latents"][0].array("mu").shape[-1],
        "action_size": inputs["latents"][0].array("actions").shape[-1],
    }
    config = settled(STAGE, config, inputs, checkpoint)
    model, episodes = networks.memory_model(config), StoredEpisodes(inputs["latents"])
    learnt, held_out = datasets.split(
        episodes.seed,
        settings.held_out,
        lambda number: generator_for(shared.seed, number, datasets.HELD_OUT),
    )
    recipe = Recipe(
        stage=STAGE,
        params=_first_params(config, inputs),
        loss=_loss(model, settings, episodes, learnt),
        optimizer=_optimizer(settings),
        batches=_batches(shared, settings, round, episodes, learnt),
        group=_GROUP,
        order=(*model.recurrent.parameters(), "head"),
        carry=memory.initial_state(model, settings.batch_size),
        examine=partial(_examine, model, episodes, held_out, config, log),
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


def _check(latents: Sequence[Artifact]) -> None:
    """Refuse latents that M cannot learn from together."""
    check_distinct(latents)
    check_one_vision(latents)
    check_alike(latents, ["latent_size"])
    for store in latents:
        sizes = [s.array("actions").shape[-1] for s in (latents[0], store)]
        if sizes[0] != sizes[1]:
            raise ArtifactError(
                f"{latents[0].path} has actions of {count(sizes[0], 'number')} and "
                f"{store.path} of {sizes[1]}; give latents of one game"
            )


def _first_params(config: dict[str, Any], inputs: dict) -> dict[str, Any]:
    if "start" in inputs:
        return params_of(inputs["start"][0], config, _SIZES, networks.load_memory)
    key = key_for(config["seed"], config["round"], "memory weights")
    return memory.initial(key, networks.memory_model(config))


def _optimizer(settings: Memory) -> optax.GradientTransformation:
    """Return Adam on gradients clipped by value, its rate decaying to a limit."""
    first, last = settings.learning_rate, settings.final_learning_rate

    def rate(step):
        return (first - last) * settings.decay**step + last

    return optax.chain(optax.clip(settings.gradient_clip), optax.adam(rate))


def _loss(
    model: memory.Memory, settings: Memory, episodes: StoredEpisodes, learnt: np.ndarray
) -> Loss:
    variance = episodes.variance("rewards", learnt) if model.reward_head else 0.0
    # Where all rewards are the same, as TakeCover's are, any scale will do.
    scale = memory_loss.Scale(settings.death_weight, variance or 1.0)
    return partial(memory_loss.loss, model=model, scale=scale)


def _batches(
    shared: Run,
    settings: Memory,
    round: int,
    episodes: StoredEpisodes,
    learnt: np.ndarray,
) -> Batches:
    def buffers(items: np.ndarray, load: Callable[[np.ndarray], Items]) -> Buffers:
        return Buffers(
            items=items,
            load=lambda some: load(learnt[some]),
            generator=partial(generator_for, shared.seed, round, "memory batches"),
            epochs=settings.epochs,
            episodes=settings.buffer_episodes,
        )

    if settings.window:
        steps = buffers(episodes.length[learnt], episodes.steps)
        return PackedBatches(steps, settings.batch_size, settings.window)
    # The last step of an episode has no next z: only the other heads learn from it.
    steps = episodes.longest - 1 + (settings.death_head or settings.reward_head)
    whole = partial(episodes.sequences, steps=steps)
    items = np.ones(len(learnt), int)
    return ShuffledBatches(buffers(items, whole), settings.batch_size)


def _examine(
    model: memory.Memory,
    episodes: StoredEpisodes,
    held_out: np.ndarray,
    config: Mapping[str, Any],
    log: Path | None,
    params: Any,
) -> dict[str, tuple[Any, Sequence[str]]]:
    """Return the arrays held_out/... of a trained M; none where none are held out."""
    if not len(held_out):
        return {}
    length = episodes.length[held_out]
    with Progress(f"{STAGE}, held out", int(length.sum()), log) as progress:
        figures = assessment.assess(
            params,
            model,
            lambda some, steps: episodes.sequences(held_out[some], steps),
            length,
            key_for(config["seed"], config["round"], "memory held out"),
            progress.update,
        )
        progress.update(0, nll=float(figures["nll"][0]))
    figures["seed"] = episodes.seed[held_out], ["episode"]
    return {f"held_out/{name}": figure for name, figure in figures.items()}
