"""TakeCover: how long players that learn nothing live in a dream and in the game.

    python benchmarks/habits.py results/takecover_laptop/round-0 [--temperature 1.15]

Where the two differ, the dream is wrong, and a C that learns there will use it: a dream
that lets a player stand still teaches it to stand still. The dream is that of the
round's M and begins at its own latents; the game's episodes are those of selection, on
which nothing is ever tested. Prints a table and, on the last line, the same as JSON.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.games import TAKECOVER
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.models.dream import Dream
from worldmodels.rollout import in_dream, in_simulator
from worldmodels.rollout.in_dream import AtRandom, Recorded
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.rollout.policies import random_policy
from worldmodels.runtime.randomness import (
    Purpose,
    episode_keys,
    episode_seeds,
    seed_words,
)
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.stores import agents, networks
from worldmodels.stores.artifact import open_artifact

STEPS, SLOTS = TAKECOVER.max_steps, 16
RANDOM = ("held", "held_uniform", "brownian")
TIME = np.arange(STEPS)


def by_turns(tics: int) -> np.ndarray:
    """Return moves [STEPS]: left and right by turns, the first turn of half as many."""
    return np.where((TIME + tics // 2) // tics % 2, -1.0, 1.0)


HABITS = {
    "stands still": 0.0 * TIME,
    "left, for ever": 0.0 * TIME - 1,
    "right, for ever": 0.0 * TIME + 1,
    **{f"by turns of {tics} tics": by_turns(tics) for tics in (40, 80, 120)},
}


class Habit:
    """An `EpisodePolicy` of the same moves in every episode."""

    def __init__(self, moves: np.ndarray):
        self._moves = moves.astype(np.float32)[:, None]
        self._step = np.zeros(SLOTS, int)

    def start(self, slot: int, episode: Episode) -> None:
        self._step[slot] = 0

    def act(self, frames: np.ndarray, active: np.ndarray) -> np.ndarray:
        actions = self._moves[np.minimum(self._step, STEPS - 1)]
        self._step += active
        return actions


def dreamt(dream: Dream, seeds: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each player lives in the dreams of `seeds` [N], in tics."""
    mesh, lived = in_simulator.devices(), {}
    for name in RANDOM:
        policy = random_policy(name, TAKECOVER)
        carries = policy.initial(episode_keys(seed_words(seeds), "policy"))
        carries = jax.tree.map(lambda x: x[:, None], carries)
        actor = AtRandom(policy)
        lived[name] = in_dream.totals(mesh, dream, actor, carries, seeds, STEPS)
    for name, moves in HABITS.items():
        moves = jnp.asarray(moves, jnp.float32)[None, :, None]
        carries = jnp.broadcast_to(moves, (len(seeds), STEPS, 1))
        lived[name] = in_dream.totals(mesh, dream, Recorded(), carries, seeds, STEPS)
    return lived


def played(seeds: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each player lives in the game's episodes of `seeds` [N], in tics."""
    players: dict[str, Callable] = {
        name: lambda name=name: RandomSlots(name, SLOTS, TAKECOVER) for name in RANDOM
    }
    players |= {name: lambda moves=m: Habit(moves) for name, m in HABITS.items()}
    episodes = [Episode(int(seed), STEPS) for seed in seeds]
    with EnvironmentPool(EnvironmentSpec(TAKECOVER.name, STEPS), SLOTS) as pool:
        return {
            name: np.array([result.length for result in run(pool, player(), episodes)])
            for name, player in players.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("round", type=Path, help="folder of a round's stores")
    parser.add_argument("--temperature", type=float, default=1.15, help="of the dream")
    parser.add_argument("--dreams", type=int, default=128, help="of each player")
    parser.add_argument("--episodes", type=int, default=32, help="of each player")
    args = parser.parse_args()
    memory = open_artifact(args.round / "memory.zarr", "memory")
    latents = agents.open_latents(memory, ())
    dream = networks.load_dream(memory, latents, args.temperature)
    seeds = episode_seeds(Purpose.SELECTION, 0, 0, 0, max(args.dreams, args.episodes))
    places = {
        "dream": dreamt(dream, seeds[: args.dreams]),
        "game": played(seeds[: args.episodes]),
    }
    told = {
        place: {name: summarise(lived) for name, lived in players.items()}
        for place, players in places.items()
    }
    print(f"{'player':22} {'dream':>24} {'game':>24}")
    for name in told["game"]:
        row = (shown(told[place][name]) for place in ("dream", "game"))
        print(f"{name:22} " + " ".join(f"{cell:>24}" for cell in row))
    print(
        json.dumps(
            {
                place: {
                    name: {"mean": found.mean, "interval": [found.low, found.high]}
                    for name, found in players.items()
                }
                for place, players in told.items()
            }
        )
    )


def shown(found: Summary) -> str:
    return f"{found.mean:.0f} ({found.low:.0f} to {found.high:.0f})"


if __name__ == "__main__":
    main()
