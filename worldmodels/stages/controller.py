"""Stage controller: a block of generations of C's search (paper, section 2.3, A.3).

C learns in the game, or in M's dream of it (section 4), and is tested where it learns.
The search is CMA-ES, or another strategy (`search`). Every generation has new tracks;
within one all candidates drive the same, or each its own. Every k-th generation the
distribution's mean, which is what is reported and used, is tested on selection tracks.
In the dream, dreams stand for tracks, by seeds of the same ranges. A block starts from
the whole state of the block before it, so blocks of any size give the same search.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.experiment.settings import Controller, Environment, Run
from worldmodels.experiment.stages import PRECISION_USED, STAGES, recorded
from worldmodels.models.agent import Agent, Weights
from worldmodels.rollout import arenas
from worldmodels.rollout.arenas import Arena
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds, key_for
from worldmodels.search.names import CMA_ES
from worldmodels.search.optimiser import Optimiser, check_fitness
from worldmodels.search.strategies import by_name
from worldmodels.stages.precision import settled
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.checkpoint import Checkpoint, is_of, open_checkpoint
from worldmodels.stores.lineage import check_goes_on, check_search
from worldmodels.stores.neighbours import check_settings, check_vision_of_memory
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.stores.publication import Writer
from worldmodels.stores.recorded_models import precision_of

STAGE = "controller"
_GENERATION = {
    "population": ("generation", "candidate", "parameter"),
    "fitness": ("generation", "candidate", "track"),
    "track_seed": ("generation", "track"),
    "steps": ("generation",),
    "mean": ("generation", "parameter"),
    "sigma": ("generation",),
}
_SELECTION = {
    "selection/generation": ("test",),
    "selection/returns": ("test", "selection_track"),
    "selection/mean": ("test", "parameter"),
}
History = dict[str, list[np.ndarray]]  # a row a generation, or a test
Inputs = dict[str, Artifact | list[Artifact]]


class Standing(NamedTuple):
    """Where the search stands: all that the next generation depends on."""

    search: Any  # the optimiser's state
    steps: int  # in an episode, at this point of the curriculum
    best: float  # the best mean fitness of a generation so far


class Task(NamedTuple):
    """What every generation of a block is done with."""

    optimiser: Optimiser
    arena: Arena
    shared: Run
    settings: Controller
    max_steps: int
    round: int

    def to_arrays(self, standing: Standing) -> dict[str, Any]:
        """Return a standing as nested arrays, for a store or a checkpoint."""
        search = self.optimiser.to_arrays(standing.search)
        curriculum = {
            "steps": np.array(standing.steps),
            "best": np.array(standing.best),
        }
        return {self.optimiser.group: search} | curriculum

    def from_arrays(self, arrays: dict[str, Any]) -> Standing:
        """Return the standing that `to_arrays` took apart."""
        search = self.optimiser.from_arrays(arrays.get(self.optimiser.group, {}))
        return Standing(search, int(arrays["steps"]), float(arrays["best"]))


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
        latents: the stores that M learnt from, at whose first frames dreams begin;
            needed to learn in the dream, and for nothing else.
        previous: the store of the block before this one; for every block but block 0.
        start: controller stores whose best mean is the first mean; empty: afresh.
        workers: cores, or environment processes, that drive.

    Raises:
        UserError: for a bad store, a full disk, a fitness that is not finite or an
            environment that keeps failing.
    """
    inputs = _inputs(block, vision, memory, previous, start)
    _check_inputs(inputs, block, settings)
    if settings.train_in == "dream":
        inputs["latents"] = [open_artifact(path, "latents") for path in latents]
    config = recorded(STAGE, round, shared, environment, settings)
    config |= {"round": round, "block": block, **_sizes(inputs["memory"])}
    config = _settled(config, inputs, checkpoint)
    made = inputs["vision"], inputs["memory"]
    if previous is not None:
        check_goes_on(inputs["previous"], *made, config)
    else:
        check_vision_of_memory(*made)
    game = check_settings(environment, *made)
    agent, weights = networks.load_agent(*made, config, game)
    size = agent.controller.parameter_count
    optimiser = by_name(settings.strategy, settings.population, size, settings.sigma)
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
        _scored(agent, weights, environment, settings, inputs, workers) as arena,
    ):
        task = Task(optimiser, arena, shared, settings, environment.max_steps, round)
        standing, history = _evolve(task, _begin(task, inputs), block, saved, log)
        store.seconds_before = saved.seconds_before
        _write(store, standing, history, task)


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


def _scored(
    agent: Agent,
    weights: Weights,
    environment: Environment,
    settings: Controller,
    inputs: Inputs,
    workers: int | None,
) -> AbstractContextManager[Arena]:
    """Return what scores candidates, where the settings say."""
    if settings.train_in == "environment":
        return arenas.game(agent, weights, environment, settings.start, workers)
    memory, latents = inputs["memory"], inputs["latents"]
    rules = settings.temperature, settings.death, agent.memory.precision
    dream = arenas.open_dream(memory, latents, *rules)
    score = arenas.dreams(agent, dream)
    return nullcontext(Arena(score, score))


def _begin(task: Task, inputs: Inputs) -> Standing:
    settings, dimension = task.settings, task.optimiser.dimension
    if "previous" in inputs:
        return task.from_arrays(inputs["previous"].tree("state"))
    if inputs["start"]:
        mean = _first_mean(inputs["start"], dimension)
    else:
        mean = np.full(dimension, settings.initial_mean, task.shared.dtype)
    steps = settings.initial_steps or task.max_steps
    return Standing(task.optimiser.initial(mean), steps, -np.inf)


def _first_mean(start: Sequence[Artifact], dimension: int) -> np.ndarray:
    mean, _ = networks.best_controller(start)
    if len(mean) != dimension:
        raise ArtifactError(
            f"{start[0].path} has controllers of {len(mean):,} parameters and this "
            f"search those of {dimension:,}; start afresh"
        )
    return mean


def _evolve(
    task: Task, standing: Standing, block: int, saved: Checkpoint, log: Path | None
) -> tuple[Standing, History]:
    """Run the generations of a block that are not in its checkpoint yet."""
    first = block * task.settings.generations_per_block
    last = first + task.settings.generations_per_block
    history: History = {name: [] for name in _GENERATION | _SELECTION}
    found = saved.load()
    if found is not None:
        standing = task.from_arrays(found["search"])
        history |= {name: list(rows) for name, rows in found["records"].items()}
    done = task.optimiser.generation(standing.search)
    with Progress(STAGE, last, log, initial=done) as progress:
        for generation in range(done, last):
            standing = _generation(task, standing, generation, history)
            shown = {"mean": history["fitness"][-1].mean()}
            if history["sigma"]:
                shown["sigma"] = history["sigma"][-1]
            if (generation + 1) % task.settings.select_every == 0:
                _select(task, standing, generation + 1, history)
                shown["tested"] = history["selection/returns"][-1].mean()
            rows = {name: np.stack(rows) for name, rows in history.items() if rows}
            saved.save({"search": task.to_arrays(standing), "records": rows})
            progress.update(1, **{name: float(v) for name, v in shown.items()})
    return standing, history


def _generation(
    task: Task, standing: Standing, generation: int, history: History
) -> Standing:
    optimiser = task.optimiser
    key = key_for(task.shared.seed, task.round, "controller population", generation)
    population, search = optimiser.ask(key, standing.search)
    population = np.asarray(population)
    seeds = _training_seeds(task, generation)
    scores = task.arena.learning(population, seeds, standing.steps)
    fitness = scores.mean(axis=1)
    check_fitness(fitness, f"generation {generation}")
    search = optimiser.tell(search, population, fitness)
    sigma = optimiser.sigma(search)
    history["population"].append(population)
    history["fitness"].append(scores)
    history["track_seed"].append(seeds)
    history["steps"].append(np.int32(standing.steps))
    history["mean"].append(np.asarray(optimiser.mean(search)))
    if sigma is not None:
        history["sigma"].append(np.asarray(sigma))
    return _grow(standing._replace(search=search), float(fitness.mean()), task)


def _training_seeds(task: Task, generation: int) -> np.ndarray:
    """Return the seeds of a generation's tracks: [R] of all, or [P, R] of each."""
    settings = task.settings
    own = () if settings.common_tracks else (settings.population,)
    shape = (*own, settings.rollouts)
    count = math.prod(shape)
    first = generation * count
    seeds = episode_seeds(Purpose.TRAINING, task.shared.seed, task.round, first, count)
    return seeds.reshape(shape)


def _grow(standing: Standing, mean: float, task: Task) -> Standing:
    """Lengthen the episodes whenever the population's mean fitness improves."""
    if mean <= standing.best:
        return standing
    steps = min(standing.steps + task.settings.step_increment, task.max_steps)
    return standing._replace(best=mean, steps=steps)


def _select(task: Task, standing: Standing, generation: int, history: History) -> None:
    """Test the mean of the distribution on whole episodes of the selection tracks."""
    mean = np.asarray(task.optimiser.mean(standing.search))
    scores = task.arena.testing(mean[None], _selection_seeds(task), task.max_steps)
    history["selection/generation"].append(np.int32(generation))
    history["selection/returns"].append(scores[0])
    history["selection/mean"].append(mean)


def _selection_seeds(task: Task) -> np.ndarray:
    count = task.settings.selection_episodes
    return episode_seeds(Purpose.SELECTION, task.shared.seed, task.round, 0, count)


def _write(store: Writer, standing: Standing, history: History, task: Task) -> None:
    dimensions = _GENERATION | _SELECTION
    if not task.settings.common_tracks:
        dimensions |= {"track_seed": ("generation", "candidate", "track")}
    for name, along in dimensions.items():
        if name != "sigma" or history[name]:  # a strategy may have no step size
            store.write(name, np.stack(history[name]), along)
    store.write("selection/seed", _selection_seeds(task), ["selection_track"])
    store.tree("state", task.to_arrays(standing))
