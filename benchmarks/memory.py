"""M's training step beside torch.nn.LSTM: `python benchmarks/memory.py`.

Both do the same work: sample z, the teacher-forced LSTM, the mixture head and its NLL,
clip each gradient value at 1, Adam. They take turns within one run, PyTorch with as
many threads as JAX has, and the ratio is the median over the turns. The floor is the
counted matrix arithmetic at the rate that a large product reaches here.
"""

import json
import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels import memory, training

try:
    import torch
except ImportError:
    torch = None

SIZES = ((100, 100), (16, 256))  # (sequences, steps)
BATCHES = 4  # minibatches in one call, as the training does
ROUNDS = 9
MODEL = memory.Memory()
Z, K = MODEL.latent_size, MODEL.mixtures


def random_batch(sequences: int, steps: int) -> dict[str, np.ndarray]:
    """Return a batch as `memory.loss` takes it, of whole sequences."""
    rng = np.random.default_rng(0)
    shape = (sequences, steps + 1)
    return {
        "mu": rng.normal(size=(*shape, Z)).astype(np.float32),
        "logvar": rng.normal(-2, 0.5, (*shape, Z)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (*shape, MODEL.action_size)).astype(np.float32),
        "length": np.full(sequences, steps + 1, np.int32),
    }


def our_training(sequences: int, steps: int) -> Callable[[], float]:
    """Return a function that trains on BATCHES minibatches and returns the loss."""
    optimizer = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    update = training.updates(partial(memory.loss, model=MODEL), optimizer)
    state = training.initial(memory.initial(jax.random.key(0), MODEL), optimizer)
    batch = random_batch(sequences, steps)
    batches = {name: jnp.stack([x] * BATCHES) for name, x in batch.items()}

    def train() -> float:
        nonlocal state
        state, metrics = update(state, batches, jax.random.key(1))
        return float(metrics["loss"][-1])

    return train


def torch_loss(lstm, head, batch) -> "torch.Tensor":
    """The same loss in PyTorch; sums over K run over whole rows there too."""
    mu, logvar, actions = batch["mu"], batch["logvar"], batch["actions"]
    z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    h, _ = lstm(torch.cat([z[:, :-1], actions[:, :-1]], -1))
    outputs = head(h).view(*h.shape[:2], 3, K, Z)
    logit, mean, logstd = outputs.unbind(2)
    scaled = (z[:, 1:, None] - mean) * torch.exp(-logstd)
    logdensity = -0.5 * (scaled**2 + math.log(2 * math.pi)) - logstd
    logweight = torch.log_softmax(logit, 2)
    each = -torch.logsumexp(logweight + logdensity, 2)
    valid = torch.arange(1, z.shape[1]) < batch["length"][:, None]
    return (each * valid[..., None]).sum() / (valid.sum() * Z)


def torch_training(sequences: int, steps: int) -> Callable[[], float]:
    """Return what `our_training` does, by PyTorch."""
    lstm = torch.nn.LSTM(Z + MODEL.action_size, MODEL.hidden_size, batch_first=True)
    head = torch.nn.Linear(MODEL.hidden_size, 3 * K * Z)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    batch = random_batch(sequences, steps)
    batch = {name: torch.from_numpy(x) for name, x in batch.items()}

    def train() -> float:
        for _ in range(BATCHES):
            optimizer.zero_grad()
            loss = torch_loss(lstm, head, batch)
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
    """Return each run's seconds by round, after two rounds that do not count."""
    turns = [
        {name: seconds(run) for name, run in runs.items()} for _ in range(rounds + 2)
    ]
    return {name: [turn[name] for turn in turns[2:]] for name in runs}


def operations(sequences: int, steps: int) -> float:
    """Return the floating-point operations of one step's matrix products.

    Twice the weights for each row forward, twice that again backward, less the
    gradient by the LSTM's inputs, which nobody needs.
    """
    n, x = MODEL.hidden_size, Z + MODEL.action_size
    weights = (x + n) * 4 * n + n * 3 * K * Z
    return sequences * steps * (6 * weights - 2 * x * 4 * n)


def matmul_rate() -> float:
    """Return the float32 operations per second of a product of 1024 x 1024."""
    square = jnp.ones((1024, 1024))
    product = jax.jit(jnp.matmul)
    times = [
        seconds(lambda: product(square, square).block_until_ready()) for _ in range(12)
    ]
    return 2 * 1024**3 / min(times)


def measure(sequences: int, steps: int, rate: float) -> dict[str, float]:
    """Return sequences per second, ours and PyTorch's, and how they compare."""
    runs = {"ours": our_training(sequences, steps)}
    if torch:
        runs["torch"] = torch_training(sequences, steps)
    times = take_turns(runs, ROUNDS)
    work = sequences * BATCHES
    row = {f"{name}": work / statistics.median(t) for name, t in times.items()}
    row |= {f"{name}_best": work / min(t) for name, t in times.items()}
    row["floor"] = sequences * rate / operations(sequences, steps)
    if torch:
        pairs = zip(times["ours"], times["torch"], strict=True)
        row["ratio"] = statistics.median(theirs / ours for ours, theirs in pairs)
        row["ratio_best"] = row["ours_best"] / row["torch_best"]
    return row


def main() -> None:
    """Print a table and one line of JSON."""
    threads = len(os.sched_getaffinity(0))
    if torch:
        torch.set_num_threads(threads)
    else:
        print("PyTorch is not installed (the extra `bench`), so only ours is timed.")
    rate = matmul_rate()
    print(f"{threads} threads; a large product reaches {rate / 1e9:.0f} GFLOP/s")
    print("sequences/s by median, best of the run in brackets")
    results = {}
    for sequences, steps in SIZES:
        row = measure(sequences, steps, rate)
        results[f"{sequences}x{steps}"] = {k: round(v, 3) for k, v in row.items()}
        columns = [f"{sequences:4d} x {steps:4d}", f"floor {row['floor']:6.0f}"]
        for name in ("ours", "torch")[: 2 if torch else 1]:
            columns.append(f"{name} {row[name]:6.1f} ({row[name + '_best']:6.1f})")
        if torch:
            columns.append(f"ratio {row['ratio']:.2f} ({row['ratio_best']:.2f})")
        print("   ".join(columns), flush=True)
    print(json.dumps({"matmul_gflops": round(rate / 1e9, 1), "memory": results}))


if __name__ == "__main__":
    main()
