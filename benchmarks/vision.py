"""Time V's training step and encoder beside a PyTorch implementation of the same model.

    python benchmarks/vision.py

Training is timed at the paper's widths and at the default's, in float32 and in mixed
precision, beside PyTorch's automatic mixed precision with bfloat16.

Both sides take uint8 frames, use all cores of the process and take turns; figures are
medians over the rounds, a ratio that of the rounds' ratios. PyTorch runs in the memory
format that is faster for it. The floor is what the counted operations would take at
the measured rate of float32 matrix products. The last line is JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.models import vision
from worldmodels.models.precision import MIXED, Precision
from worldmodels.training import loop
from worldmodels.training.encoding import ParallelEncoder

try:
    import vision_pytorch
except ImportError:
    vision_pytorch = None

LATENT_SIZE, LEARNING_RATE, KL_TOLERANCE = 32, 1e-4, 0.5
TRAIN_BATCH, STEPS = 100, 8  # frames a minibatch, minibatches a call
# One encoding takes milliseconds, as long as the idle threads of the other side go on
# spinning: many make one turn.
ENCODE_BATCH, ENCODE_CALLS = 64, 40
WIDTHS = {  # channels of the encoder and of the decoder
    "paper": ((32, 64, 128, 256), (128, 64, 32)),
    "default": ((8, 16, 32, 64), (64, 32, 16)),
}
# Pixels at which each convolution's kernel is used.
PLACES = {"conv_0": 31**2, "conv_1": 14**2, "conv_2": 6**2, "conv_3": 2**2}
PLACES |= {"deconv_0": 1, "deconv_1": 5**2, "deconv_2": 13**2, "deconv_3": 30**2}
Run = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side")
    rounds = parser.parse_args().rounds
    shape = (STEPS, TRAIN_BATCH, *vision.VAE().frame_shape)
    batches = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    frames = batches[0, :ENCODE_BATCH]
    rate = matmul_rate()
    rows = [
        training_row(batches, width, precision, rate, rounds)
        for width in WIDTHS
        for precision in ("float32", "mixed")
    ]
    _, encode_flops = flops_per_frame(vision.VAE(LATENT_SIZE))
    rows.append(
        {"work": f"encode, batch {ENCODE_BATCH}", "floor": rate / encode_flops}
        | compare(
            repeated(our_encoding(frames)),
            [repeated(run) for run in their_encoding(frames)],
            ENCODE_CALLS * ENCODE_BATCH,
            2 * rounds,
        )
    )
    report(rows, rate)


def training_row(
    batches: np.ndarray, width: str, precision: Precision, rate: float, rounds: int
) -> dict:
    """Time training at one of WIDTHS; the floor is float32's in both precisions."""
    channels, decoder_channels = WIDTHS[width]
    model = vision.VAE(LATENT_SIZE, channels, decoder_channels, precision=precision)
    train_flops, _ = flops_per_frame(model)
    return {
        "work": f"train, {width}, {precision}",
        "floor": rate / train_flops,
    } | compare(
        our_training(batches, model),
        their_training(batches, model),
        STEPS * TRAIN_BATCH,
        rounds,
    )


def our_training(batches: np.ndarray, model: vision.VAE) -> Run:
    """Return a call that makes one update with each of uint8 [S, B, 64, 64, 3]."""
    optimizer = optax.adam(LEARNING_RATE)
    loss = partial(vision.loss, model=model, kl_tolerance=KL_TOLERANCE)
    update = loop.updates(loop.separate(loss), optimizer)
    state = loop.initial(vision.initial(jax.random.key(0), model), optimizer)

    def run():
        nonlocal state
        state, metrics = update(state, batches, jax.random.key(1))
        jax.block_until_ready(metrics)

    return run


def our_encoding(frames: np.ndarray) -> Run:
    """Return a call that encodes uint8 [B, 64, 64, 3]."""
    model = vision.VAE(LATENT_SIZE)
    encode = ParallelEncoder(model, vision.initial(jax.random.key(0), model))
    return lambda: encode(frames)


def repeated(run: Run) -> Run:
    """Return a turn of many calls."""

    def turn():
        for _ in range(ENCODE_CALLS):
            run()

    return turn


def their_training(batches: np.ndarray, model: vision.VAE) -> list[Run]:
    """Return PyTorch's calls for the same model, one for each memory format."""
    if vision_pytorch is None:
        return []
    sizes = model.latent_size, model.channels, model.decoder_channels
    return [
        vision_pytorch.training(
            batches,
            vision_pytorch.VAE(*sizes),
            LEARNING_RATE,
            KL_TOLERANCE,
            memory_format,
            mixed=model.precision == MIXED,
        )
        for memory_format in vision_pytorch.FORMATS
    ]


def their_encoding(frames: np.ndarray) -> list[Run]:
    """Return PyTorch's calls, one for each memory format."""
    if vision_pytorch is None:
        return []
    return [
        vision_pytorch.encoding(frames, LATENT_SIZE, memory_format)
        for memory_format in vision_pytorch.FORMATS
    ]


def compare(ours: Run, theirs: list[Run], frames: int, rounds: int) -> dict:
    """Return frames/s of both sides, which take turns, and the median ratio.

    Of several calls in `theirs` the one that is faster in a few turns is taken.
    """
    ours()
    if theirs:
        trials = [[seconds(run) for _ in range(4)] for run in theirs]
        theirs = [theirs[int(np.argmin(np.min(trials, axis=1)))]]
    times = [[seconds(run) for run in (ours, *theirs)] for _ in range(rounds)]
    rates = frames / np.array(times)
    result = {"ours": np.median(rates[:, 0])}
    if theirs:
        result["pytorch"] = np.median(rates[:, 1])
        result["ratio"] = np.median(rates[:, 0] / rates[:, 1])
    return result


def seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def matmul_rate(size: int = 1024) -> float:
    """Return the machine's rate of float32 matrix products in flop/s."""
    a = jnp.ones((size, size))
    product = jax.jit(jnp.matmul)
    times = [seconds(lambda: jax.block_until_ready(product(a, a))) for _ in range(50)]
    return 2 * size**3 / np.median(times)


def flops_per_frame(model: vision.VAE) -> tuple[float, float]:
    """Count an update's and an encoding's flops: two a weight and place it is used at.

    The backward pass costs two products for each one of the forward pass.
    """
    key = jax.random.key(0)
    params = jax.eval_shape(partial(vision.initial, model=model), key)
    encoder, decoder = (
        sum(
            2 * layer["kernel"].size * PLACES.get(name, 1)
            for name, layer in params[part].items()
        )
        for part in ("encoder", "decoder")
    )
    return 3 * (encoder + decoder), encoder


def report(rows: list[dict], rate: float) -> None:
    """Print the table, then the same as a line of JSON."""
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, float32 matrix products at {rate / 1e9:.0f} Gflop/s")
    print(f"{'frames/s':24}{'ours':>8}{'PyTorch':>9}{'ratio':>7}{'floor':>8}")
    for row in rows:
        theirs = f"{row['pytorch']:9.0f}{row['ratio']:7.2f}" if "ratio" in row else "-"
        print(f"{row['work']:24}{row['ours']:8.0f}{theirs:>16}{row['floor']:8.0f}")
    if vision_pytorch is None:
        print("PyTorch is missing: pip install --editable '.[bench]' adds it.")
    print(json.dumps({"cores": cores, "flops": rate, "rows": rows}))


if __name__ == "__main__":
    main()
