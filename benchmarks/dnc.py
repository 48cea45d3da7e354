"""The DNC beside pytorch-dnc and an LSTM of the same H: `python benchmarks/dnc.py`.

Forward and training (forward, backward and the gradients of all weights) of A, 256
slots of 64 numbers, beside pytorch-dnc with one LSTM layer, and of B, 16 of 16, beside
our LSTM; H is 256, inputs are 67, 4 heads read. All run on one core and take turns in
one process. Rates are sequence-steps a CPU second (`time.process_time`), so other work
on the machine counts little, and a ratio is the median over the turns. Then the memory
that XLA plans for the training of 16 sequences of 500.

pytorch-dnc is for this benchmark alone: `pip install --no-deps dnc==1.1.0` beside the
extra `bench`. Its dependency flann is not needed for the dense memory.

`--device` measures instead, on JAX's first device, A's dreams (z drawn from M's mixture
and fed back, one row at a time under vmap) and M's training step at the batches given:
`python benchmarks/dnc.py --device --batches 16 100 1024`. Steps are sequence-steps a
second of wall time there.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from worldmodels.models import memory, memory_loss, mixture
from worldmodels.models.cells import registry
from worldmodels.models.memory import Memory
from worldmodels.training import loop

# This file's own name would hide the package.
sys.path[:] = [folder for folder in sys.path if folder != str(Path(__file__).parent)]
try:
    import torch
    from dnc import DNC
except ImportError:
    torch = None

INPUTS, UNITS, BATCH, HEADS = 67, 256, 16, 4
A = {"slots": 256, "word_size": 64, "read_heads": HEADS}
B = {"slots": 16, "word_size": 16, "read_heads": HEADS}
Run = Callable[[], object]


def ours(
    cell: str, steps: int, batch: int = BATCH, **options: Any
) -> tuple[Run, Run, Any]:
    """Return functions that run a cell forward and with gradients; the latter lowered.

    Args:
        steps: of each sequence.
    """
    made = registry.create(cell, INPUTS, UNITS, **options)
    key = jax.random.key(0)
    params = {
        name: parameter.initial(
            jax.random.fold_in(key, n), parameter.shape, jnp.float32
        )
        for n, (name, parameter) in enumerate(made.parameters().items())
    }
    x = jax.random.normal(key, (steps, batch, INPUTS))
    first = jnp.zeros((steps, batch), bool)
    state = made.initial(batch, jnp.float32)

    def loss(params, x, state):
        y, after = made.unfold(params, x, first, state)
        return (y**2).mean(), after

    forward = jax.jit(lambda params, x, state: made.unfold(params, x, first, state)[0])
    backward = jax.jit(jax.grad(loss, has_aux=True))

    def run(function):
        return lambda: jax.block_until_ready(function(params, x, state))

    return run(forward), run(backward), backward.lower(params, x, state)


def theirs(steps: int, slots: int, word_size: int, read_heads: int) -> tuple[Run, Run]:
    """Return what `ours` does, by pytorch-dnc."""
    net = DNC(
        INPUTS,
        UNITS,
        num_layers=1,
        num_hidden_layers=1,
        nr_cells=slots,
        cell_size=word_size,
        read_heads=read_heads,
        independent_linears=False,
    )
    x = torch.randn(BATCH, steps, INPUTS)

    def forward() -> None:
        with torch.no_grad():
            net(x)

    def backward() -> None:
        net.zero_grad()
        (net(x)[0] ** 2).mean().backward()

    return forward, backward


def cpu_seconds(run: Run) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def take_turns(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Return each run's CPU seconds by round, after one that does not count."""
    turns = [
        {name: cpu_seconds(run) for name, run in runs.items()}
        for _ in range(rounds + 1)
    ]
    return {name: [turn[name] for turn in turns[1:]] for name in runs}


def compare(name: str, pairs: dict[str, tuple[Run, Run]], steps: int, rounds: int):
    """Return the rates of each of two, forward and training, and their ratios."""
    row = {}
    for place, what in enumerate(("forward", "training")):
        times = take_turns({who: pair[place] for who, pair in pairs.items()}, rounds)
        for who, each in times.items():
            row[f"{what} {who}"] = round(BATCH * steps / statistics.median(each))
        if len(times) == 2:
            both = list(zip(*times.values(), strict=True))
            ratio = statistics.median(other / own for own, other in both)
            row[f"{what} ratio"] = round(ratio, 3)
    print(f"{name}: " + "   ".join(f"{key} {value}" for key, value in row.items()))
    return row


def counted(options: dict[str, int]) -> dict[str, float]:
    """Return what a step does for one sequence at least, forward.

    Products are 2 operations a multiply-add. Of links each number is read, written, and
    read twice for the ways they lead; of memory, read twice, written, and read once.
    """
    size = registry.size("dnc", INPUTS, UNITS, **options)
    links = options["slots"] ** 2
    words = options["slots"] * options["word_size"]
    moved = 4 * (4 * links + 4 * words)
    return {"mflop": 2 * size.multiplies / 1e6, "mb": moved / 1e6, "state": size.state}


def planned_memory(steps: int) -> dict[str, float]:
    """Return the MB that XLA plans for the training of BATCH sequences with A."""
    plan = ours("dnc", steps, **A)[2].compile().memory_analysis()
    return {
        "temporary_mb": round(plan.temp_size_in_bytes / 1e6),
        "arguments_and_results_mb": round(
            (plan.argument_size_in_bytes + plan.output_size_in_bytes) / 1e6
        ),
    }


def on_processor(rounds: int) -> dict[str, Any]:
    """Return the comparisons on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    steps = {"A": 32, "B": 64}
    pairs = {"ours": ours("dnc", steps["A"], **A)[:2]}
    if torch:
        torch.set_num_threads(1)
        pairs["pytorch-dnc"] = theirs(steps["A"], **A)
    else:
        print("pytorch-dnc is not installed, so only ours is timed.")
    found = {name: counted(size) for name, size in {"A": A, "B": B}.items()}
    print(f"a step of one sequence, forward: {found}")
    result = {"counted": found, "A": compare("A", pairs, steps["A"], rounds)}
    pairs = {
        "ours": ours("dnc", steps["B"], **B)[:2],
        "lstm": ours("lstm", steps["B"])[:2],
    }
    result["B"] = compare("B", pairs, steps["B"], rounds)
    result["memory"] = planned_memory(500)
    print(f"16 sequences of 500, training A: {result['memory']}")
    return result


def dreams(model: Memory, batch: int, steps: int) -> Run:
    """Return a function that dreams some steps in a batch of dreams."""
    params = memory.initial(jax.random.key(0), model)

    def row(key):
        state = jax.tree.map(lambda leaf: leaf[0], memory.initial_state(model, 1))

        def step(carry, key):
            state, z = carry
            action = jnp.zeros(model.action_size)
            state, prediction = memory.step(params, model, state, z, action)
            return (state, mixture.sample(key, prediction.mixture)), None

        carry = state, jnp.zeros(model.latent_size)
        return jax.lax.scan(step, carry, jax.random.split(key, steps))[0][1]

    dream, keys = jax.jit(jax.vmap(row)), jax.random.split(jax.random.key(1), batch)
    return lambda: dream(keys).block_until_ready()


def training(model: Memory, batch: int, steps: int) -> Run:
    """Return a function that makes one update of M."""
    optimizer = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    update = loop.updates(
        lambda *given: memory_loss.loss(*given, model=model), optimizer
    )
    params = memory.initial(jax.random.key(0), model)
    state = loop.initial(params, optimizer, memory.initial_state(model, batch))
    key, shape = jax.random.key(2), (batch, steps)
    no, yes = jnp.zeros((1, *shape), bool), jnp.ones((1, *shape), bool)
    latents = (1, batch, steps + 1, model.latent_size)
    batches = {
        "mu": jax.random.normal(key, latents),
        "logvar": jnp.full(latents, -3.0),
        "actions": jnp.zeros((1, *shape, model.action_size)),
        "first": no, "last": no, "inside": yes, "terminated": no,
    }  # fmt: skip

    def train() -> None:
        nonlocal state
        state, metrics = update(state, batches, jax.random.key(1))
        metrics["loss"].block_until_ready()

    return train


def on_device(batches: list[int], steps: int, precision: str) -> dict[str, Any]:
    """Return the steps a second of dreams and of training with A."""
    model = Memory(
        latent_size=64,
        hidden_size=UNITS,
        death_head=True,
        cell="dnc",
        cell_options=tuple(A.items()),
        precision=precision,
    )
    result = {"device": jax.devices()[0].device_kind, "precision": precision}
    for batch in batches:
        for name, made in (("dreams", dreams), ("training", training)):
            run = made(model, batch, steps)
            run()
            times = []
            for _ in range(5):
                start = time.perf_counter()
                run()
                times.append(time.perf_counter() - start)
            rate = round(batch * steps / statistics.median(times))
            result[f"{name} {batch}"] = rate
            print(f"{name}, batch {batch}: {rate} steps/s", flush=True)
    return result


def main() -> None:
    """Print tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", action="store_true")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 100, 1024])
    parser.add_argument("--steps", type=int, default=64, help="with --device")
    parser.add_argument("--precision", choices=("float32", "mixed"), default="float32")
    given = parser.parse_args()
    result = (
        on_device(given.batches, given.steps, given.precision)
        if given.device
        else on_processor(given.rounds)
    )
    print(json.dumps({"dnc": result}))


if __name__ == "__main__":
    main()
