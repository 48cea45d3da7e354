"""Whether M's dream ranks policies as the game does.

    python benchmarks/dream_ranking.py results/<experiment>/round-5
        [results/<experiment>/round-6 ...] [--dreams 128] [--temperature 1.15]

A search that learns in dreams and is tested in the game (`controller.test_in:
environment`) keeps what each tested mean earned in the game. Here those means, of the
searches of all the given rounds, dream in the M of the first round. That M has learnt
from drives of earlier rounds, and from none of these searches. Where its dream orders
the means as the game does, Spearman's rank correlation is near 1. Below 0 the dream
leads its search astray. All rounds must have had the same V. Prints a table and, on the
last line, the same as JSON.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from worldmodels.models.dream import Dream
from worldmodels.rollout import arenas
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.stores import agents, networks
from worldmodels.stores.agents import AgentStores
from worldmodels.stores.searches import learnt_in_dream, tested_in_dream


class Tested(NamedTuple):
    """The tested means of one search."""

    generation: np.ndarray  # [K]
    mean: np.ndarray  # [K, D]
    game: np.ndarray  # [K] mean return over the selection episodes


def search(stores: AgentStores) -> Tested:
    """Return the means of a search that learnt in dreams and was tested in the game."""
    blocks = stores.controller
    config = blocks[0].config
    if not learnt_in_dream(config) or tested_in_dream(config):
        raise UserError(
            f"{blocks[0].path} was not tested in the game while it learnt in dreams; "
            "give rounds with controller.train_in: dream and test_in: environment"
        )
    names = "generation", "mean", "returns"
    found = (
        np.concatenate([b.read(f"selection/{name}") for b in blocks]) for name in names
    )
    generation, mean, returns = found
    return Tested(generation, mean, returns.mean(axis=1))


def check_one_vision(rounds: dict[Path, AgentStores]) -> None:
    """Refuse rounds whose V is not the first one's: z would mean something else."""
    first, *others = rounds
    whole = rounds[first].vision.tree("params")
    for other in others:
        if not _equal(whole, rounds[other].vision.tree("params")):
            raise UserError(
                f"V of {other} is not that of {first}; give rounds of one V"
            )


def _equal(one: dict, other: dict) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _equal(one[name], other[name]) for name in one
        )
    return np.array_equal(one, other)


def dream_of(stores: AgentStores, temperature: float | None) -> Dream:
    """Return the dream that a round's C learnt in, from first frames."""
    config = stores.controller[0].config
    latents = agents.open_latents(stores.memory, [])
    tau = config["temperature"] if temperature is None else temperature
    rule = networks.death_rule(config)
    precision = networks.load_memory(stores.memory)[0].precision
    return arenas.open_dream(stores.memory, latents, tau, rule, precision)


def measured(rounds: dict[Path, AgentStores], dreams: int, temperature) -> dict:
    """Print a table of every search, and return it."""
    tested = {place: search(stores) for place, stores in rounds.items()}
    check_one_vision(rounds)
    first = next(iter(rounds.values()))
    driver = agents.from_stores(first)
    dream, game = dream_of(first, temperature), networks.known_game(first.memory)
    config = first.controller[0].config
    steps = config["initial_steps"] or driver.environment.max_steps
    seeds = episode_seeds(Purpose.SELECTION, config["seed"], 0, 0, dreams)
    result = {}
    for place, means in tested.items():
        own = rounds[place].controller[0].config
        agent, _ = networks.load_agent(first.vision, first.memory, own, game)
        if means.mean.shape[1] != agent.controller.parameter_count:
            raise UserError(f"C of {place} reads an M of another size; leave it out")
        score = arenas.dreams(agent, dream)
        dreamt = np.asarray(score(means.mean, seeds, steps)).mean(axis=1)
        agreement = float(spearmanr(means.game, dreamt).statistic)
        print(f"{place}: rank correlation {agreement:.2f}")
        print("generation  " + " ".join(f"{n:6}" for n in means.generation))
        print("in the game " + " ".join(f"{x:6.0f}" for x in means.game))
        print("dreamt      " + " ".join(f"{x:6.0f}" for x in dreamt), flush=True)
        result[str(place)] = {
            "rank_correlation": agreement,
            "generation": means.generation.tolist(),
            "game": means.game.tolist(),
            "dream": dreamt.tolist(),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=Path, nargs="+", help="folders of rounds")
    parser.add_argument("--dreams", type=int, default=128, help="of every mean")
    parser.add_argument("--temperature", type=float, help="default: the search's own")
    args = parser.parse_args()
    try:
        rounds = {
            place: agents.open_stores([place / "controller"], None, None)
            for place in args.rounds
        }
        result = measured(rounds, args.dreams, args.temperature)
    except UserError as error:
        parser.error(str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
