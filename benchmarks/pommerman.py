"""Pommerman beside the original: steps a CPU second, on one core.

    python benchmarks/pommerman.py [--original FOLDER] [--games 256] [--steps 500]
        [--repeats 5]

FOLDER is a checkout of the original (MultiAgentLearning/playground on GitHub); without
it ours is measured alone. A game that is over begins anew on a fresh board. Ours counts
with the policy, with boards and with observations, whose integers are all read; the
original's is its forward model alone or with its dictionaries of observations, under
uniform actions that were drawn before, boards not counted. Both take turns, and medians
count. The last line is JSON.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pommerman import functional, policies
from worldmodels.runtime import devices

ORIGINAL_STEPS, BOARDS = 1000, 100


def ours(policy: Callable, games: int, steps: int) -> Callable[[], float]:
    """Return what plays, with observations that are read; it returns its rate."""

    def step(carry, key):
        state, total = carry
        acts, boards = (jax.random.split(each, games) for each in jax.random.split(key))
        state, seen, _, over, late = functional.step(state, policy(acts, state))
        state, _ = functional.renew(state, boards, over | late)
        return (state, total + seen.sum(dtype=jnp.int32)), None

    @jax.jit
    def play(key: jax.Array) -> jax.Array:
        begin, during = jax.random.split(key)
        state, _ = functional.reset(jax.random.split(begin, games))
        keys = jax.random.split(during, steps)
        return jax.lax.scan(step, (state, jnp.int32(0)), keys)[0][1]

    def rate() -> float:
        start = time.process_time()
        jax.block_until_ready(play(jax.random.key(1)))
        return games * steps / (time.process_time() - start)

    jax.block_until_ready(play(jax.random.key(0)))
    return rate


def originals(folder: Path) -> dict[str, Callable[[], float]]:
    """Return what plays the original, with observations and without."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from fixtures import record_pommerman as recorder

    original, rng = recorder.load(folder), np.random.default_rng(0)
    kind = original.constants.GameType.FFA
    actions = rng.integers(0, 6, (ORIGINAL_STEPS, 4)).tolist()

    def rate(observe: bool) -> float:
        games = [recorder.Game(original) for _ in range(BOARDS)]
        for seed, game in enumerate(games):
            game.draw(seed)
        start, left = time.process_time(), iter(games)
        game = next(left)
        for each in actions:
            game.step(each)
            if observe:
                game.observe()
            if original.model.get_done(game.agents, 0, 800, kind, None):
                game = next(left)
        return ORIGINAL_STEPS / (time.process_time() - start)

    return {
        "original, with observations": lambda: rate(True),
        "original, without": lambda: rate(False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", type=Path, metavar="FOLDER")
    parser.add_argument("--games", type=int, default=256)
    parser.add_argument("--steps", type=int, default=500, help="of each game")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    devices.prepare("float32")
    work = {
        "ours, uniform agents": ours(policies.uniform, args.games, args.steps),
        "ours, cautious agents": ours(policies.cautious, args.games, args.steps),
    }
    if args.original:
        work |= originals(args.original)
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(args.repeats):
        for name, rate in work.items():
            rates[name].append(rate())
    found = {name: statistics.median(each) for name, each in rates.items()}
    for name, rate in found.items():
        print(f"{name:28s} {rate:8,.0f} steps a CPU second, {1e6 / rate:6.1f} us each")
    print(json.dumps({"games": args.games, "steps": args.steps, **found}))


if __name__ == "__main__":
    main()
