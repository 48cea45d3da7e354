"""What the two trainings share: a network fitted to a stream, published with its curve.

The stages of V and M each bring their loss, optimizer and data.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax

from worldmodels.environments.games import Game
from worldmodels.experiment.stages import VERSIONS
from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.training import loop
from worldmodels.training.datasets import Stream

# By the names of arrays: values, names of their axes and, where there are any,
# attributes.
Arrays = Mapping[str, tuple[Any, ...]]


class Learner(NamedTuple):
    """What is fitted, how, and to what."""

    stage: str
    params: Any  # to start from
    loss: loop.Loss
    optimizer: optax.GradientTransformation
    stream: Stream
    group: int  # minibatches in one call
    carry: Any = ()  # that the loss hands on, before the first batch
    examine: Callable[[Any], Arrays] = lambda params: {}  # of trained parameters


def fit_and_publish(
    learner: Learner,
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
    stage, version = learner.stage, VERSIONS[learner.stage]
    # The fields too: a checkpoint of another form is none to go on from.
    identity = [config, input_hashes(inputs), version, loop.TrainState._fields]
    with (
        publication.create(
            out, stage, config=config, inputs=inputs, stage_version=version, game=game
        ) as store,
        open_checkpoint(checkpoint, fingerprint(identity)) as saved,
    ):
        state, history = loop.fit(
            loop.initial(learner.params, learner.optimizer, learner.carry),
            loop.updates(learner.loss, learner.optimizer, config["debug"]),
            learner.stream,
            key_for(config["seed"], config["round"], f"{stage} updates"),
            group=learner.group,
            checkpoint=saved,
            title=stage,
            log=log,
            interval=checkpoint_seconds,
        )
        store.seconds_before = saved.seconds_before
        store.tree("params", jax.device_get(state.params))
        for name, values in history.items():
            store.write(f"history/{name}", values, ["update"])
        for name, written in learner.examine(state.params).items():
            store.write(name, *written)


def params_of(
    start: Artifact,
    config: Mapping[str, Any],
    sizes: Sequence[str],
    load: Callable[[Artifact], tuple[Any, Any]],
) -> dict[str, Any]:
    """Return the weights of a store to start from, which `load` opens.

    Raises:
        ArtifactError: when one of its `sizes` differs from this training's.
    """
    for name in sizes:
        # Stores of earlier versions name no heads, and have none.
        given = start.config.get(name, False)
        if given != config[name]:
            raise ArtifactError(
                f"{start.path} has {name} {given} and this training has "
                f"{config[name]}; give both the same or start afresh"
            )
    return load(start)[1]
