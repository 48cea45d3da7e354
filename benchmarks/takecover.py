"""TakeCover: steps a second of one engine and of a pool, and how long chance survives.

    python benchmarks/takecover.py [--steps 3000] [--episodes 100]

One engine plays beside ViZDoom's own gymnasium environment (320x240), in turns of 200
steps, both with and without the frames that V sees. The random policies then play the
first test episodes; the published figures are 210 +- 108 (actions drawn each tic) and
308 (the policy `held`: the mean length of the original's 10,000 recorded episodes, by
its log, which holds none of 100 tics or fewer: so the mean over longer ones is printed
too). Prints tables and, on the last line, the same as JSON.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator

import gymnasium
import numpy as np
import vizdoom.gymnasium_wrapper  # noqa: F401, registers ViZDoom's environments
from PIL import Image

from worldmodels.environments import EnvironmentSpec, takecover
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import TAKECOVER
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.scores.statistics import summarise

TURN = 200
SPEC = EnvironmentSpec(TAKECOVER.name, TAKECOVER.max_steps)


def shrink(observation: dict) -> np.ndarray:
    """Return what V would see of ViZDoom's observation: 5/6 of its rows, as ours."""
    image = Image.fromarray(observation["screen"][:200])
    return np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR))


@contextlib.contextmanager
def players() -> Iterator[dict[str, Callable[[int], None]]]:
    """Give what plays so many steps, by name."""
    ours, theirs = takecover.make(), gymnasium.make("VizdoomTakeCover-v1")

    def play(environment, look: Callable, steps: int) -> None:
        environment.reset(seed=0)
        for step in range(steps):
            frame, _, died, *_ = environment.step(environment.action_space.sample())
            look(frame)
            if died:
                environment.reset(seed=step)

    with tempfile.TemporaryDirectory() as folder:
        with contextlib.chdir(folder):  # ViZDoom leaves files where it starts
            theirs.reset()
        yield {
            "ours, 64x64 frames": lambda n: play(
                ours, lambda f: preprocess(f, TAKECOVER.view), n
            ),
            "ours, raw frames": lambda n: play(ours, lambda f: None, n),
            "ViZDoom's, 64x64 frames": lambda n: play(theirs, shrink, n),
            "ViZDoom's, raw frames": lambda n: play(theirs, lambda f: None, n),
        }
        ours.close()
        theirs.close()


def engine_rates(steps: int) -> dict[str, float]:
    """Return the median steps a second of each way to play, in turns."""
    with players() as ways:
        rates = {name: [] for name in ways}
        for _ in range(max(1, steps // TURN)):
            for name, play in ways.items():
                start = time.perf_counter()
                play(TURN)
                rates[name].append(TURN / (time.perf_counter() - start))
    return {name: float(np.median(measured)) for name, measured in rates.items()}


def survival(policy: str, episodes: int, slots: int = 16) -> tuple[np.ndarray, float]:
    """Return the tics survived [N], and the pool's steps a second, start excluded."""
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, episodes)
    with EnvironmentPool(SPEC, slots) as pool:
        driver = RandomSlots(policy, slots, TAKECOVER)
        for _ in run(pool, driver, [Episode(seed, 1) for seed in range(slots)]):
            pass
        start = time.perf_counter()
        planned = [Episode(int(seed), TAKECOVER.max_steps) for seed in seeds]
        lengths = np.array([result.length for result in run(pool, driver, planned)])
        return lengths, float(lengths.sum() / (time.perf_counter() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="of each way to play")
    parser.add_argument("--episodes", type=int, default=100, help="of each policy")
    args = parser.parse_args()
    rates = engine_rates(args.steps)
    print(f"{'one engine':26} {'steps/s':>8}")
    for name, rate in rates.items():
        print(f"{name:26} {rate:8.0f}")
    result = {"steps_per_second": rates, "cores": os.cpu_count(), "survival": {}}
    head = f"{'mean':>6} {'95 % interval':>16} {'std':>6} {'over 100':>8}"
    print(f"\n{'policy':12} {head} {'steps/s':>8}")
    for policy in ("white", "held", "held_uniform"):
        lengths, rate = survival(policy, args.episodes)
        told = summarise(lengths)
        interval = f"{told.low:.0f} to {told.high:.0f}"
        long = float(lengths[lengths > 100].mean())
        row = f"{told.mean:6.1f} {interval:>16} {told.std:6.1f} {long:8.1f}"
        print(f"{policy:12} {row} {rate:8.0f}")
        result["survival"][policy] = {
            "mean": told.mean, "interval": [told.low, told.high], "std": told.std,
            "mean_over_100": long,
            "pool_steps_per_second": rate,
        }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
