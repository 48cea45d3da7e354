"""What runs took: wall time and memory of each stage, and their place on the disk."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import fmean

from worldmodels.experiment.stages import CONFIGURED
from worldmodels.report.comparison.runs import Compared
from worldmodels.runtime.wording import duration, size
from worldmodels.stores.run_folders import RunFolder, SeedStores
from worldmodels.training import excerpts

_MEGABYTE = 2**20  # Snakemake's


def table(compared: Compared) -> list[tuple[str, ...]]:
    """Return a table's head and a row a stage: wall time and peak memory in each run.

    All is of one training: where a run has several, the mean of those that have it. A
    run whose memory was not measured has no column of it.
    """
    times = [_mean(map(seconds, run.seeds)) for _, run in compared.runs]
    stages = [stage for stage in CONFIGURED if any(stage in found for found in times)]
    columns = [["stage", *stages, "all stages", "on disk"]]
    for (name, run), took in zip(compared.runs, times, strict=True):
        cells = [_told(took.get(stage), duration) for stage in stages]
        disk = sum(_mean(map(bytes_on_disk, run.seeds)).values())
        columns.append([name, *cells, duration(sum(took.values())), _size(disk)])
        if peaks := _mean(map(memory, run.seeds)):
            cells = [_told(peaks.get(stage), _size) for stage in stages]
            greatest = max(peaks.get(stage, 0.0) for stage in stages)
            columns.append(["peak memory", *cells, _size(greatest), ""])
    return [*zip(*columns, strict=True)]


def total(run: RunFolder) -> float:
    """Return the seconds that one training of a run took, all stages together."""
    return sum(_mean(map(seconds, run.seeds)).values())


def seconds(seed: SeedStores) -> dict[str, float]:
    """Return the wall time that each stage of a training took, in all rounds."""
    found: dict[str, float] = {}
    for stage in CONFIGURED:
        for store in seed.stores(stage):
            found[stage] = found.get(stage, 0.0) + store.attributes["wall_seconds"]
    for number, stores in seed.rounds.items():
        if "rollouts" not in stores:  # deleted: V's store knows what they took
            for vision in stores.get("vision", ()):
                for facts in excerpts.read(vision)[1]:
                    if facts.round == number:
                        known = found.get("rollouts", 0.0)
                        found["rollouts"] = known + facts.wall_seconds
    return found


def bytes_on_disk(seed: SeedStores) -> dict[str, float]:
    """Return the bytes of the stores of each stage that lie in a training's folder."""
    return {
        stage: sum(s.size() for s in stores if s.provenance not in seed.lent)
        for stage in CONFIGURED
        if (stores := [*seed.stores(stage)])
    }


def memory(seed: SeedStores) -> dict[str, float]:
    """Return the most memory that a job of each stage had, in bytes.

    Snakemake writes it to `benchmarks/`; what it did not measure is left out.
    """
    found: dict[str, float] = {}
    for path in sorted(seed.folder.glob("benchmarks/round-*/*.tsv")):
        stage = re.split(r"[-.]", path.name)[0]
        for peak in _peaks(path):
            found[stage] = max(found.get(stage, 0.0), peak)
    return found


def _peaks(path: Path) -> Iterator[float]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return
    for row in csv.DictReader(lines, delimiter="\t"):
        try:
            peak = float(row.get("max_rss") or "nan") * _MEGABYTE
        except ValueError:  # a job that was too short to be looked at
            continue
        if math.isfinite(peak):
            yield peak


def _mean(found: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each value over the trainings that have it."""
    found = [*found]
    names = dict.fromkeys(name for values in found for name in values)
    return {n: fmean(values[n] for values in found if n in values) for n in names}


def _size(count: float) -> str:
    return size(round(count))


def _told(value: float | None, words: Callable[[float], str]) -> str:
    return "" if value is None else words(value)
