"""Stage controller: a block of generations of CMA-ES (paper, section 2.3 and A.4).

C learns in the game, or in M's dream of it (section 4), and is tested where it learns.
Every generation has new tracks; within one all candidates drive the same, or each its
own. Every k-th generation the distribution's mean, which is what is reported and
used, is tested on selection tracks. In the dream, dreams stand for tracks, by seeds of
the same ranges. A block starts from the whole state of the block before it, so blocks
of any size give the same search.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.experiment import flags
from worldmodels.experiment.settings import Controller, Environment, Run
from worldmodels.experiment.stages import VERSIONS
from worldmodels.models.agent import Agent, Weights
from worldmodels.rollout import arenas
from worldmodels.rollout.arenas import Arena
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds, key_for
from worldmodels.search import cma_es
from worldmodels.search.cma_es import Evolution
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.checkpoint import Checkpoint, open_checkpoint
from worldmodels.stores.lineage import check_goes_on, check_search
from worldmodels.stores.neighbours import check_eyes, check_settings
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.stores.publication import Writer

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
Records = dict[str, list[np.ndarray]]
Inputs = dict[str, Artifact | list[Artifact]]


class Search(NamedTuple):
    """All that the next generation depends on."""

    cma: cma_es.State
    steps: int  # in an episode, at this point of the curriculum
    best: float  # the best mean fitness of a generation so far

    def to_arrays(self) -> dict[str, Any]:
        """Return the search as nested arrays, for a store or a checkpoint."""
        curriculum = {"steps": np.array(self.steps), "best": np.array(self.best)}
        return {"cma": cma_es.state_to_arrays(self.cma)} | curriculum


def from_arrays(arrays: dict[str, Any]) -> Search:
    """Return the search that `Search.to_arrays` was called on."""
    cma = cma_es.state_from_arrays(arrays["cma"])
    return Search(cma, int(arrays["steps"]), float(arrays["best"]))


class Plan(NamedTuple):
    """What every generation of a block is done with."""

    es: Evolution
    drive: Arena
    shared: Run
    settings: Controller
    max_steps: int
    round: int


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
    """Evolve C for one block of generations and publish a controller store at `out`.

    Args:
        latents: the stores that M learnt from, at whose first frames dreams begin;
            needed to learn in the dream, and for nothing else.
        previous: the store of the block before this one; needed but for block 0.
        start: controller stores whose best mean is the first mean; empty: afresh.
        workers: cores, or environment processes, that drive.

    Raises:
        UserError: for a bad store, a full disk, a fitness that is not finite or an
            environment that keeps failing.
    """
    inputs = _inputs(block, vision, memory, previous, start)
    if previous is not None:
        _check_previous(inputs["previous"], block, settings)
    if inputs["start"]:
        check_search(inputs["start"])
    if settings.train_in == "dream":
        inputs["latents"] = [open_artifact(path, "latents") for path in latents]
    config = flags.recorded(STAGE, round, shared, environment, settings) | {
        "round": round,
        "block": block,
        "latent_size": inputs["memory"].config["latent_size"],
        "memory_size": inputs["memory"].config["hidden_size"],
        "action_size": inputs["memory"].config["action_size"],
    }
    agents = inputs["vision"], inputs["memory"]
    if previous is not None:
        check_goes_on(inputs["previous"], *agents, config)
    else:
        check_eyes(*agents)
    game = check_settings(environment, *agents)
    agent, weights = networks.load_agent(*agents, config, game)
    dimension = agent.controller.parameter_count
    es = Evolution(settings.population, dimension, settings.sigma)
    identity = [config, input_hashes(inputs), VERSIONS[STAGE]]
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs=inputs,
            stage_version=VERSIONS[STAGE],
            game=game,
        ) as store,
        open_checkpoint(checkpoint, fingerprint(identity)) as saved,
        _arena(agent, weights, environment, settings, inputs, workers) as drive,
    ):
        plan = Plan(es, drive, shared, settings, environment.max_steps, round)
        search, records = _evolve(plan, _begin(plan, inputs), block, saved, log)
        store.seconds_before = saved.seconds_before
        _write(store, search, records, plan)


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


def _check_previous(previous: Artifact, block: int, settings: Controller) -> None:
    """Refuse a block that this one would not go on from."""
    number, size = (previous.config[k] for k in ("block", "generations_per_block"))
    if (number, size) != (block - 1, settings.generations_per_block):
        raise ArtifactError(
            f"{previous.path} is block {number} of {size} generations; block {block} "
            f"of {settings.generations_per_block} goes on from block {block - 1} of "
            "as many: give that one as --previous"
        )


def _arena(
    agent: Agent,
    weights: Weights,
    environment: Environment,
    settings: Controller,
    inputs: Inputs,
    workers: int | None,
) -> AbstractContextManager[Arena]:
    """Return where candidates are scored, as the settings say."""
    if settings.train_in == "environment":
        return arenas.game(agent, weights, environment, workers)
    memory, latents = inputs["memory"], inputs["latents"]
    dream = arenas.open_dream(memory, latents, settings.temperature)
    return arenas.dreams(agent, dream)


def _begin(plan: Plan, inputs: Inputs) -> Search:
    settings, dimension = plan.settings, plan.es.dimension
    if "previous" in inputs:
        return from_arrays(inputs["previous"].tree("state"))
    if inputs["start"]:
        mean = _first_mean(inputs["start"], dimension)
    else:
        mean = np.full(dimension, settings.initial_mean, plan.shared.dtype)
    steps = settings.initial_steps or plan.max_steps
    return Search(cma_es.initial(plan.es, mean), steps, -np.inf)


def _first_mean(start: Sequence[Artifact], dimension: int) -> np.ndarray:
    mean, _ = networks.best_controller(start)
    if len(mean) != dimension:
        raise ArtifactError(
            f"{start[0].path} has controllers of {len(mean):,} parameters and this "
            f"search those of {dimension:,}; start afresh"
        )
    return mean


def _evolve(
    plan: Plan, search: Search, block: int, saved: Checkpoint, log: Path | None
) -> tuple[Search, Records]:
    """Run the generations of a block that are not in its checkpoint yet."""
    first = block * plan.settings.generations_per_block
    last = first + plan.settings.generations_per_block
    records: Records = {name: [] for name in _GENERATION | _SELECTION}
    found = saved.load()
    if found is not None:
        search = from_arrays(found["search"])
        records |= {name: list(rows) for name, rows in found["records"].items()}
    done = int(search.cma.generation)
    with Progress(STAGE, last, log, initial=done) as progress:
        for generation in range(done, last):
            search = _generation(plan, search, generation, records)
            shown = {"mean": records["fitness"][-1].mean(), "sigma": search.cma.sigma}
            if (generation + 1) % plan.settings.select_every == 0:
                _select(plan, search, generation + 1, records)
                shown["tested"] = records["selection/returns"][-1].mean()
            rows = {name: np.stack(rows) for name, rows in records.items() if rows}
            saved.save({"search": search.to_arrays(), "records": rows})
            progress.update(1, **{name: float(v) for name, v in shown.items()})
    return search, records


def _generation(
    plan: Plan, search: Search, generation: int, records: Records
) -> Search:
    settings = plan.settings
    key = key_for(plan.shared.seed, plan.round, "controller population", generation)
    population, cma = cma_es.ask(plan.es, key, search.cma)
    population = np.asarray(population)
    seeds = _training_seeds(plan, generation)
    scores = plan.drive(population, seeds, search.steps)
    fitness = scores.mean(axis=1)
    cma_es.check_fitness(fitness, f"generation {generation}")
    cma = cma_es.tell(plan.es, cma, population, fitness)
    records["population"].append(population)
    records["fitness"].append(scores)
    records["track_seed"].append(seeds)
    records["steps"].append(np.int32(search.steps))
    records["mean"].append(np.asarray(cma.mean))
    records["sigma"].append(np.asarray(cma.sigma))
    return _grow(search._replace(cma=cma), float(fitness.mean()), settings, plan)


def _training_seeds(plan: Plan, generation: int) -> np.ndarray:
    """Return the seeds of a generation's tracks: [R] of all, or [P, R] of each."""
    settings = plan.settings
    own = () if settings.common_tracks else (settings.population,)
    shape = (*own, settings.rollouts)
    count = math.prod(shape)
    first = generation * count
    seeds = episode_seeds(Purpose.TRAINING, plan.shared.seed, plan.round, first, count)
    return seeds.reshape(shape)


def _grow(search: Search, mean: float, settings: Controller, plan: Plan) -> Search:
    """Lengthen the episodes whenever the population's mean fitness improves."""
    if mean <= search.best:
        return search
    steps = min(search.steps + settings.step_increment, plan.max_steps)
    return search._replace(best=mean, steps=steps)


def _select(plan: Plan, search: Search, generation: int, records: Records) -> None:
    """Test the mean of the distribution on whole episodes of the selection tracks."""
    mean = np.asarray(search.cma.mean)
    scores = plan.drive(mean[None], _selection_seeds(plan), plan.max_steps)
    records["selection/generation"].append(np.int32(generation))
    records["selection/returns"].append(scores[0])
    records["selection/mean"].append(mean)


def _selection_seeds(plan: Plan) -> np.ndarray:
    count = plan.settings.selection_episodes
    return episode_seeds(Purpose.SELECTION, plan.shared.seed, plan.round, 0, count)


def _write(store: Writer, search: Search, records: Records, plan: Plan) -> None:
    dimensions = _GENERATION | _SELECTION
    if not plan.settings.common_tracks:
        dimensions |= {"track_seed": ("generation", "candidate", "track")}
    for name, along in dimensions.items():
        store.write(name, np.stack(records[name]), along)
    store.write("selection/seed", _selection_seeds(plan), ["selection_track"])
    store.tree("state", search.to_arrays())
