"""Frames of a run, and what V makes of them: 64 x 64 x 3 numbers through Z of them.

    python examples/reconstruct.py [RUN] [EPISODE] [PICTURE]

RUN is the folder of a run that has trained its V, by default results/default. The
picture shows twelve frames of an episode; below them, what V keeps of each.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import worldmodels


def main(run: str = "results/default", episode: int = 0, out: str = "v.png") -> None:
    """Encode and decode an episode, print the error and draw some frames."""
    stores = worldmodels.open_run(run)
    shard, vision = stores.rollouts[0], worldmodels.load_vision(stores.vision)
    frames = shard.read("frames", episode)[: shard.read("length", episode)]
    mu, logvar = worldmodels.encode(vision, frames)  # each [T, Z]
    images = worldmodels.decode(vision, mu)  # uint8 [T, 64, 64, 3]

    error = np.abs(frames.astype(int) - images).mean()
    kl = (mu**2 + np.exp(logvar) - logvar - 1).mean(axis=0) / 2  # nats a dimension
    print(f"{len(frames)} frames in {mu.shape[1]} numbers each")
    print(f"mean error: {error:.1f} grey levels of 255")
    print(f"dimensions that carry more than 0.1 nats: {(kl > 0.1).sum()}")

    shown = np.linspace(0, len(frames) - 1, 12).round().astype(int)
    rows = [np.concatenate([*some[shown]], axis=1) for some in (frames, images)]
    Image.fromarray(np.concatenate(rows)).resize((12 * 96, 2 * 96)).save(Path(out))
    print(f"picture: {out}")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:4])
