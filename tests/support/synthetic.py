"""A whole small experiment without any driving or training: one store of every kind.

Sizes are small, values are random, layout and attributes are those of the stages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from support.presets import PAPER
from worldmodels.environments.games import game_of
from worldmodels.experiment.settings import Run
from worldmodels.experiment.stages import recorded, sections_of
from worldmodels.models import memory, vision
from worldmodels.models.controller import Controller
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.training import excerpts

EPISODES, STEPS, LATENT, HIDDEN, ACTION = 3, 12, 8, 16, 3
FEATURES = (("h", HIDDEN), ("c", HIDDEN))
GENERATIONS, POPULATION, ROLLOUTS, SELECTION = 4, 5, 2, 3
TRACKS = 6
UPDATES = 30

SETTINGS = PAPER.changed(
    environment={"max_steps": STEPS, "slots": 2},
    rollouts={"episodes": 6, "episodes_per_shard": EPISODES, "steps": STEPS},
    vision={
        "latent_size": LATENT,
        "channels": (8, 8, 8, 8),
        "decoder_channels": (8, 8, 8),
    },
    memory={"hidden_size": HIDDEN, "mixtures": 2},
    controller={
        "population": POPULATION,
        "rollouts": ROLLOUTS,
        "generations": 2 * GENERATIONS,
        "generations_per_block": GENERATIONS,
        "select_every": 2,
        "selection_episodes": SELECTION,
    },
    evaluation={"episodes": TRACKS},
)


@dataclass(frozen=True)
class Stores:
    """The stores of one round."""

    rollouts: tuple[Artifact, ...]
    vision: Artifact
    latents: tuple[Artifact, ...]
    memory: Artifact
    controller: tuple[Artifact, ...]
    evaluation: Artifact

    @property
    def paths(self) -> list[Path]:
        """All of them, in the order that they were made."""
        stores = [*self.rollouts, self.vision, *self.latents, self.memory]
        return [a.path for a in [*stores, *self.controller, self.evaluation]]


def make_round(folder: Path, number: int = 0, drives: dict | None = None) -> Stores:
    """Write all stores of one round below `folder` and open them.

    Args:
        drives: arrays of the evaluation's agent that replace the random ones.
    """
    place = folder / f"round-{number}"
    rng = np.random.default_rng(number)
    rollouts = tuple(make_rollouts(place, number, shard, rng) for shard in range(2))
    v_store = make_vision(place, number, rollouts, rng)
    latents = tuple(make_latents(place, number, r, v_store, rng) for r in rollouts)
    m_store = make_memory(place, number, latents, rng)
    first = make_controller(place, number, v_store, m_store, None, rng)
    second = make_controller(place, number, v_store, m_store, first, rng)
    scores = make_evaluation(
        place, number, (v_store, m_store, first, second), rng, drives
    )
    return Stores(rollouts, v_store, latents, m_store, (first, second), scores)


def game():
    """Return the game that is played; ACTION is the size of its actions."""
    return game_of(SETTINGS.environment.name)


def _config(stage: str, number: int, **more) -> dict:
    used = recorded(stage, number, *sections_of(stage, Run(), SETTINGS))
    return used | {"round": number} | more


def _create(path: Path, stage: str, config: dict, inputs: dict):
    return publication.create(
        path, stage, config=config, inputs=inputs, stage_version=1, game=game()
    )


def make_rollouts(
    place: Path, number: int, shard: int, rng: np.random.Generator
) -> Artifact:
    path = place / "rollouts" / f"shard-{shard:03d}.zarr"
    with _create(path, "rollouts", _config("rollouts", number, shard=shard), {}) as s:
        s.write("frames", _frames(rng), ("episode", "time", "y", "x", "channel"))
        _write_steps(s, rng, number, shard)
    return open_artifact(path)


def _frames(rng: np.random.Generator) -> np.ndarray:
    """Road-like bands that move, so that frames and episodes differ: [E, T, ...]."""
    frames = np.full((EPISODES, STEPS, 64, 64, 3), (100, 200, 100), np.uint8)
    for episode in range(EPISODES):
        left = rng.integers(5, 40)
        for t in range(STEPS):
            frames[episode, t, :, left + t // 2 : left + t // 2 + 14] = 105
    return frames


def _write_steps(store, rng: np.random.Generator, number: int, shard: int) -> None:
    shape = (EPISODES, STEPS)
    length = np.full(EPISODES, STEPS, np.int32)
    length[1] = STEPS - 3  # of shard 1 it is what M is kept from first
    seeds = episode_seeds(Purpose.ROLLOUT, 0, number, shard * EPISODES, EPISODES)
    actions = rng.uniform(0, 1, (*shape, ACTION)).astype(np.float32)
    store.write("actions", actions, ("episode", "time", "action"))
    store.write(
        "rewards", rng.normal(size=shape).astype(np.float32), ("episode", "time")
    )
    store.write("terminated", np.zeros(shape, bool), ("episode", "time"))
    store.write("length", length, ("episode",))
    store.write("seed", seeds, ("episode",))


def _write_history(store, names: Sequence[str], rng: np.random.Generator) -> None:
    fall = np.exp(-np.arange(UPDATES) / 8)
    for scale, name in enumerate(names, 1):
        values = (scale * 10 * fall + rng.uniform(1, 2, UPDATES)).astype(np.float32)
        store.write(f"history/{name}", values, ("update",))


def make_vision(
    place: Path, number: int, rollouts: Sequence[Artifact], rng: np.random.Generator
) -> Artifact:
    path, config = place / "vision.zarr", _config("vision", number)
    params = vision.initial(jax.random.key(number), networks.vision_model(config))
    with _create(path, "vision", config, {"rollouts": rollouts}) as store:
        store.tree("params", params)
        _write_history(store, ("loss", "recon", "kl", "grad_norm"), rng)
        for name, written in (excerpts.arrays(rollouts, 0) if rollouts else {}).items():
            store.write(name, *written)
    return open_artifact(path)


def make_latents(
    place: Path,
    number: int,
    shard: Artifact,
    v_store: Artifact,
    rng: np.random.Generator,
) -> Artifact:
    path = place / "latents" / shard.path.name
    config = _config("latents", number, shard=shard.config["shard"], latent_size=LATENT)
    with _create(path, "latents", config, {"vision": v_store, "rollouts": shard}) as s:
        for name in ("mu", "logvar"):
            values = rng.normal(size=(EPISODES, STEPS, LATENT)).astype(np.float16)
            s.write(name, values, ("episode", "time", "latent"))
        for name in ("actions", "rewards", "terminated", "length", "seed"):
            s.write(name, shard.read(name))
    return open_artifact(path)


def make_memory(
    place: Path, number: int, latents: Sequence[Artifact], rng: np.random.Generator
) -> Artifact:
    path = place / "memory.zarr"
    config = _config("memory", number, latent_size=LATENT, action_size=ACTION)
    params = memory.initial(jax.random.key(number), networks.memory_model(config))
    with _create(path, "memory", config, {"latents": latents}) as store:
        store.tree("params", params)
        _write_history(store, ("loss", "nll", "grad_norm"), rng)
        # As with debug; V is without.
        of_each = [f"grad_norm.{name}" for name in params]
        _write_history(store, of_each, np.random.default_rng(number))
    return open_artifact(path)


def make_controller(
    place: Path,
    number: int,
    v_store: Artifact,
    m_store: Artifact,
    previous: Artifact | None,
    rng: np.random.Generator,
) -> Artifact:
    block = 0 if previous is None else previous.config["block"] + 1
    path = place / "controller" / f"block-{block:04d}.zarr"
    sizes = {"latent_size": LATENT, "features": dict(FEATURES), "action_size": ACTION}
    config = _config("controller", number, block=block, **sizes)
    inputs = {"vision": v_store, "memory": m_store}
    if previous is not None:
        inputs["previous"] = previous
    with _create(path, "controller", config, inputs) as store:
        _write_generations(store, block, rng)
    return open_artifact(path)


def _write_generations(store, block: int, rng: np.random.Generator) -> None:
    count = Controller(LATENT, FEATURES, game()).parameter_count
    shape = (GENERATIONS, POPULATION)
    fitness = rng.normal(100 * block, 20, (*shape, ROLLOUTS)).astype(np.float32)
    population = rng.normal(size=(*shape, count)).astype(np.float32)
    first = block * GENERATIONS
    seeds = episode_seeds(Purpose.TRAINING, 0, 0, first, GENERATIONS * ROLLOUTS)
    seeds = seeds.reshape(GENERATIONS, ROLLOUTS)
    store.write("population", population, ("generation", "candidate", "parameter"))
    store.write("fitness", fitness, ("generation", "candidate", "track"))
    store.write("track_seed", seeds, ("generation", "track"))
    store.write("steps", np.full(GENERATIONS, STEPS, np.int32), ("generation",))
    store.write("mean", population.mean(axis=1), ("generation", "parameter"))
    store.write("sigma", np.full(GENERATIONS, 0.1, np.float32), ("generation",))
    tested = np.arange(2, GENERATIONS + 1, 2, dtype=np.int32)
    returns = rng.normal(100 * block, 20, (len(tested), SELECTION)).astype(np.float32)
    selection = episode_seeds(Purpose.SELECTION, 0, 0, 0, SELECTION)
    store.write("selection/generation", first + tested, ("test",))
    store.write("selection/returns", returns, ("test", "selection_track"))
    store.write("selection/seed", selection, ("selection_track",))
    means = population.mean(axis=1)[tested - 1]
    store.write("selection/mean", means, ("test", "parameter"))


def make_evaluation(
    place: Path,
    number: int,
    inputs: tuple[Artifact, Artifact, Artifact, Artifact],
    rng: np.random.Generator,
    drives: dict | None,
) -> Artifact:
    path = place / "evaluation.zarr"
    v_store, m_store, *blocks = inputs
    roles = {"vision": v_store, "memory": m_store, "controller": blocks}
    with _create(path, "evaluation", _config("evaluation", number), roles) as store:
        for driver, level in (("agent", 50.0), ("random", -35.0)):
            arrays = _drives(rng, level) | ((driver == "agent" and drives) or {})
            for name, values in arrays.items():
                store.write(f"{driver}/{name}", values)
            if driver == "agent" and game().simulated:
                _write_simulated(store, arrays, rng)
        best, generation = networks.best_controller(blocks)
        store.write("controller", best, ("parameter",))
        store.write("generation", np.int32(generation))
    return open_artifact(path)


def _write_simulated(store, drives: dict, rng: np.random.Generator) -> None:
    """Write what the agent scored in the simulator, two more than in gymnasium."""
    returns = drives["returns"] + rng.normal(2, 0.1, TRACKS).astype(np.float32)
    store.write("simulator/returns", returns, ("episode",))
    store.write("simulator/seed", drives["seed"], ("episode",))


def make_scores(path: Path, seed: int, returns: list[float], first: int = 0) -> Path:
    """Write an evaluation of a training with `seed` on test tracks from `first` on.

    The random policy scores 10 less than the agent on each.
    """
    used = sections_of("evaluation", Run(seed=seed), SETTINGS)
    config = recorded("evaluation", 0, *used) | {"round": 0}
    tracks = episode_seeds(Purpose.TEST, 0, 0, first, len(returns))
    with _create(path, "evaluation", config, {}) as store:
        for name, less in (("agent", 0), ("random", 10)):
            scored = np.array(returns, np.float32) - less
            store.write(f"{name}/returns", scored, ("episode",))
            store.write(f"{name}/seed", tracks, ("episode",))
    return path


def _drives(rng: np.random.Generator, level: float) -> dict[str, np.ndarray]:
    rewards = rng.normal(level / STEPS, 1, (TRACKS, STEPS)).astype(np.float32)
    return {
        "returns": rewards.sum(axis=1),
        "length": np.full(TRACKS, STEPS, np.int32),
        "seed": episode_seeds(Purpose.TEST, 0, 0, 0, TRACKS),
        "actions": rng.uniform(0, 1, (TRACKS, STEPS, ACTION)).astype(np.float32),
        "rewards": rewards,
    }
