"""M's dream beside its own matrix products: dreamt steps a second, with C acting.

    python benchmarks/dream.py [--population 64] [--rollouts 16] [--steps 50]
        [--repeats 7]

Four works take turns on all devices, at the paper's two sizes of M:

- products: what no dream can do without, the products of the LSTM and of its head in a
  chain, of as many rows at a time as the dream has;
- dream: a generation of candidates as C's training dreams it, where nobody dies: heads,
  draws and C included, none of which is in the products;
- mixed: the same with products in bfloat16, beside the products in float32;
- plain: the same as one would write it down, all rows at once and with
  `jax.random.categorical`.

Medians of the ratios count, of wall time and of CPU time; the latter hardly depends on
what else the machine does. The last line is JSON.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from worldmodels.environments.games import CARRACING, TAKECOVER
from worldmodels.models import memory
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.models.memory import Memory, Mixture
from worldmodels.rollout import in_dream, in_simulator
from worldmodels.rollout.grouping import returns
from worldmodels.runtime import devices
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys

TEMPERATURE = 1.15


def paper(latent_size: int, hidden_size: int, **c: Any) -> tuple[Dream, Controller]:
    """Return a dream in which nobody dies, of an untrained M, and who acts in it."""
    features = Memory(hidden_size=hidden_size).size.features
    linear = Controller(latent_size, features, **c)
    model = Memory(latent_size, linear.action_size, hidden_size, death_head=True)
    params = memory.initial(jax.random.key(0), model)
    params["death_bias"] = params["death_bias"] - 100
    starts = Starts(*np.zeros((2, 1000, latent_size), np.float32))
    return Dream(model, params, starts, TEMPERATURE), linear


SIZES = {
    "LSTM 256, z 32": partial(paper, 32, 256, game=CARRACING, inputs="z_h"),
    "LSTM 512, z 64": partial(
        paper, 64, 512, game=TAKECOVER, inputs="z_c_h", bias=False
    ),
}


def operations(model: Memory) -> int:
    """Return the floating-point operations of the products of one dreamt step."""
    n, z = model.hidden_size, model.latent_size
    return 2 * ((z + model.action_size + n) * 4 * n + n * 3 * model.mixtures * z)


def spread(mesh: Mesh, share: Callable, *arrays: Any) -> Callable[[], Any]:
    """Return what does `share` of the arrays' rows on every device."""
    split = PartitionSpec(mesh.axis_names)
    work = jax.shard_map(
        share, mesh=mesh, in_specs=split, out_specs=split, check_vma=False
    )
    return partial(jax.jit(work), *arrays)


def products(mesh: Mesh, dream: Dream, rows: int, steps: int) -> Callable[[], Any]:
    """Return what multiplies as the dream of so many rows has to, and no more."""
    model, params = dream.model, dream.params
    n, z = model.hidden_size, model.latent_size
    size = min(in_dream.DREAMERS_A_CORE, rows // mesh.size)

    def share(h: jax.Array, x: jax.Array) -> jax.Array:
        def group(begun: tuple[jax.Array, jax.Array]) -> jax.Array:
            def step(carry, _):
                h, x = carry
                gates = jnp.concatenate([x, h], axis=-1) @ params["lstm_kernel"]
                outputs = h @ params["head_kernel"]
                # A part of each, made small, so that neither can be left out.
                x = jnp.concatenate([outputs[:, :z] * 1e-3, x[:, z:]], axis=-1)
                return (gates[:, :n] * 1e-3, x), None

            return jax.lax.scan(step, begun, length=steps)[0][0]

        return jax.lax.map(group, (h, x))

    h = jnp.ones((rows // size, size, n), model.dtype)
    x = jnp.ones((rows // size, size, z + model.action_size), model.dtype)
    return spread(mesh, share, h, x)


def plain_sample(key: jax.Array, mixture: Mixture) -> jax.Array:
    """Draw z [Z] at the temperature, straight from the definition."""
    of_choice, of_noise = jax.random.split(key)
    chosen = jax.random.categorical(of_choice, mixture.logweight / TEMPERATURE)
    mean, logstd = (
        jnp.take_along_axis(x, chosen[:, None], axis=-1)[:, 0]
        for x in (mixture.mean, mixture.logstd)
    )
    noise = jax.random.normal(of_noise, mean.shape, mean.dtype)
    return mean + jnp.exp(logstd) * TEMPERATURE**0.5 * noise


def plain(
    mesh: Mesh,
    dream: Dream,
    linear: Controller,
    population: jax.Array,
    seeds: np.ndarray,
    steps: int,
) -> Callable[[], Any]:
    """Return what dreams a generation, written plainly."""

    def share(controllers: jax.Array, words: jax.Array) -> jax.Array:
        def step(carry, time):
            state, total = carry
            keys = step_keys(words, jnp.full(len(words), time))
            features = memory.features(dream.model, state.memory)
            actions = jax.vmap(linear.act)(controllers, state.z, features)
            after, predicted = memory.step(
                dream.params, dream.model, state.memory, state.z, actions
            )
            z = jax.vmap(plain_sample)(keys, predicted.mixture)
            state = state._replace(z=z, memory=after)
            return (state, total + (predicted.death < 0)), None

        begun = jax.vmap(dream.reset)(episode_keys(words, "dream"))
        carry = begun, jnp.zeros(len(words))
        return jax.lax.scan(step, carry, jnp.arange(steps))[0][1]

    controllers = jnp.repeat(population, len(seeds), axis=0)
    words = seed_words(np.tile(seeds, len(population)))
    return spread(mesh, share, controllers, words)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU time that `work` takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(work())
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(
    mesh: Mesh, dream: Dream, linear: Controller, args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return what is said of each work."""
    seeds, steps = np.arange(args.rollouts), args.steps
    shape = args.population, linear.parameter_count
    population = 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)
    rows = args.population * args.rollouts

    def generation(dream: Dream) -> Callable[[], Any]:
        play = partial(in_dream.play, mesh, dream, linear)
        return partial(returns, play, population, seeds, steps, seed_by_seed=True)

    mixed = replace(dream, model=dream.model.clone(precision="mixed"))
    works = {
        "products": products(mesh, dream, rows, steps),
        "dream": generation(dream),
        "mixed": generation(mixed),
        "plain": plain(mesh, dream, linear, jnp.asarray(population), seeds, steps),
    }
    for name in ("dream", "mixed"):
        assert (works[name]() == steps).all()  # and compiled
    for work in works.values():
        jax.block_until_ready(work())
    turns = [{n: timed(work) for n, work in works.items()} for _ in range(args.repeats)]
    return {name: _summary(turns, name, rows * steps, dream.model) for name in works}


def _summary(turns: list, name: str, count: int, model: Memory) -> dict[str, float]:
    wall, cpu = (statistics.median(turn[name][i] for turn in turns) for i in (0, 1))
    ratios = [
        statistics.median(turn["products"][i] / turn[name][i] for turn in turns)
        for i in (0, 1)
    ]
    return {
        "steps_per_second": count / wall,
        "steps_per_cpu_second": count / cpu,
        "gflop_per_second": count * operations(model) / wall / 1e9,
        "of_products": ratios[0],
        "of_products_cpu": ratios[1],
    }


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", type=int, default=64)
    parser.add_argument("--rollouts", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    devices.prepare("float32", devices.cores())
    mesh, results = in_simulator.devices(), {}
    print(f"{mesh.size} devices; {args.population} x {args.rollouts} dreamers")
    for size, make in SIZES.items():
        dream, linear = make()
        print(f"{size}: {operations(dream.model) / 1e6:.2f} MFLOP a step")
        results[size] = measure(mesh, dream, linear, args)
        for name, row in results[size].items():
            print(
                f"  {name:9s} {row['steps_per_second']:10,.0f} steps/s "
                f"{row['gflop_per_second']:6.0f} GFLOP/s "
                f"{row['steps_per_cpu_second']:10,.0f} steps/CPU s  of the products "
                f"{row['of_products']:.2f} (CPU time {row['of_products_cpu']:.2f})",
                flush=True,
            )
    rounded = {
        size: {n: {k: round(v, 3) for k, v in row.items()} for n, row in rows.items()}
        for size, rows in results.items()
    }
    print(json.dumps(vars(args) | {"devices": mesh.size, "dream": rounded}))


if __name__ == "__main__":
    main()
