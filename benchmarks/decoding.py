"""Time V's decoder, plain and folded, frame by frame and in batches.

    python benchmarks/decoding.py

Both make uint8 images of the same z and take turns in one run; figures are medians of
the turns, ratios are medians of the turns' ratios. The floor is what the folded
decoder's counted operations would take at the measured rate of a large float32 product.
`differ` counts the bytes in which the images of both differ. The last line is JSON.
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

from worldmodels.models import folding, vision
from worldmodels.models.vision import VAE

MODELS = {
    "default": VAE(channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16)),
    "default, 96 x 96": VAE(
        channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16), frame_size=96
    ),
    "paper": VAE(),
    "paper, 96 x 96": VAE(frame_size=96),
}
BATCHES = 1, 16, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15, help="of each form")
    turns = parser.parse_args().turns
    rate = matmul_rate()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, float32 matrix products at {rate / 1e9:.0f} Gflop/s")
    head = f"{'plain':>8}{'folded':>8}{'ratio':>7}{'floor':>8}{'differ':>8}"
    print(f"{'ms a frame':18}{'batch':>6}{head}{'of bytes':>11}")
    rows = []
    for name, model in MODELS.items():
        params = random_params(model)
        decoder = folding.fold(params, model)
        floor = 1e3 * flops(decoder, model) / rate
        for batch in BATCHES if model.frame_size == 64 else BATCHES[:1]:
            row = {"model": name, "batch": batch, "floor": floor}
            row |= compare(params, decoder, model, batch, turns)
            rows.append(row)
            print(
                f"{name:18}{batch:6}{row['plain']:8.3f}{row['folded']:8.3f}"
                f"{row['ratio']:7.2f}{floor:8.3f}{row['differ']:8}{row['bytes']:11,}"
            )
        once = partial(folding.fold, params, model)
        spent = 1e3 * np.median([seconds(once) for _ in range(5)])
        print(f"{name:18}{'':6}folding, once: {spent:.1f} ms")
    print(json.dumps({"cores": cores, "flops": rate, "rows": rows}))


def random_params(model: VAE) -> vision.Params:
    """Return parameters whose images have all shades."""
    params = vision.initial(jax.random.key(0), model)
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda x: 2 * x + rng.normal(scale=0.05, size=x.shape).astype(x.dtype), params
    )


def compare(params, decoder, model: VAE, batch: int, turns: int) -> dict:
    """Return milliseconds a frame of both forms, and how many bytes differ."""
    plain = jax.jit(lambda params, z: to_bytes(vision.decode(params, model, z)))
    folded = jax.jit(lambda decoder, z: to_bytes(folding.decode(decoder, model, z)))
    z = np.random.default_rng(1).normal(size=(batch, model.latent_size))
    z = z.astype(np.float32)
    calls = max(1, 20 // batch)  # in one turn

    def repeated(decode: Callable, given) -> Callable:
        return lambda: [jax.block_until_ready(decode(given, z)) for _ in range(calls)]

    runs = repeated(plain, params), repeated(folded, decoder)
    for run in runs:
        run()
    times = [[seconds(run) for run in runs] for _ in range(turns)]
    times = 1e3 * np.array(times) / (batch * calls)
    images = np.asarray(plain(params, z)), np.asarray(folded(decoder, z))
    return {
        "plain": float(np.median(times[:, 0])),
        "folded": float(np.median(times[:, 1])),
        "ratio": float(np.median(times[:, 0] / times[:, 1])),
        "differ": int((images[0] != images[1]).sum()),
        "bytes": images[0].size,
    }


def to_bytes(images: jax.Array) -> jax.Array:
    return jnp.round(images * 255).astype(jnp.uint8)


def flops(decoder: folding.FoldedDecoder, model: VAE) -> float:
    """Count a frame's flops: two a weight and place it is used at."""
    total, side = 2 * decoder.kernel.size, 2 * ((model.frame_size - 48) // 16) + 3
    for layer in decoder.layers:
        total += 2 * layer["kernel"].size * side**2
        side = 2 * side + len(layer["kernel"]) - 2
    return total


def matmul_rate(size: int = 1024) -> float:
    """Return the machine's rate of float32 matrix products in flop/s."""
    a = jnp.ones((size, size))
    product = jax.jit(jnp.matmul)
    times = [seconds(lambda: jax.block_until_ready(product(a, a))) for _ in range(20)]
    return 2 * size**3 / np.median(times)


def seconds(run: Callable) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
