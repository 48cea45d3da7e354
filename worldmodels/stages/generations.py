"""The generations of a block of C's search, and where they stand.

Each draws candidates, scores them on new tracks and moves the distribution; every k-th
tests its mean on selection tracks. All that the next one depends on is in a `Standing`.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from worldmodels.experiment.settings import Controller, Run
from worldmodels.models.controller import Controller as Shape
from worldmodels.rollout.arenas import Arena
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds, key_for
from worldmodels.search.optimiser import Optimiser, check_fitness
from worldmodels.stores.checkpoint import Checkpoint
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
History = dict[str, list[np.ndarray]]  # a row a generation, or a test


class Standing(NamedTuple):
    """Where the search stands: all that the next generation depends on.

    The optimiser's candidates act on what C reads less `origin`; elsewhere, in stores
    too, parameters are those of C itself.
    """

    search: Any  # the optimiser's state
    steps: int  # in an episode, at this point of the curriculum
    best: float  # the best mean fitness of a generation so far
    origin: np.ndarray | None  # [F]; None: zero


class Task(NamedTuple):
    """What every generation of a block is done with."""

    optimiser: Optimiser
    arena: Arena
    shape: Shape
    shared: Run
    settings: Controller
    max_steps: int
    round: int

    def begin(self, mean: np.ndarray, origin: np.ndarray | None) -> Standing:
        """Return where a search stands that begins with parameters of C [D]."""
        if origin is not None:
            mean = np.asarray(_read_from(self.shape, mean[None], -origin))[0]
        steps = self.settings.initial_steps or self.max_steps
        return Standing(self.optimiser.initial(mean), steps, -np.inf, origin)

    def of_c(self, drawn: Any, standing: Standing) -> np.ndarray:
        """Return the optimiser's candidates [P, D] as parameters of C."""
        if standing.origin is not None:
            drawn = _read_from(self.shape, drawn, standing.origin)
        return np.asarray(drawn)

    def mean(self, standing: Standing) -> np.ndarray:
        """Return the mean of the distribution [D], as parameters of C."""
        mean = np.asarray(self.optimiser.mean(standing.search))
        return self.of_c(mean[None], standing)[0]

    def to_arrays(self, standing: Standing) -> dict[str, Any]:
        """Return a standing as nested arrays, for a store or a checkpoint."""
        search = self.optimiser.to_arrays(standing.search)
        curriculum = {
            "steps": np.array(standing.steps),
            "best": np.array(standing.best),
        }
        origin = {} if standing.origin is None else {"origin": standing.origin}
        return {self.optimiser.group: search} | origin | curriculum

    def from_arrays(self, arrays: dict[str, Any]) -> Standing:
        """Return the standing that `to_arrays` took apart."""
        search = self.optimiser.from_arrays(arrays.get(self.optimiser.group, {}))
        curriculum = int(arrays["steps"]), float(arrays["best"])
        return Standing(search, *curriculum, arrays.get("origin"))


@partial(jax.jit, static_argnums=0)
def _read_from(shape: Shape, params: jax.Array, origin: jax.Array) -> jax.Array:
    return jax.vmap(shape.read_from, in_axes=(0, None))(params, origin)


def evolve(
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
    drawn, search = optimiser.ask(key, standing.search)
    population = task.of_c(drawn, standing)
    seeds = _training_seeds(task, generation)
    scores = task.arena.learning(population, seeds, standing.steps)
    fitness = scores.mean(axis=1)
    check_fitness(fitness, f"generation {generation}")
    standing = standing._replace(search=optimiser.tell(search, drawn, fitness))
    sigma = optimiser.sigma(standing.search)
    history["population"].append(population)
    history["fitness"].append(scores)
    history["track_seed"].append(seeds)
    history["steps"].append(np.int32(standing.steps))
    history["mean"].append(task.mean(standing))
    if sigma is not None:
        history["sigma"].append(np.asarray(sigma))
    return _grow(standing, float(fitness.mean()), task)


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
    mean = task.mean(standing)
    scores = task.arena.testing(mean[None], _selection_seeds(task), task.max_steps)
    history["selection/generation"].append(np.int32(generation))
    history["selection/returns"].append(scores[0])
    history["selection/mean"].append(mean)


def _selection_seeds(task: Task) -> np.ndarray:
    count = task.settings.selection_episodes
    return episode_seeds(Purpose.SELECTION, task.shared.seed, task.round, 0, count)


def write(store: Writer, standing: Standing, history: History, task: Task) -> None:
    dimensions = _GENERATION | _SELECTION
    if not task.settings.common_tracks:
        dimensions |= {"track_seed": ("generation", "candidate", "track")}
    for name, along in dimensions.items():
        if name != "sigma" or history[name]:  # a strategy may have no step size
            store.write(name, np.stack(history[name]), along)
    store.write("selection/seed", _selection_seeds(task), ["selection_track"])
    store.tree("state", task.to_arrays(standing))
