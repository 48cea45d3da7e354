"""One generation of CMA-ES, ask and tell, beside pycma: 64 candidates, 867 parameters.

    python benchmarks/evolution.py [--rounds 5] [--population 64] [--dimension 867]
    python benchmarks/evolution.py --strategies cma_es,sep_cma_es,snes --dimension 3000

Both decompose the covariance every third generation (pycma's default, and ours), so a
round is several such cycles; rounds alternate and the median counts. pycma works in
double precision, ours in the single precision that the pipeline uses; ours in double
is in the table too. With `--strategies` these searches are compared with each other
instead, in single precision: by processor time too, as a busy machine has little else.
The last line is JSON.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import cma
import jax
import numpy as np

from worldmodels.search.cma_es import CMAES
from worldmodels.search.optimiser import Optimiser
from worldmodels.search.strategies import by_name

CYCLES = 3  # decompositions a round


def pycma_round(population: int, dimension: int, generations: int) -> Callable:
    """Return a function that runs one round of pycma."""
    options = {
        "popsize": population,
        "verbose": -9,
        "seed": 1,
        "AdaptSigma": cma.sigma_adaptation.CMAAdaptSigmaCSA,
    }
    es = cma.CMAEvolutionStrategy(np.zeros(dimension), 0.1, options)

    def run() -> None:
        for _ in range(generations):
            candidates = es.ask()
            es.tell(candidates, [float(((x - 1) ** 2).sum()) for x in candidates])

    return run


def our_round(es: Optimiser, dtype: type, generations: int) -> Callable:
    """Return a function that runs one round of ours, host round trip included."""
    key = jax.random.key(1)
    state = es.initial(np.zeros(es.dimension, dtype))

    def run() -> None:
        nonlocal state
        for _ in range(generations):
            ask_key = jax.random.fold_in(key, es.generation(state))
            candidates, state = es.ask(ask_key, state)
            fitness = -((np.asarray(candidates) - 1) ** 2).sum(-1)
            state = es.tell(state, candidates, fitness)
        jax.block_until_ready(state)

    return run


def measure(rounds: dict[str, Callable], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each round, interleaved, after one that compiles."""
    for run in rounds.values():
        run()
    seconds = {name: [] for name in rounds}
    for _ in range(repeats):
        for name, run in rounds.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(names: list[str], args: argparse.Namespace) -> None:
    """Print the cost of a generation of each search, compiled before."""
    result = {"population": args.population, "dimension": args.dimension}
    print("| ask + tell | ms | ms of processor time |")
    print("| --- | --- | --- |")
    for name in names:
        es = by_name(name, args.population, args.dimension, 0.1)
        # Whole cycles, where there are decompositions.
        gap = getattr(es, "generations_between_decompositions", 1)
        run = our_round(es, np.float32, gap)
        run()
        wall, cpu = [], []
        for _ in range(args.rounds):
            starts = time.perf_counter(), time.process_time()
            run()
            wall.append(1000 * (time.perf_counter() - starts[0]) / gap)
            cpu.append(1000 * (time.process_time() - starts[1]) / gap)
        ms = statistics.median(wall), statistics.median(cpu)
        print(f"| {name} | {ms[0]:.1f} | {ms[1]:.1f} |", flush=True)
        result[name] = [round(value, 2) for value in ms]
    print(json.dumps(result | {"backend": jax.default_backend()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--population", type=int, default=64)
    parser.add_argument("--dimension", type=int, default=867)
    parser.add_argument("--strategies", help="names with commas; default: beside pycma")
    args = parser.parse_args()
    if args.strategies:
        compare(args.strategies.split(","), args)
        return
    jax.config.update("jax_enable_x64", True)
    es = CMAES(args.population, args.dimension, 0.1)
    gap = es.generations_between_decompositions
    generations = CYCLES * gap
    seconds = measure(
        {
            "pycma": pycma_round(args.population, args.dimension, generations),
            "float32": our_round(es, np.float32, generations),
            "float64": our_round(es, np.float64, generations),
        },
        args.rounds,
    )
    result = {"population": args.population, "dimension": args.dimension, "gap": gap}
    print(f"| ask + tell, decomposed every {gap} generations | ms | pycma / ours |")
    print("| --- | --- | --- |")
    for name, values in seconds.items():
        ms = 1000 * statistics.median(values) / generations
        ratio = statistics.median(
            theirs / ours for theirs, ours in zip(seconds["pycma"], values, strict=True)
        )
        result |= {f"{name}_ms": round(ms, 2), f"{name}_ratio": round(ratio, 2)}
        print(f"| {name} | {ms:.1f} | {ratio:.2f} |")
    result["backend"] = jax.default_backend()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
