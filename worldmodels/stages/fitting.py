"""What the stages of V and M share: a network is fitted, then published with its curve.

Each brings its loss, optimizer and data.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optax

from worldmodels.environments.games import Game
from worldmodels.experiment.stages import STAGES
from worldmodels.models.cells import registry
from worldmodels.runtime.randomness import key_for
from worldmodels.stages import precision
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.checkpoint import is_of, open_checkpoint
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.training import loop
from worldmodels.training.batches import Batches

# By the names of arrays: values, names of their axes and, where there are any,
# attributes.
Arrays = Mapping[str, tuple[Any, ...]]


class Recipe(NamedTuple):
    """What is fitted, how, and to what."""

    stage: str
    params: Any  # to start from
    loss: loop.Loss
    optimizer: optax.GradientTransformation
    batches: Batches
    group: int  # minibatches in one call
    order: Sequence[str]  # of its parameters, from input to output: see `loop.fit`
    carry: Any = ()  # that the loss hands on, before the first batch
    examine: Callable[[Any], Arrays] = lambda params: {}  # of trained parameters


def settled(
    stage: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, Sequence[Artifact]],
    checkpoint: Path,
) -> dict[str, Any]:
    """Return a training's settings with its precision: its checkpoint's, if begun."""
    return precision.settled(
        config, lambda some: is_of(checkpoint, _identity(stage, some, inputs))
    )


def _identity(
    stage: str, config: Mapping[str, Any], inputs: Mapping[str, Sequence[Artifact]]
) -> str:
    """Return the fingerprint of a training, which its checkpoint carries."""
    version = STAGES[stage].version
    # The fields too: a checkpoint of another form is none to go on from.
    return fingerprint([config, input_hashes(inputs), version, loop.TrainState._fields])


def fit_and_publish(
    recipe: Recipe,
    *,
    config: Mapping[str, Any],
    inputs: Mapping[str, Sequence[Artifact]],
    game: Game | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train, from the checkpoint on when there is one, and publish a store at `out`.

    Raises:
        UserError: for a damaged store, a full disk or a loss that is not finite.
    """
    stage, version = recipe.stage, STAGES[recipe.stage].version
    identity = _identity(stage, config, inputs)
    with (
        publication.create(
            out, stage, config=config, inputs=inputs, stage_version=version, game=game
        ) as store,
        open_checkpoint(checkpoint, identity) as saved,
    ):
        state, history = loop.fit(
            loop.initial(recipe.params, recipe.optimizer, recipe.carry),
            loop.updates(recipe.loss, recipe.optimizer, config["debug"]),
            recipe.batches,
            key_for(config["seed"], config["round"], f"{stage} updates"),
            group=recipe.group,
            checkpoint=saved,
            title=stage,
            log=log,
            interval=checkpoint_seconds,
            order=recipe.order,
        )
        loop.write(store, saved, state, history)
        for name, written in recipe.examine(state.params).items():
            store.write(name, *written)


def params_of(
    start: Artifact,
    config: Mapping[str, Any],
    sizes: Sequence[str],
    load: Callable[[Artifact], tuple[Any, Any]],
) -> dict[str, Any]:
    """Return the weights of a store to start from, which `load` opens.

    Raises:
        ArtifactError: when one of its `sizes`, or a setting of M's cell alone, differs
            from this training's.
    """
    for name in sizes:
        # Stores of earlier versions name no cell, which is an LSTM, and no heads.
        given = start.config.get(name, registry.LSTM if name == "cell" else False)
        _check_equal(start, name, given, config[name])
    own = registry.options(start.config)
    for name, value in registry.options(config).items():
        _check_equal(start, f"{config['cell']}.{name}", own.get(name), value)
    return load(start)[1]


def _check_equal(start: Artifact, name: str, given: Any, wanted: Any) -> None:
    if given != wanted:
        raise ArtifactError(
            f"{start.path} has {name} {given} and this training has {wanted}; give "
            "both the same or start afresh"
        )
