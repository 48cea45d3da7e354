"""M's training step beside torch.nn.LSTM: `python benchmarks/memory.py`.

Both do the same work: sample z, the teacher-forced LSTM, the heads and their losses,
clip each gradient value at 1, Adam. They take turns within one run, PyTorch with as
many threads as JAX has, and the ratio is the median over the turns. `mixed` is ours
with products in bfloat16. The floor is the counted matrix arithmetic at the rate that a
large product reaches here; `products` are the same matrix products alone, in float32,
in their own shapes and order.
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.models import memory, memory_loss
from worldmodels.models.memory import Memory
from worldmodels.training import loop

try:
    import torch
except ImportError:
    torch = None


class Case(NamedTuple):
    """A training step to measure."""

    model: Memory
    sequences: int
    steps: int
    calls: int  # minibatches in one call; the training's are 4
    rounds: int


CARRACING = Memory()
TAKECOVER = Memory(latent_size=64, action_size=1, hidden_size=512, death_head=True)
CASES = {
    "carracing 100 x 100": Case(CARRACING, 100, 100, 4, 9),
    "carracing 16 x 256": Case(CARRACING, 16, 256, 4, 9),
    "takecover 100 x 500": Case(TAKECOVER, 100, 500, 1, 3),
}
DEATH_WEIGHT = 10.0


def random_batch(case: Case) -> dict[str, np.ndarray]:
    """Return rows of episodes of 200 steps, as `memory_loss.loss` takes them."""
    rng = np.random.default_rng(0)
    shape, latents = (case.sequences, case.steps), case.model.latent_size
    ends = np.broadcast_to(np.arange(1, case.steps + 1) % 200 == 0, shape)
    longer = (case.sequences, case.steps + 1, latents)
    actions = rng.uniform(-1, 1, (*shape, case.model.action_size))
    return {
        "mu": rng.normal(size=longer).astype(np.float32),
        "logvar": rng.normal(-2, 0.5, longer).astype(np.float32),
        "actions": actions.astype(np.float32),
        "rewards": np.ones(shape, np.float32),
        "first": np.roll(ends, 1, axis=1),
        "last": ends,
        "terminated": ends,
        "inside": np.ones(shape, bool),
    }


def our_training(case: Case) -> Callable[[], float]:
    """Return a function that trains on some minibatches and returns the loss."""
    optimizer = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    scale = memory_loss.Scale(DEATH_WEIGHT)
    loss = partial(memory_loss.loss, model=case.model, scale=scale)
    update = loop.updates(loss, optimizer)
    params = memory.initial(jax.random.key(0), case.model)
    carry = memory.initial_state(case.model, case.sequences)
    state = loop.initial(params, optimizer, carry)
    batch = random_batch(case)
    batches = {name: jnp.stack([x] * case.calls) for name, x in batch.items()}

    def train() -> float:
        nonlocal state
        state, metrics = update(state, batches, jax.random.key(1))
        return float(metrics["loss"][-1])

    return train


def products(case: Case) -> Callable[[], float]:
    """Return a function that does a step's matrix products and nothing else."""
    model, rows = case.model, 1000 // case.sequences * case.sequences
    n, x = model.hidden_size, model.latent_size + model.action_size
    outputs = 3 * model.mixtures * model.latent_size + model.death_head
    chunks = case.sequences * case.steps // rows
    ones = partial(jnp.ones, dtype=jnp.float32)
    kernel, head = ones((x + n, 4 * n)), ones((n, outputs))
    read, gates = ones((case.sequences, x + n)), ones((case.sequences, 4 * n))
    many, h, out = ones((rows, x + n)), ones((rows, n)), ones((rows, outputs))
    many_gates = ones((rows, 4 * n))

    @jax.jit
    def run(read, gates, many, h, out):
        def forward(carry, _):
            made = (read + carry) @ kernel
            return made[:, :1] * 1e-9, None

        def backward(carry, _):
            made = (gates + carry) @ kernel[x:].T
            return made[:, :1] * 1e-9, None

        def chunk(carry, _):
            a, b, c = (h + carry) @ head, (out + carry) @ head.T, (h + carry).T @ out
            d = (many + carry).T @ many_gates
            return (a[0, 0] + b[0, 0] + c[0, 0] + d[0, 0]) * 1e-9, None

        zero = jnp.zeros((case.sequences, 1))
        first = jax.lax.scan(forward, zero, None, case.steps)[0]
        second = jax.lax.scan(backward, zero, None, case.steps)[0]
        third = jax.lax.scan(chunk, jnp.zeros(()), None, chunks)[0]
        return first.sum() + second.sum() + third

    def multiply() -> float:
        for _ in range(case.calls):
            value = float(run(read, gates, many, h, out))
        return value

    return multiply


def torch_loss(case: Case, lstm, head, batch, state):
    """The same loss in PyTorch, whose LSTM cannot begin anew amid a row."""
    mu, logvar = batch["mu"], batch["logvar"]
    k, latents = case.model.mixtures, case.model.latent_size
    z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    h, state = lstm(torch.cat([z[:, :-1], batch["actions"]], -1), state)
    outputs = head(h)
    mixture = outputs[..., : 3 * k * latents]
    logit, mean, logstd = mixture.unflatten(-1, (3, k, latents)).unbind(2)
    scaled = (z[:, 1:, None] - mean) * torch.exp(-logstd)
    logdensity = -0.5 * (scaled**2 + math.log(2 * math.pi)) - logstd
    logweight = torch.log_softmax(logit, 2)
    each = -torch.logsumexp(logweight + logdensity, 2)
    known = ~batch["last"]
    value = (each * known[..., None]).sum() / (known.sum() * latents)
    if case.model.death_head:
        died = batch["terminated"].float()
        weight = 1 + (DEATH_WEIGHT - 1) * died
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        value = value + entropy(outputs[..., -1], died, weight)
    return value, tuple(x.detach() for x in state)


def torch_training(case: Case) -> Callable[[], float]:
    """Return what `our_training` does, by PyTorch."""
    model = case.model
    reads, outputs = model.latent_size + model.action_size, model.latent_size
    lstm = torch.nn.LSTM(reads, model.hidden_size, batch_first=True)
    head = torch.nn.Linear(
        model.hidden_size, 3 * model.mixtures * outputs + model.death_head
    )
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    batch = {name: torch.from_numpy(x.copy()) for name, x in random_batch(case).items()}
    state = tuple(torch.zeros(2, 1, case.sequences, model.hidden_size))

    def train() -> float:
        nonlocal state
        for _ in range(case.calls):
            optimizer.zero_grad()
            loss, state = torch_loss(case, lstm, head, batch, state)
            loss.backward()
            torch.nn.utils.clip_grad_value_(parameters, 1.0)
            optimizer.step()
        return loss.item()

    return train


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def take_turns(runs: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Return each run's seconds by round, after one round that does not count."""
    turns = [
        {name: seconds(run) for name, run in runs.items()} for _ in range(rounds + 1)
    ]
    return {name: [turn[name] for turn in turns[1:]] for name in runs}


def operations(case: Case) -> float:
    """Return the floating-point operations of one step's matrix products.

    Twice the weights for each row forward, twice that again backward, less the
    gradient by the LSTM's inputs, which nobody needs.
    """
    model = case.model
    n, x = model.hidden_size, model.latent_size + model.action_size
    outputs = 3 * model.mixtures * model.latent_size + model.death_head
    weights = (x + n) * 4 * n + n * outputs
    return case.sequences * case.steps * (6 * weights - 2 * x * 4 * n)


def matmul_rate() -> float:
    """Return the float32 operations per second of a product of 1024 x 1024."""
    square = jnp.ones((1024, 1024))
    product = jax.jit(jnp.matmul)
    times = [
        seconds(lambda: product(square, square).block_until_ready()) for _ in range(12)
    ]
    return 2 * 1024**3 / min(times)


def measure(case: Case, rate: float) -> dict[str, float]:
    """Return sequences per second of each run, and how they compare with ours."""
    mixed = case._replace(model=case.model.clone(precision="mixed"))
    runs = {
        "ours": our_training(case),
        "mixed": our_training(mixed),
        "products": products(case),
    }
    if torch:
        runs["torch"] = torch_training(case)
    times = take_turns(runs, case.rounds)
    work = case.sequences * case.calls
    row = {f"{name}": work / statistics.median(t) for name, t in times.items()}
    row |= {f"{name}_best": work / min(t) for name, t in times.items()}
    row["floor"] = case.sequences * rate / operations(case)
    row["gflop"] = operations(case) / 1e9
    for name in runs.keys() - {"ours"}:
        pairs = zip(times["ours"], times[name], strict=True)
        row[f"ratio_{name}"] = statistics.median(other / ours for ours, other in pairs)
    if torch:
        pairs = zip(times["mixed"], times["torch"], strict=True)
        row["mixed_by_torch"] = statistics.median(other / ours for ours, other in pairs)
    return row


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    cases = parser.parse_args().cases
    threads = len(os.sched_getaffinity(0))
    if torch:
        torch.set_num_threads(threads)
    else:
        print("PyTorch is not installed (the extra `bench`), so only ours is timed.")
    rate = matmul_rate()
    print(f"{threads} threads; a large product reaches {rate / 1e9:.0f} GFLOP/s")
    print(
        "sequences/s by median, best of the run in brackets; ratios are ours by theirs"
    )
    results = {}
    for name in cases:
        row = measure(CASES[name], rate)
        results[name] = {k: round(v, 3) for k, v in row.items()}
        columns = [
            f"{name:20}",
            f"{row['gflop']:6.1f} GFLOP, floor {row['floor']:6.0f}",
        ]
        for run in ("ours", "mixed", "products", "torch")[: 4 if torch else 3]:
            columns.append(f"{run} {row[run]:6.1f} ({row[run + '_best']:6.1f})")
            if run != "ours":
                columns.append(f"ratio {row['ratio_' + run]:.2f}")
        if torch:
            columns.append(f"mixed by torch {row['mixed_by_torch']:.2f}")
        print("   ".join(columns), flush=True)
    print(json.dumps({"matmul_gflops": round(rate / 1e9, 1), "memory": results}))


if __name__ == "__main__":
    main()
