"""TakeCover: what C learns in dreams where death is drawn, or has a threshold.

    python benchmarks/death_rule.py pretrained/takecover.zarr --out results/death_rule
        [--seeds 1] [--generations 12] [--episodes 100]

V, M and the starts of dreams are the agent store's; C is evolved afresh in M's dream
under each rule of `controller.death`, with the settings and seeds that the store
records. The mean with the best test is then scored in the game, on the same unseen
episodes for both rules, and in its own dream. What is done is kept in the folder
`--out`, so a run that was stopped goes on there. Prints a table and, on the last line,
the same as JSON.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from worldmodels.models.dream import death_threshold
from worldmodels.rollout import arenas, scoring
from worldmodels.rollout.in_gymnasium import AgentSlots
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds, key_for
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.search.cma_es import CMAES
from worldmodels.search.optimiser import check_fitness
from worldmodels.stores import agents
from worldmodels.stores.agents import Driver
from worldmodels.stores.artifact import open_artifact

RULES = ("drawn", "threshold")


def evolved(driver: Driver, settings: dict, seed: int, count: int) -> np.ndarray:
    """Return the best tested mean [D] of so many generations in the dream."""
    size, steps = driver.agent.controller.parameter_count, driver.environment.max_steps
    score = arenas.dreams(driver.agent, driver.dream)
    search = CMAES(settings["population"], size, settings["sigma"])
    state = search.initial(np.zeros(size, np.float32))
    tests = episode_seeds(Purpose.SELECTION, seed, 0, 0, settings["selection_episodes"])
    best, best_score = None, -np.inf
    with Progress("generations", count, None) as progress:
        for generation in range(count):
            key = key_for(seed, 0, "controller population", generation)
            population, state = search.ask(key, state)
            population = np.asarray(population)
            r = settings["rollouts"]
            seeds = episode_seeds(Purpose.TRAINING, seed, 0, generation * r, r)
            fitness = score(population, seeds, steps).mean(axis=1)
            check_fitness(fitness, f"generation {generation}")
            state = search.tell(state, population, fitness)
            shown = {"mean": float(fitness.mean())}
            if (generation + 1) % settings["select_every"] == 0:
                mean = np.asarray(state.mean)
                tested = float(score(mean[None], tests, steps).mean())
                shown["tested"] = tested
                if tested > best_score:
                    best, best_score = mean, tested
            progress.update(1, **shown)
    return best


def scored(driver: Driver, controller: np.ndarray, episodes: int) -> dict:
    """Return the returns [N] in the game and in the dream, on the same seeds."""
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, episodes)
    agent, world = driver.agent, driver.environment
    policy = AgentSlots(agent, driver.weights, controller[None], world.slots)
    dreams = arenas.dreams(agent, driver.dream)
    dreamt = scoring.score_one(dreams, controller, seeds, world.max_steps)
    with (
        arenas.pool_of(world, None) as pool,
        Progress("game", episodes, None) as progress,
    ):
        played = scoring.drive(pool, policy, seeds, world.max_steps, progress)
    return {"game": played["returns"], "dream": dreamt["returns"]}


def measured(driver: Driver, settings: dict, file: Path, seed: int, args) -> dict:
    """Return the returns of one training, from `file` where it is done already."""
    if not file.exists():
        controller = evolved(driver, settings, seed, args.generations)
        found = scored(driver, controller, args.episodes)
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".part.npz")
        np.savez(half, controller=controller, **found)
        half.rename(file)
    with np.load(file) as stored:
        return {place: stored[place] for place in ("game", "dream")}


def shown(found: Summary) -> str:
    return f"{found.mean:.0f} ({found.low:.0f} to {found.high:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pretrained", type=Path, help="agent store that dreamt")
    parser.add_argument("--out", type=Path, required=True, help="folder of results")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each rule")
    parser.add_argument("--generations", type=int, default=12)
    parser.add_argument("--episodes", type=int, default=100, help="of the game")
    args = parser.parse_args()
    driver = agents.from_pretrained(args.pretrained)
    config = open_artifact(args.pretrained, "agent").config
    threshold = death_threshold(config["memory"]["death_weight"])
    thresholds = {"drawn": None, "threshold": threshold}
    result = {}
    print(f"{'seed':4} {'death':10} {'game':>22} {'own dream':>22}")
    for seed in range(args.seeds):
        for rule in RULES:
            dream = replace(driver.dream, death_threshold=thresholds[rule])
            file = args.out / f"{rule}-{seed}.npz"
            told = measured(
                driver._replace(dream=dream), config["controller"], file, seed, args
            )
            told = {place: summarise(returns) for place, returns in told.items()}
            row = " ".join(f"{shown(told[place]):>22}" for place in ("game", "dream"))
            print(f"{seed:4} {rule:10} {row}", flush=True)
            result[f"{rule}-{seed}"] = {
                place: {"mean": s.mean, "interval": [s.low, s.high], "std": s.std}
                for place, s in told.items()
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
