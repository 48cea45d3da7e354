"""One generation of C in the simulator, beside gymnasium's and what bounds it.

    python benchmarks/generation.py [--population 64] [--rollouts 16] [--steps 1000]
        [--part 0.05] [--repeats 3] [--channels 32 64 128 256] [--units 256]
        [--precision float32]

Four rates, medians of interleaved repeats, in steps a second on all devices:

- driven: candidates on tracks in the simulator: move, paint, see, remember, act;
- reference: the same agent in gymnasium's environments;
- encoder: V alone on as many frames, without which no agent can drive;
- simulator: the cars alone, painted and read, with actions that need no network.

A whole generation takes minutes on a processor, so `--part` of its steps is driven;
`--part 1` drives it whole. The networks have random weights and the paper's sizes, or
the channels of V and units of M that are given. The last line is JSON.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.carracing import rendering
from worldmodels.environments.games import CARRACING
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.models import memory, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller
from worldmodels.models.memory import Memory
from worldmodels.models.precision import FLOAT32, Precision
from worldmodels.models.vision import VAE
from worldmodels.rollout import arenas, in_simulator
from worldmodels.rollout.in_simulator import CARS_A_CORE, Cars
from worldmodels.runtime import devices
from worldmodels.runtime.randomness import seed_words

REFERENCE_SLOTS, REFERENCE_STEPS = 16, 60


@jax.tree_util.register_static
@dataclass(frozen=True)
class Coasting:
    """Rolls on, looking at every pixel; its carry is a zero for each car."""

    def act(
        self, carry: jax.Array, frames: jax.Array, keys: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        steer = frames.astype(jnp.float32).mean(axis=(1, 2, 3)) * 1e-9
        return carry, jnp.stack([steer, carry, carry], axis=-1)

    def remember(self, carry: jax.Array, actions: jax.Array) -> jax.Array:
        return carry


def networks(
    channels: list[int], units: int, precision: Precision
) -> tuple[Agent, Weights]:
    """Return an agent of these sizes with random weights."""
    agent = Agent(
        VAE(channels=tuple(channels), precision=precision),
        Memory(hidden_size=units, precision=precision),
        Controller(32, (("h", units),), CARRACING),
    )
    vision_params = vision.initial(jax.random.key(0), agent.vision)
    memory_params = memory.initial(jax.random.key(1), agent.memory)
    return agent, jax.device_put(Weights(vision_params, memory_params))


def encoder(
    mesh: Mesh, agent: Agent, weights: Weights, cars: int, steps: int
) -> Callable[[], Any]:
    """Return what encodes the frames of `cars` cars, `steps` times."""
    size = min(CARS_A_CORE, cars // mesh.size)

    def share(params: Any, frames: jax.Array) -> jax.Array:
        def group(frames: jax.Array) -> jax.Array:
            def step(frames: jax.Array, _):
                seen = rendering.unpack(frames)
                mu, logvar = vision.encode(params, agent.vision, seen)
                change = ((mu + logvar).sum(axis=1) > 0).astype(jnp.uint32)
                return frames ^ change[:, None, None], None

            return jax.lax.scan(step, frames, None, length=steps)[0][:, 0, 0]

        return jax.lax.map(group, frames.reshape(-1, size, 64, 64)).reshape(-1)

    work = jax.jit(
        jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec("cars")),
            out_specs=PartitionSpec("cars"),
            check_vma=False,
        )
    )
    frames = jax.random.bits(jax.random.key(3), (cars, 64, 64), jnp.uint32)
    return partial(work, vision.prepared(weights.vision, agent.vision), frames)


def coasting(mesh: Mesh, cars: int, tracks: int, steps: int) -> Callable[[], Any]:
    """Return what drives the cars without an agent."""
    seeds = np.arange(cars) % tracks
    planned = Cars(
        track=jnp.asarray(seeds, jnp.int32),
        seed=seed_words(seeds),
        limit=jnp.full(cars, steps, jnp.int32),
        carry=jnp.zeros(cars),
    )
    world = in_simulator.fresh(np.arange(tracks))
    return partial(in_simulator.totals, mesh, Coasting(), world, planned)


def reference(
    pool: EnvironmentPool, agent: Agent, weights: Weights, population: np.ndarray
) -> Callable[[], Any]:
    """Return what drives as many of the candidates as there are slots."""
    few = population[np.arange(pool.slots) % len(population)]
    seeds = np.zeros(1, np.int64)
    score = arenas.gymnasium(pool, agent, weights)
    return partial(score, few, seeds, REFERENCE_STEPS)


def rate(work: Callable[[], Any], steps: int) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(work())
    return steps / (time.perf_counter() - begin)


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Return the median rates, in steps a second."""
    mesh = in_simulator.devices()
    agent, weights = networks(args.channels, args.units, args.precision)
    rng = np.random.default_rng(0)
    shape = args.population, agent.controller.parameter_count
    population = 0.1 * rng.standard_normal(shape).astype(np.float32)
    cars, steps = args.population * args.rollouts, max(1, int(args.steps * args.part))
    seeds = np.arange(args.rollouts)
    driven = partial(arenas.simulator(agent, weights), population, seeds, steps)
    with EnvironmentPool(EnvironmentSpec(CARRACING.name), REFERENCE_SLOTS) as pool:
        works = {
            "driven": (driven, cars * steps),
            "encoder": (encoder(mesh, agent, weights, cars, steps), cars * steps),
            "simulator": (coasting(mesh, cars, args.rollouts, steps), cars * steps),
            "reference": (
                reference(pool, agent, weights, population),
                REFERENCE_SLOTS * REFERENCE_STEPS,
            ),
        }
        for work, _ in works.values():  # compile
            jax.block_until_ready(work())
        rates = {name: [] for name in works}
        for _ in range(args.repeats):
            for name, (work, count) in works.items():
                rates[name].append(rate(work, count))
    return {name: statistics.median(values) for name, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", type=int, default=64)
    parser.add_argument("--rollouts", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--part", type=float, default=0.05, help="of the steps")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--channels", type=int, nargs=4, default=[32, 64, 128, 256], help="of V"
    )
    parser.add_argument("--units", type=int, default=256, help="of M")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default=FLOAT32, help="of products"
    )
    args = parser.parse_args()
    devices.prepare("float32", devices.cores())
    rates = measure(args)
    for name, value in rates.items():
        print(f"{name:10s} {value:10,.0f} steps/s")
    steps = args.population * args.rollouts * args.steps
    ratios = {
        "driven_to_encoder": rates["driven"] / rates["encoder"],
        "simulator_share": rates["driven"] / rates["simulator"],
        "driven_to_reference": rates["driven"] / rates["reference"],
        "generation_seconds": steps / rates["driven"],
        "reference_generation_seconds": steps / rates["reference"],
    }
    for name, value in ratios.items():
        print(f"{name:28s} {value:10,.2f}")
    print(json.dumps(vars(args) | {"rates": rates} | ratios))


if __name__ == "__main__":
    main()
