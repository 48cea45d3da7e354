"""The simulator alone beside gymnasium and EnvPool: steps with frames, side by side.

    python benchmarks/simulator.py [--cars 64] [--steps 500] [--repeats 5]
        [--envpool PYTHON]

Ours gives 64x64 float frames, of which every pixel is read; gymnasium and EnvPool their
own 96x96. Random actions; 16 tracks; gymnasium in one process on one core. EnvPool (the
extra `envpool`, some 600 MB) has a process of its own, with 16 environments on as many
threads as there are cores; it is left out where it is not installed, and `--envpool` is
another Python that has it. The three take turns, and medians count. Steps a CPU second
divide by the time that all threads together worked, so they do not depend on the number
of cores. Painting the tracks is timed apart. The last line is JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from worldmodels.environments.carracing import rendering, simulator
from worldmodels.environments.carracing.simulator import RaceState, World
from worldmodels.rollout import in_simulator
from worldmodels.rollout.in_simulator import CARS_A_CORE
from worldmodels.runtime import devices

TRACKS = 16
GYMNASIUM_STEPS, ZOOM_STEPS = 100, 50


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU time that `work` takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(work())
    return time.perf_counter() - wall, time.process_time() - cpu


def ours(cars: int, steps: int) -> Callable[[], object]:
    """Return what drives the cars at random, on all devices."""
    mesh = in_simulator.devices()
    size = min(CARS_A_CORE, cars // mesh.size)

    def share(world: World, keys: jax.Array, track: jax.Array) -> jax.Array:
        def drive(group) -> jax.Array:
            def step(carry: tuple[RaceState, jax.Array, jax.Array], key: jax.Array):
                car, frame, seen = carry
                seen += rendering.unpack(frame).astype(jnp.float32).sum(axis=(1, 2, 3))
                action = jax.random.uniform(key, (size, 3)) * 2 - np.float32([1, 1, 1])
                car, reward, _ = simulator.step(world, car, action)
                return (car, simulator.observe(world, car), seen + reward), None

            key, track = group
            car = simulator.reset(world, track)
            begin = car, simulator.observe(world, car), jnp.zeros(size)
            return jax.lax.scan(step, begin, jax.random.split(key, steps))[0][2]

        return jax.lax.map(drive, (keys, track.reshape(-1, size))).reshape(-1)

    spread, everywhere = PartitionSpec("cars"), PartitionSpec()
    work = jax.jit(
        jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(everywhere, spread, spread),
            out_specs=spread,
            check_vma=False,
        )
    )
    world = in_simulator.fresh(np.arange(TRACKS))
    keys = jax.random.split(jax.random.key(0), cars // size)
    track = jnp.arange(cars, dtype=jnp.int32) % TRACKS
    return lambda: work(world, keys, track)


def gymnasiums() -> Callable[[], object]:
    """Return what drives gymnasium's car at random, after the camera's approach."""
    environment = gymnasium.make("CarRacing-v3")
    environment.reset(seed=0)
    environment.action_space.seed(0)

    def drive(steps: int = GYMNASIUM_STEPS) -> None:
        for _ in range(steps):
            ended = environment.step(environment.action_space.sample())[2:4]
            if any(ended):
                environment.reset()

    drive(ZOOM_STEPS)
    return drive


def has_envpool(python: str) -> bool:
    """Return whether that Python can import EnvPool; the answer costs no import."""
    ask = (
        "import importlib.util, sys; sys.exit(not importlib.util.find_spec('envpool'))"
    )
    return not subprocess.run([python, "-c", ask]).returncode


def envpools(python: str) -> dict[str, float]:
    """Return EnvPool's rates, taken in another process."""
    script = Path(__file__).parent / "envpool_carracing.py"
    command = [python, script, "--threads", str(devices.cores())]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def painting() -> dict[str, float]:
    """Return the milliseconds that one track takes, drawn and painted.

    On a processor its time counts, on a GPU the time on the wall.
    """
    jax.block_until_ready(in_simulator.fresh(np.arange(TRACKS)))
    times = [
        timed(lambda n=n: in_simulator.fresh(np.arange(TRACKS) + n * TRACKS))
        for n in range(1, 6)
    ]
    wall, cpu = (
        statistics.median(each) / TRACKS * 1e3 for each in zip(*times, strict=True)
    )
    return {"cpu_ms_per_track": cpu, "wall_ms_per_track": wall}


def measure(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return each implementation's median rates, by wall and by CPU time."""
    drive, reference = ours(args.cars, args.steps), gymnasiums()
    jax.block_until_ready(drive())
    competitor = has_envpool(args.envpool)
    if not competitor:
        print("EnvPool is left out: pip install --editable '.[envpool]' brings it")
    rates: dict[str, list[tuple[float, float]]] = {}
    for _ in range(args.repeats):
        steps = args.cars * args.steps, GYMNASIUM_STEPS
        for name, count, work in zip(
            ("simulator", "gymnasium"), steps, (drive, reference), strict=True
        ):
            wall, cpu = timed(work)
            rates.setdefault(name, []).append((count / wall, count / cpu))
        if competitor:
            found = envpools(args.envpool)
            both = found["steps_per_second"], found["steps_per_cpu_second"]
            rates.setdefault("envpool", []).append(both)
    return {
        name: {
            "steps_per_second": statistics.median(wall for wall, _ in values),
            "steps_per_cpu_second": statistics.median(cpu for _, cpu in values),
        }
        for name, values in rates.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cars", type=int, default=64)
    parser.add_argument("--steps", type=int, default=500, help="of each car")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--envpool", metavar="PYTHON", default=sys.executable)
    args = parser.parse_args()
    devices.prepare("float32", devices.cores())
    found = measure(args)
    mine = found["simulator"]
    for name, rates in found.items():
        wall, cpu = rates["steps_per_second"], rates["steps_per_cpu_second"]
        print(
            f"{name:10s} {wall:9,.0f} steps/s {cpu:9,.0f} a CPU second; the simulator: "
            f"{mine['steps_per_second'] / wall:6.1f} and "
            f"{mine['steps_per_cpu_second'] / cpu:6.1f} times"
        )
    found["painting"] = painted = painting()
    print(
        f"painting a track: {painted['cpu_ms_per_track']:.1f} ms of one core, "
        f"{painted['wall_ms_per_track']:.1f} ms by the clock"
    )
    print(json.dumps({"cars": args.cars, "steps": args.steps, **found}))


if __name__ == "__main__":
    main()
