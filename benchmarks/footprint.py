"""Peak memory and disk of the stages on 1,000 episodes of 1,000 frames.

    python benchmarks/footprint.py [FOLDER]

Drives a few real episodes, multiplies them into 1,000 (rolled in time, mirrored), and
runs the real commands on them at the paper's sizes. V's training is stopped after a few
minutes of its many hours: by then both of its buffers of episodes are full, and it
holds all that it ever will. Needs about 3 GB of disk.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact

_EPISODES, _PER_SHARD, _STEPS, _REAL = 1000, 250, 1000, 8
_LIMIT = 240.0  # seconds; the second buffer is full after a few


def measured(*words: object, limit: float | None = None) -> float:
    """Run one command and return its peak memory in GB.

    Args:
        limit: seconds after which it is killed; None: it must end well.
    """
    command = [sys.executable, "-m", "worldmodels.cli", *map(str, words)]
    process = subprocess.Popen(command)
    if limit is not None:
        threading.Timer(limit, process.kill).start()
    _, status, usage = os.wait4(process.pid, 0)
    if limit is None and status:
        sys.exit(f"{words[0]} failed")
    return usage.ru_maxrss / 1e6


def multiply(real: Path, folder: Path) -> list[Path]:
    """Write 1,000 episodes made of a few real ones, in shards."""
    store = open_artifact(real, "rollouts")
    rng = np.random.default_rng(0)
    paths = []
    for shard in range(_EPISODES // _PER_SHARD):
        path = folder / f"rollouts-{shard}.zarr"
        sizes = {"shard": shard, "episodes_per_shard": _PER_SHARD}
        config = {**store.config, **sizes}
        with publication.create(
            path, "rollouts", config=config, inputs={}, stage_version=1
        ) as writer:
            write_shard(writer, store, rng)
        paths.append(path)
        print(f"wrote {path}", file=sys.stderr, flush=True)
    return paths


def write_shard(writer, store, rng: np.random.Generator) -> None:
    """Fill one shard with rolled and mirrored copies of the real episodes."""
    shape = (_PER_SHARD, _STEPS, 64, 64, 3)
    names = ("episode", "time", "y", "x", "channel")
    frames = writer.rows("frames", shape, np.uint8, names)
    sources = rng.integers(_REAL, size=_PER_SHARD)
    for place, source in enumerate(sources):
        real = np.roll(store.read("frames", int(source)), rng.integers(_STEPS), axis=0)
        frames.put(place, real[:, :, ::-1] if rng.integers(2) else real)
    frames.close()
    for name in ("actions", "rewards", "terminated"):
        writer.write(name, store.read(name)[sources])
    writer.write("length", np.full(_PER_SHARD, _STEPS, np.int32))
    writer.write("seed", np.arange(_PER_SHARD))


def main() -> None:
    """Measure every stage that reads a data set and print a table."""
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        rows = measure(folder)
    print(f"{'stage':28}{'peak memory':>14}{'disk':>12}")
    for stage, peak, disk in rows:
        print(f"{stage:28}{peak:11.2f} GB{disk:9.2f} GB")
    print(json.dumps({stage: {"peak_gb": p, "disk_gb": d} for stage, p, d in rows}))


def measure(folder: Path) -> list[tuple[str, float, float]]:
    """Return (stage, peak memory in GB, disk in GB) of each stage."""
    real, v_store = folder / "real.zarr", folder / "vision.zarr"
    drive = [
        f"--set=rollouts.episodes_per_shard={_REAL}",
        f"--set=rollouts.steps={_STEPS}",
        "--set=environment.slots=8",
    ]
    peak = measured("rollouts", *drive, "--out", real)
    shards = multiply(real, folder)
    disk = sum(open_artifact(shard).size() for shard in shards) / 1e9
    rows = [("rollouts (8 episodes)", peak, open_artifact(real).size() / 1e9)]
    rows.append(("rollouts (1000, on disk)", 0.0, disk))
    files = ["--rollouts", real, "--checkpoint", folder / "v.ckpt", "--out", v_store]
    rows.append(
        (
            "vision, on 8 episodes",
            measured("vision", "--set=vision.epochs=1", *files),
            size(v_store),
        )
    )
    files = ["--rollouts", *shards, "--checkpoint", folder / "w.ckpt"]
    peak = measured("vision", *files, "--out", folder / "unfinished", limit=_LIMIT)
    rows.append(("vision, on 1000 episodes", peak, size(v_store)))
    latents = [folder / f"latents-{n}.zarr" for n in range(len(shards))]
    peaks = [
        measured("latents", "--vision", v_store, "--rollouts", shard, "--out", out)
        for shard, out in zip(shards, latents, strict=True)
    ]
    rows.append(("latents", max(peaks), sum(map(size, latents))))
    out = folder / "memory.zarr"
    files = ["--latents", *latents, "--checkpoint", folder / "m.ckpt", "--out", out]
    rows.append(
        (
            "memory, 2 epochs",
            measured("memory", "--set=memory.epochs=2", *files),
            size(out),
        )
    )
    return rows


def size(path: Path) -> float:
    """Return a store's size in GB."""
    return open_artifact(path).size() / 1e9


if __name__ == "__main__":
    main()
