"""Stage controller: a block of generations of C's search (paper, section 2.3, A.3).

C learns in the game, or in M's dream of it (section 4). Its mean is tested there too,
or, where C learns in the dream, in the game.
The search is CMA-ES, or another strategy (`search`). Every generation has new tracks;
within one all candidates drive the same, or each its own. Every k-th generation the
distribution's mean, which is what is reported and used, is tested on selection tracks.
In the dream, dreams stand for tracks, by seeds of the same ranges. A block starts from
the whole state of the block before it, so blocks of any size give the same search.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from worldmodels.experiment.settings import Controller, Environment, Run
from worldmodels.experiment.stages import PRECISION_USED, STAGES, recorded
from worldmodels.models.agent import Agent, Weights
from worldmodels.rollout import arenas
from worldmodels.rollout.arenas import Arena
from worldmodels.runtime.randomness import generator_for
from worldmodels.search.names import CMA_ES
from worldmodels.search.strategies import by_name
from worldmodels.stages.generations import STAGE, Standing, Task, evolve, write
from worldmodels.stages.precision import settled
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.checkpoint import is_of, open_checkpoint
from worldmodels.stores.lineage import (
    check_all_inputs,
    check_goes_on,
    check_search,
)
from worldmodels.stores.neighbours import check_settings, check_vision_of_memory
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.stores.recorded_models import precision_of
from worldmodels.training import dream_starts
from worldmodels.training.inputs_of_c import mean_inputs

Inputs = dict[str, Artifact | list[Artifact]]


def run(
    *,
    shared: Run,
    environment: Environment,
    settings: Controller,
    round: int,
    block: int,
    vision: Path,
    memory: Path,
    latents: Sequence[Path],
    previous: Path | None,
    start: Sequence[Path],
    workers: int | None,
    checkpoint: Path,
    out: Path,
    log: Path | None,
) -> None:
    """Search for C in one block of generations; publish a controller store at `out`.

    Args:
        latents: the stores that M learnt from. Dreams begin in their episodes, and the
            first block of a centred search at the mean of what C reads over them;
            needed for nothing else.
        previous: the store of the block before this one; for every block but block 0.
        start: controller stores whose best mean is the first mean; empty: afresh.
        workers: cores that drive or dream, and environment processes.

    Raises:
        UserError: for a bad store, a full disk, a fitness that is not finite or an
            environment that keeps failing.
    """
    inputs = _inputs(block, vision, memory, previous, start)
    _check_inputs(inputs, block, settings)
    begins_centred = settings.centred and block == 0
    if begins_centred and not latents:
        raise ArtifactError(
            "a centred search needs --latents in block 0, the stores that M learnt "
            "from: it begins at the mean of what C reads over them"
        )
    if settings.train_in == "dream" or begins_centred:
        inputs["latents"] = [open_artifact(path, "latents") for path in latents]
    config = recorded(STAGE, round, shared, environment, settings)
    config |= {"round": round, "block": block, **_sizes(inputs["memory"])}
    config = _settled(config, inputs, checkpoint)
    made = inputs["vision"], inputs["memory"]
    if previous is not None:
        check_goes_on(inputs["previous"], *made, config)
    else:
        check_vision_of_memory(*made)
    if begins_centred:
        check_all_inputs(inputs["memory"], "latents", inputs["latents"])
    game = check_settings(environment, *made)
    agent, weights = networks.load_agent(*made, config, game)
    size = agent.controller.parameter_count
    search = settings.strategy, settings.population, size, settings.sigma
    optimiser = by_name(*search, settings.parents or None)
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs=inputs,
            stage_version=STAGES[STAGE].version,
            game=game,
        ) as store,
        open_checkpoint(checkpoint, _identity(config, inputs)) as saved,
        _scored(
            agent, weights, shared, environment, settings, round, inputs, workers
        ) as arena,
    ):
        task = Task(
            optimiser,
            arena,
            agent.controller,
            shared,
            settings,
            environment.max_steps,
            round,
        )
        begun = _begin(task, agent, weights, inputs)
        standing, history = evolve(task, begun, block, saved, log)
        store.seconds_before = saved.seconds_before
        write(store, standing, history, task)


def _inputs(
    block: int,
    vision: Path,
    memory: Path,
    previous: Path | None,
    start: Sequence[Path],
) -> Inputs:
    if (block > 0) != (previous is not None):
        raise ArtifactError(
            f"block {block} of the controller "
            + (
                "needs --previous, the block before it"
                if block
                else "has no --previous"
            )
        )
    inputs = {
        "vision": open_artifact(vision, "vision"),
        "memory": open_artifact(memory, "memory"),
        "start": [open_artifact(path, "controller") for path in start],
    }
    if previous is not None:
        inputs["previous"] = open_artifact(previous, "controller")
    return inputs


def _check_inputs(inputs: Inputs, block: int, settings: Controller) -> None:
    """Refuse blocks that this one would not go on from, or that are no search."""
    if "previous" in inputs:
        _check_previous(inputs["previous"], block, settings)
    if inputs["start"]:
        check_search(inputs["start"])


def _sizes(memory: Artifact) -> dict[str, Any]:
    """Return what decides how large C is, beside its own settings."""
    features = networks.memory_model(memory.config).size.features
    sizes = {name: memory.config[name] for name in ("latent_size", "action_size")}
    return sizes | {"features": dict(features)}


def _settled(
    config: Mapping[str, Any], inputs: Inputs, checkpoint: Path
) -> dict[str, Any]:
    """Return the settings with the precision of V's and M's products.

    It is that of the block before, or of this block's checkpoint, if they are there.
    """

    def begun(some: Mapping[str, Any]) -> bool:
        if "previous" in inputs:
            return precision_of(inputs["previous"].config) == some[PRECISION_USED]
        return is_of(checkpoint, _identity(some, inputs))

    return settled(config, begun)


def _identity(config: Mapping[str, Any], inputs: Inputs) -> str:
    """Return the fingerprint of a block, which its checkpoint carries."""
    return fingerprint([config, input_hashes(inputs), STAGES[STAGE].version])


def _check_previous(previous: Artifact, block: int, settings: Controller) -> None:
    """Refuse a block that this one would not go on from."""
    number, size = (previous.config[k] for k in ("block", "generations_per_block"))
    if (number, size) != (block - 1, settings.generations_per_block):
        raise ArtifactError(
            f"{previous.path} is block {number} of {size} generations; block {block} "
            f"of {settings.generations_per_block} goes on from block {block - 1} of "
            "as many: give that one as --previous"
        )
    strategy = previous.config.get("strategy", CMA_ES)
    if strategy != settings.strategy:
        raise ArtifactError(
            f"{previous.path} was searched with {strategy}, and {settings.strategy} "
            "cannot go on from it; give the same, or start the search again at block 0"
        )


@contextmanager
def _scored(
    agent: Agent,
    weights: Weights,
    shared: Run,
    environment: Environment,
    settings: Controller,
    round: int,
    inputs: Inputs,
    workers: int | None,
) -> Iterator[Arena]:
    """Give what scores candidates and tests their mean, where the settings say."""
    if settings.train_in == "environment":
        with arenas.game(agent, weights, environment, settings.start, workers) as arena:
            yield arena
        return
    dreams = _dreams(agent, shared, settings, round, inputs)
    if settings.test_in == "same":
        yield dreams
        return
    with arenas.game(agent, weights, environment, "line", workers) as played:
        yield Arena(dreams.learning, played.testing)


def _dreams(
    agent: Agent, shared: Run, settings: Controller, round: int, inputs: Inputs
) -> Arena:
    """Return what scores candidates in M's dream."""
    memory, latents = inputs["memory"], inputs["latents"]
    rules = settings.temperature, settings.death, agent.memory.precision
    dream = arenas.open_dream(memory, latents, *rules)
    tested = arenas.dreams(agent, dream)
    if settings.start == "line":
        return Arena(tested, tested)
    generator = generator_for(shared.seed, round, "dream starts")
    dream = dream_starts.anywhere(dream, latents, generator)
    return Arena(arenas.dreams(agent, dream), tested)


def _begin(task: Task, agent: Agent, weights: Weights, inputs: Inputs) -> Standing:
    """Return where the search stands before the block's first generation."""
    settings, dimension = task.settings, task.optimiser.dimension
    if "previous" in inputs:
        return task.from_arrays(inputs["previous"].tree("state"))
    if inputs["start"]:
        mean = _first_mean(inputs["start"], dimension)
    else:
        mean = np.full(dimension, settings.initial_mean, task.shared.dtype)
    origin = None
    if settings.centred:
        origin = mean_inputs(agent, weights.memory, inputs["latents"])
    return task.begin(mean, origin)


def _first_mean(start: Sequence[Artifact], dimension: int) -> np.ndarray:
    mean, _ = networks.best_controller(start)
    if len(mean) != dimension:
        raise ArtifactError(
            f"{start[0].path} has controllers of {len(mean):,} parameters and this "
            f"search those of {dimension:,}; start afresh"
        )
    return mean
