"""One training of a model on games: its settings, its model, and what its store has."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from worldmodels.models.cells import registry
from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.pommerman import model as models
from worldmodels.studies.pommerman import starts
from worldmodels.studies.pommerman.model import Model, Params
from worldmodels.studies.pommerman.settings import Pommerman, of_training
from worldmodels.studies.pommerman.steps import STUDY
from worldmodels.training import loop
from worldmodels.training.rows import Rows

_GROUP = 10  # minibatches in one call
_COUNTED = 1000  # games whose values are counted, at most


def recorded(step: str, settings: Pommerman, model: str, seed: int) -> dict[str, Any]:
    """Return the settings of one training, which its store records."""
    known = _model(settings, model)
    used = of_training(STUDY.used(step, settings), model)
    used.pop("dnc", None)
    return {
        **used,
        "model": model,
        "seed": seed,
        "cell": known.cell,
        "hidden_size": known.units,
        "options": dict(known.options),
    }


def _model(settings: Pommerman, model: str) -> Model:
    dnc = Model(
        cell="dnc",
        units=settings.hidden_size,
        embedding=settings.embedding,
        mixtures=settings.mixtures,
        least_std=settings.least_std,
        options=tuple(settings.dnc.model_dump(mode="json").items()),
        dtype=settings.dtype,
    )
    if model == "dnc":
        return dnc
    if model == "lstm":
        return replace(dnc, cell=registry.LSTM, options=())
    return models.of_as_many(dnc)


def model_of(config: Mapping[str, Any]) -> Model:
    """Return the model of a training with these settings."""
    return Model(
        cell=config["cell"],
        units=config["hidden_size"],
        embedding=config["embedding"],
        mixtures=config["mixtures"],
        least_std=config["least_std"],
        options=tuple(config["options"].items()),
        dtype=config.get("dtype", "float32"),
    )


def weights(store: Artifact) -> Params:
    """Return the trained weights of a store."""
    return store.tree("params")


def table_of(store: Artifact) -> np.ndarray:
    """Return what a trained model's mixtures start from: see `starts.table`."""
    return _table(model_of(store.config), store.config["start"], store.read("counts"))


def _table(model: Model, start: str, counts: np.ndarray) -> np.ndarray:
    found = starts.table(start, counts, model.mixtures, model.least)
    return found.astype(model.dtype)


def fit(
    config: Mapping[str, Any],
    games: Mapping[str, np.ndarray],
    updates: int,
    *,
    step: str,
    inputs: Mapping[str, Artifact],
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a model on games and publish a store at `out`.

    Args:
        config: of `recorded`.
        games: of `games.read`.

    Raises:
        UserError: for a full disk or a loss that is not finite.
    """
    model, version = model_of(config), STUDY.steps[step].version
    counts = _counts(games)
    table = _table(model, config["start"], counts)
    optimizer = _optimizer(config, updates)
    identity = [config, version, loop.TrainState._fields]
    with (
        publication.create(
            out, STUDY.kind(step), config=config, inputs=inputs, stage_version=version
        ) as store,
        open_checkpoint(
            checkpoint,
            fingerprint([identity, [one.provenance for one in inputs.values()]]),
        ) as saved,
    ):
        state, history = loop.fit(
            loop.initial(models.initial(_key(config, "weights"), model), optimizer),
            loop.updates(
                loop.separate(partial(models.loss, model=model, table=table)),
                optimizer,
                config.get("debug", False),
            ),
            _batches(config, games, updates),
            _key(config, "updates"),
            group=_GROUP,
            checkpoint=saved,
            title=f"studies.pommerman {step} {config['model']}",
            log=log,
            interval=checkpoint_seconds,
            order=("input", *model.recurrent.parameters(), "head"),
            rate="studies.pommerman.learning_rate",
        )
        loop.write(store, saved, state, history)
        store.write("counts", counts, ["part", "now", "later"])


def _counts(games: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return how often each value follows each in some of the games."""
    some = {name: values[:_COUNTED] for name, values in games.items()}
    known = np.arange(some["actions"].shape[1]) < some["length"][:, None]
    states = some["states"]
    return starts.counted(states[:, :-1][known], states[:, 1:][known])


def _optimizer(config: Mapping[str, Any], updates: int) -> optax.GradientTransformation:
    first, last = config["learning_rate"], config["final_learning_rate"]
    rise = min(config["warmup"], updates // 2)
    rate = optax.warmup_cosine_decay_schedule(0.0, first, rise, updates, last)
    clip = optax.clip_by_global_norm(config["gradient_clip"])
    return optax.chain(clip, optax.adam(rate))


def _batches(
    config: Mapping[str, Any], games: Mapping[str, np.ndarray], updates: int
) -> Rows:
    return Rows(
        rows=games,
        generator=partial(generator_for, config["seed"], 0, "pommerman order"),
        batch_size=config["batch_size"],
        steps=updates,
    )


def _key(config: Mapping[str, Any], meaning: str) -> jax.Array:
    return key_for(config["seed"], 0, f"pommerman {meaning}")
