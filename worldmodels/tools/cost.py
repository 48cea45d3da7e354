"""Tool cost: what a run takes before it runs: minutes, memory and disk by stage.

A plan of the run, counted in units of work, times the seconds of each unit on this
machine: of finished runs in the working folder that did alike, else as measured here
once and kept, else built in.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worldmodels.experiment import cost, overlays, work
from worldmodels.experiment.checkout import PACKAGE
from worldmodels.experiment.config import Config, load
from worldmodels.experiment.config_file import text
from worldmodels.experiment.cost import StageCost
from worldmodels.experiment.rates import Rates
from worldmodels.experiment.runs import main_run
from worldmodels.experiment.settings import AUTO, Environment
from worldmodels.experiment.stage_settings import nested
from worldmodels.experiment.yaml_files import parse
from worldmodels.runtime import devices, json_files
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.streams import tell
from worldmodels.runtime.wording import count, duration, size
from worldmodels.scores.tables import aligned
from worldmodels.stores import finished, kept_rates, places
from worldmodels.stores.publication import publish_text

_RESULTS = Path("results")  # of the working folder
_MADE = {"experiment", "cores", "stages", "total", "rates"}  # what --out holds
_HEAD = ("round and stage", "jobs", "time", "memory", "disk", "by")


def run(
    *,
    configfile: Sequence[Path] = (),
    config: Sequence[str] = (),
    settings: Sequence[str] = (),
    cores: int | None = None,
    calibrate: bool = False,
    out: Path | None = None,
) -> None:
    """Print what the run of a configuration takes; write the same to `out` as JSON.

    Args:
        configfile: overlays of config.yaml.
        config, settings: KEY=VALUE over those, in Snakemake's form and in the stages'.
        cores: that Snakemake would be given; None: those that this process may use.
        calibrate: whether to measure this machine again.

    Raises:
        UserError: for a configuration that is refused, or an `out` that may not be
            written.
    """
    if out is not None:
        _check_out(out)
    asked = load(merged(configfile, config, settings))
    given = cores or devices.cores()
    rates = _rates(asked, given, calibrate)
    whole = main_run(asked)
    correct = finished.corrections(finished.took(_RESULTS, given), rates)
    costs = cost.of(cost.plan(whole, given), rates, correct)
    disk = cost.disk(whole, costs)
    if out is not None:
        found = as_json(asked.experiment, given, costs, disk, rates)
        publish_text(out, json.dumps(found, indent=2) + "\n")
    print(table(asked, given, costs, disk, rates), end="")


def _check_out(out: Path) -> None:
    """Refuse, before the work, a place that this command may not write.

    A file in its place is replaced when this command made it.
    """
    places.check_file(out)
    if not out.exists() or not out.stat().st_size:
        return
    try:
        found = json_files.read(out)
    except json_files.Malformed:
        found = None
    if not (isinstance(found, dict) and found.keys() >= _MADE):
        raise UserError(
            f"{out} is a file that this command did not make; move it elsewhere or "
            "give another path"
        )


def merged(
    files: Sequence[Path], entries: Sequence[str], settings: Sequence[str]
) -> Mapping[str, Any]:
    """Return the configuration as Snakemake merges it."""
    base = PACKAGE.parent / "config.yaml"
    if base.exists():
        found = overlays.merged(base, files, entries)
    else:  # a copy of the package alone: the defaults
        found = overlays.over(parse(text(), base.name), files, entries)
    for entry in settings:
        found = overlays.laid_over(found, nested(entry))
    return found


def _rates(asked: Config, cores: int, again: bool) -> Rates:
    """Return this machine's rates: kept, or measured now and kept."""
    timed = min(cores, devices.cores())
    if timed < devices.cores() and hasattr(os, "sched_setaffinity"):
        # What is measured runs on as many cores as the run would.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:timed])
    devices.prepare("float32", timed)
    environment = asked.rounds[0].environment
    precision = _precision(asked)
    found = None if again else kept_rates.find(environment, precision, timed)
    if found is None:
        found = _calibrated(environment, precision, timed)
        kept_rates.keep(found, environment, precision)
    return found


def _precision(asked: Config) -> str:
    if asked.run.precision != AUTO:
        return asked.run.precision
    from worldmodels.runtime.matrix_unit import has_matrix_unit

    return "mixed" if has_matrix_unit() else "float32"


def _calibrated(environment: Environment, precision: str, cores: int) -> Rates:
    from worldmodels.tools import calibration  # heavy, and rarely needed

    machine = calibration.Machine(environment, precision, cores)
    tell("measuring this machine, once: about two minutes where it is quiet")
    return calibration.calibrate(machine, lambda name: tell(f"measuring {name}"))


def table(
    asked: Config,
    cores: int,
    costs: Sequence[StageCost],
    disk: cost.Disk,
    rates: Rates,
) -> str:
    """Return what a run takes as aligned text, with what it rests on below."""
    rows = [_HEAD]
    for one in costs:
        rows.append((_name(one), str(one.jobs), *_amounts(one), one.source))
    seconds = sum(one.seconds for one in costs)
    most = max(one.memory for one in costs)
    jobs = sum(one.jobs for one in costs)
    total = duration(seconds), size(round(most)), size(round(disk.kept))
    rows.append(("total", str(jobs), *total, ""))
    lines = [
        f"{asked.experiment}: {count(len(asked.rounds), 'round')} on "
        f"{count(cores, 'core')}",
        *aligned(rows),
        *_remarks(asked, costs, disk, rates),
    ]
    return "\n".join(lines) + "\n"


def _name(one: StageCost) -> str:
    return one.stage if one.stage == "report" else f"{one.round} {one.stage}"


def _amounts(one: StageCost) -> tuple[str, str, str]:
    return duration(one.seconds), size(round(one.memory)), size(round(one.disk))


def _remarks(
    asked: Config, costs: Sequence[StageCost], disk: cost.Disk, rates: Rates
) -> list[str]:
    """Return what a table rests on, a sentence a line."""
    compiling = sum(one.compiling for one in costs)
    lines = [
        f"Jobs run one after the other. {duration(compiling)} of the time is for "
        "compiling programs, which a later run finds in the cache."
    ]
    if disk.peak > disk.kept:
        lines.append(
            f"Up to {size(round(disk.peak))} lie on disk while it runs: rollouts are "
            "freed."
        )
    world = asked.rounds[0].environment
    played = work.seen(work.PLAYED[world.name], world.view)
    if rates.measured and played not in rates.measured:
        lines.append(
            f"{world.name} was not timed here: its steps are the built-in ones, at "
            "this machine's speed."
        )
    lines.append(_of_device(rates))
    return lines


def _of_device(rates: Rates) -> str:
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return (
            f"Rates are of {count(rates.cores, 'core')} of this processor; where JAX "
            "finds a GPU, the GPU is measured."
        )
    return f"Rates are of {device.device_kind}, where JAX runs programs here."


def as_json(
    experiment: str,
    cores: int,
    costs: Sequence[StageCost],
    disk: cost.Disk,
    rates: Rates,
) -> dict[str, Any]:
    """Return the same as a table as JSON values: seconds and bytes."""
    return {
        "experiment": experiment,
        "cores": cores,
        "stages": [one._asdict() for one in costs],
        "total": {
            "seconds": sum(one.seconds for one in costs),
            "memory": max(one.memory for one in costs),
            "disk": disk.kept,
            "disk_peak": disk.peak,
        },
        "rates": {
            "source": rates.source,
            "cores": rates.cores,
            "seconds": dict(rates.seconds),
            "measured": sorted(rates.measured),
        },
    }
