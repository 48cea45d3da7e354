"""What 1,000,000 episodes cost before anything is learnt: to plan and to open.

    python benchmarks/scale.py [--shards 4000] [--episodes 250] [FOLDER]

Plans the pipeline of so many shards (`snakemake -n`), then makes stand-ins of all its
rollouts and latents, which have all episodes and hardly a step, and opens them as the
trainings and the report do. Prints seconds and peak memory of each; the last line is
JSON. A processor that other work shares makes the seconds longer. Needs some 2 GB and
150,000 files of disk, which are mostly links to one store.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from worldmodels.report.rounds import group
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.provenance import identity_hash
from worldmodels.training.datasets import StoredEpisodes

REPOSITORY = Path(__file__).resolve().parents[1]
STEPS = 2  # of each episode
SETTINGS = {
    "rollouts": {"environment": "carracing", "backend": "simulator"},
    "latents": {"latent_size": 32},
}


def make_store(path: Path, kind: str, episodes: int) -> Path:
    """Publish a stand-in of one shard."""
    shape, time = (episodes, STEPS), ("episode", "time")
    config = {"round": 0, "shard": 0, **SETTINGS[kind]}
    with publication.create(
        path, kind, config=config, inputs={}, stage_version=1
    ) as store:
        if kind == "rollouts":
            frames = np.zeros((*shape, 64, 64, 3), np.uint8)
            store.write("frames", frames, (*time, "y", "x", "channel"))
        else:
            for name in ("mu", "logvar"):
                store.write(name, np.zeros((*shape, 32), np.float16), (*time, "latent"))
        store.write("actions", np.zeros((*shape, 3), np.float32), (*time, "action"))
        store.write("rewards", np.zeros(shape, np.float32), time)
        store.write("terminated", np.zeros(shape, bool), time)
        store.write("length", np.full(episodes, STEPS, np.int32), ("episode",))
        store.write("seed", np.arange(episodes), ("episode",))
    return path


def duplicate(first: Path, shard: int) -> Path:
    """Return another store with the arrays of `first`, by links, as shard `shard`."""
    path = first.with_name(f"shard-{shard:03d}.zarr")
    for place, _, names in os.walk(first):
        folder = path / Path(place).relative_to(first)
        folder.mkdir(parents=True)
        for name in names:
            os.link(Path(place) / name, folder / name)
    meta = json.loads((first / "zarr.json").read_text())
    meta["attributes"]["config"]["shard"] = shard
    meta["attributes"]["provenance"] = identity_hash(meta["attributes"])
    (path / "zarr.json").unlink()
    (path / "zarr.json").write_text(json.dumps(meta))
    return path


def shards(folder: Path, kind: str, count: int, episodes: int) -> list[Path]:
    """Make all shards of a kind."""
    place = folder / kind
    place.mkdir()
    first = make_store(place / "shard-000.zarr", kind, episodes)
    return [first, *(duplicate(first, shard) for shard in range(1, count))]


def plan(folder: Path, count: int, episodes: int) -> tuple[float, float]:
    """Return the seconds and the peak memory in GB of a dry run of the pipeline."""
    overlay = folder / "overlay.yaml"
    sizes = {"episodes": count * episodes, "episodes_per_shard": episodes}
    overlay.write_text(json.dumps({"experiment": "scale", "rollouts": sizes}))
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all"]
    command += ["--directory", folder, "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--configfile", REPOSITORY / "config.yaml", overlay]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("snakemake failed")
    return time.monotonic() - started, usage.ru_maxrss / 1e6


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of some work, and the peak memory in GB of all so far."""
    started = time.monotonic()
    kept = work()
    seconds = time.monotonic() - started
    del kept
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Plan, make and open, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=4000)
    parser.add_argument("--episodes", type=int, default=250)
    parser.add_argument("folder", nargs="?")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        rows = measure(Path(name), given.shards, given.episodes)
    print(f"{given.shards:,} shards of {given.episodes} episodes")
    for what, seconds, peak in rows:
        print(f"{what:32}{seconds:9.1f} s{peak:9.2f} GB")
    print(json.dumps({what: {"seconds": s, "peak_gb": p} for what, s, p in rows}))


def measure(folder: Path, count: int, episodes: int) -> list[tuple[str, float, float]]:
    """Return (what, seconds, peak memory in GB) of each piece of work."""
    rows = [("plan (snakemake -n)", *plan(folder, count, episodes))]
    made = {
        kind: shards(folder, kind, count, episodes) for kind in ("rollouts", "latents")
    }
    for kind, paths in made.items():

        def work(kind=kind, paths=paths):
            return StoredEpisodes([open_artifact(path, kind) for path in paths])

        rows.append((f"open {kind}, as a training", *measured(work)))
    every = [*made["rollouts"], *made["latents"]]
    rows.append(
        (
            "open all, as the report",
            *measured(lambda: group([open_artifact(path) for path in every])),
        )
    )
    return rows


if __name__ == "__main__":
    main()
