"""PixelCopter beside the original: steps with frames a CPU second, on one core.

    python benchmarks/pixelcopter.py [--original FOLDER] [--games 256] [--steps 1000]
        [--repeats 5]

FOLDER is a checkout of the PyGame Learning Environment (ntasfi/PyGame-Learning-
Environment on GitHub); without it ours is measured alone. Ups come by chance, on one
step of ten; an episode that is over begins anew. Ours sums every pixel of every frame
in the same program; the original returns its frame as an array. Both take turns, and
medians count. The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from worldmodels.environments.pixelcopter import functional
from worldmodels.runtime import devices

ORIGINAL_STEPS, CHANCE = 2000, 0.1


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that `work` takes."""
    start = time.process_time()
    jax.block_until_ready(work())
    return time.process_time() - start


def ours(games: int, steps: int, frames: bool, renewed: bool) -> Callable[[], object]:
    """Return what plays, with frames that are read or without any."""

    def step(carry, key):
        state, seen = carry
        ups, levels = jax.random.split(key)
        up = jax.random.bernoulli(ups, CHANCE, (games,)).astype(jnp.int32)
        state, drawn, reward, dead, _ = functional.step(state, up)
        if renewed:
            state, drawn = functional.renew(
                state, jax.random.split(levels, games), dead
            )
        seen = seen + reward.astype(jnp.int32)
        if frames:
            seen = seen + drawn.sum((1, 2), dtype=jnp.int32)
        return (state, seen), None

    @jax.jit
    def play(key: jax.Array) -> jax.Array:
        begin, during = jax.random.split(key)
        state, _ = functional.reset(jax.random.split(begin, games))
        carry = state, jnp.zeros(games, jnp.int32)
        return jax.lax.scan(step, carry, jax.random.split(during, steps))[0][1]

    jax.block_until_ready(play(jax.random.key(0)))
    return lambda: play(jax.random.key(1))


def originals(folder: Path) -> dict[str, Callable[[], object]]:
    """Return what plays the original, with frames and without."""
    os.environ |= {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    sys.path.insert(0, str(folder))
    from ple import PLE
    from ple.games.pixelcopter import Pixelcopter

    game = PLE(Pixelcopter(48, 48), fps=30, rng=0)
    up, nothing = game.getActionSet()

    def play(frames: bool) -> None:
        for _ in range(ORIGINAL_STEPS):
            game.act(up if random.random() < CHANCE else nothing)
            if frames:
                game.getScreenRGB()
            if game.game_over():
                game.reset_game()

    return {"original": lambda: play(True), "original, no frames": lambda: play(False)}


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Return the median steps a CPU second of each."""
    work = {
        "ours": ours(args.games, args.steps, True, True),
        "ours, no frames": ours(args.games, args.steps, False, True),
        "ours, no frames, never anew": ours(args.games, args.steps, False, False),
    }
    count = dict.fromkeys(work, args.games * args.steps)
    if args.original:
        found = originals(args.original)
        work, count = work | found, count | dict.fromkeys(found, ORIGINAL_STEPS)
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(args.repeats):
        for name, run in work.items():
            rates[name].append(count[name] / seconds(run))
    return {name: statistics.median(each) for name, each in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", type=Path, metavar="FOLDER")
    parser.add_argument("--games", type=int, default=256)
    parser.add_argument("--steps", type=int, default=1000, help="of each game")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    devices.prepare("float32")
    found = measure(args)
    for name, rate in found.items():
        print(f"{name:28s} {rate:10,.0f} steps a CPU second, {1e6 / rate:6.2f} us each")
    if args.original:
        print(
            f"with frames: {found['ours'] / found['original']:.1f} times the original"
        )
    print(json.dumps({"games": args.games, "steps": args.steps, **found}))


if __name__ == "__main__":
    main()
