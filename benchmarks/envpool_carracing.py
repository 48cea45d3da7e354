"""EnvPool's CarRacing-v3, the fastest implementation in C++: its steps a second.

    python benchmarks/envpool_carracing.py [--environments 16] [--threads 2]

benchmarks/simulator.py runs it in a process of its own; alone it prints one line of
JSON. It needs nothing but numpy and envpool (the extra `envpool`). The actions are
random and drawn beforehand. What is counted is a step of one environment with its
frame, 96x96 RGB; the first second of the episodes, where the camera still approaches,
is not timed, and with the default number of steps no episode ends.
"""

import argparse
import json
import time

import envpool
import numpy as np

ZOOM_STEPS = 50  # the camera's approach, one second


def rates(environments: int, threads: int, steps: int) -> dict[str, float]:
    """Return the steps a second of wall time, and of CPU time over all threads."""
    pool = envpool.make(
        "CarRacing-v3",
        env_type="gymnasium",
        num_envs=environments,
        num_threads=threads,
        seed=0,
    )
    shape = (ZOOM_STEPS + steps, environments, 3)
    actions = np.random.default_rng(0).uniform((-1, 0, 0), (1, 1, 1), shape)
    actions = actions.astype(np.float32)
    pool.reset()
    for action in actions[:ZOOM_STEPS]:
        pool.step(action)
    wall, cpu = time.perf_counter(), time.process_time()
    for action in actions[ZOOM_STEPS:]:
        pool.step(action)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "steps_per_second": environments * steps / wall,
        "steps_per_cpu_second": environments * steps / cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=500, help="of each environment")
    args = parser.parse_args()
    print(json.dumps(vars(args) | rates(**vars(args))))


if __name__ == "__main__":
    main()
