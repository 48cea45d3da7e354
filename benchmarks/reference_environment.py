"""Our CarRacing beside gymnasium's own: milliseconds a step, in one interleaved run.

    python benchmarks/reference_environment.py [--steps 300] [--seeds 3]

Both drive the same tracks with the same random actions, taking turns of 25 steps, so
that noise of the machine meets both and neither finds its caches full of the other.
Prints a table and, on the last line, the same as JSON.
"""

import argparse
import json
import time

import gymnasium
import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.carracing import reference
from worldmodels.environments.games import CARRACING
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.in_gymnasium import RandomSlots

ZOOM_STEPS = 50  # the first second: the whole track is in sight
TURN = 25


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return (time.perf_counter() - start) * 1e3


def side_by_side(seeds: int, steps: int) -> np.ndarray:
    """Return milliseconds [seeds, steps, 2]: gymnasium's, ours."""
    environments = gymnasium.make("CarRacing-v3"), reference.make(steps)
    times = np.empty((seeds, steps, 2))
    for seed in range(seeds):
        for environment in environments:
            environment.reset(seed=seed)
        actions = brownian_actions(seed, steps)
        for turn in range(0, steps, TURN):
            for which, environment in enumerate(environments):
                for step in range(turn, min(turn + TURN, steps)):
                    times[seed, step, which] = timed(environment.step, actions[step])
    return times


def brownian_actions(seed: int, steps: int) -> list[np.ndarray]:
    policy = RandomSlots("brownian", 1, CARRACING)
    policy.start(0, Episode(seed, steps))
    frames, active = np.zeros((1, 64, 64, 3), np.uint8), np.ones(1, bool)
    return [policy.act(frames, active)[0] for _ in range(steps)]


def pool_rate(slots: int, steps: int) -> float:
    """Return steps a second of a pool with one worker a core, start-up excluded."""
    with EnvironmentPool(EnvironmentSpec(CARRACING.name), slots) as pool:
        policy = RandomSlots("brownian", slots, CARRACING)
        for _ in run(pool, policy, [Episode(seed, 1) for seed in range(slots)]):
            pass
        episodes = [Episode(seed, steps) for seed in range(slots)]
        start = time.perf_counter()
        total = sum(result.length for result in run(pool, policy, episodes))
        return total / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300, help="of each episode")
    parser.add_argument("--seeds", type=int, default=3, help="episodes")
    parser.add_argument("--slots", type=int, default=16, help="of the pool")
    args = parser.parse_args()
    times = side_by_side(args.seeds, args.steps)
    first, rest = times[:, :ZOOM_STEPS], times[:, ZOOM_STEPS:]
    phases = {"first second": first, "after it": rest}
    result = {}
    print(f"{'median ms/step':16} {'gymnasium':>10} {'ours':>8} {'ratio':>7}")
    for name, phase in phases.items():
        theirs, ours = np.median(phase.reshape(-1, 2), axis=0)
        result[name] = {"gymnasium": theirs, "ours": ours, "ratio": theirs / ours}
        print(f"{name:16} {theirs:10.2f} {ours:8.2f} {theirs / ours:7.1f}")
    # A whole episode of 1000 steps: 50 of the first kind, 950 of the second.
    weight = ZOOM_STEPS / 1000
    both = {
        which: weight * result["first second"][which]
        + (1 - weight) * result["after it"][which]
        for which in ("gymnasium", "ours")
    }
    result["episode"] = both | {"ratio": both["gymnasium"] / both["ours"]}
    print(
        "{:16} {gymnasium:10.2f} {ours:8.2f} {ratio:7.1f}".format(
            "whole episode", **result["episode"]
        )
    )
    result["pool_steps_per_second"] = pool_rate(args.slots, args.steps)
    print(f"pool of {args.slots} slots: {result['pool_steps_per_second']:.0f} steps/s")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
