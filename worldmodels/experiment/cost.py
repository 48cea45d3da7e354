"""What a run costs before anything runs: time, memory and disk of its stages.

A plan says what there is to do, in units of work; rates turn it into seconds. What a
finished run took can correct both. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from worldmodels.experiment import (
    bytes_on_disk,
    jobs,
    needs,
    paths,
    programs,
    work,
)
from worldmodels.experiment.rates import Rates
from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.work import Work

_DRIVEN = ("rollouts", "controller", "random", "evaluation")


class StagePlan(NamedTuple):
    """What a stage has to do in a round, as one or several jobs."""

    round: int
    stage: str
    works: tuple[Work, ...]  # of each job
    cores: int | None  # that drive; None: a network, on as many as it was timed on
    memory: float  # bytes at the peak of a job
    disk: float  # bytes of all its stores

    @property
    def work(self) -> Work:
        """The work of all jobs."""
        return work.together(*self.works)


class StageCost(NamedTuple):
    """What a stage takes in a round, as predicted."""

    round: int
    stage: str
    jobs: int
    seconds: float  # of all its jobs, one after the other
    memory: float  # bytes
    disk: float  # bytes
    source: str  # of the rates
    compiling: float = 0.0  # seconds among those: less where programs are kept


class Factor(NamedTuple):
    """How many times as much a finished run took as its plan says."""

    seconds: float
    disk: float
    source: str


def plan(run: PipelineRun, cores: int) -> list[StagePlan]:
    """Return what each stage of a run has to do, in the order of the rounds.

    Args:
        cores: of the machine.
    """
    found, made = [], set()
    for round in run.rounds:
        found += [
            _planned(run, round, stage, counted, cores)
            for stage, counted in _jobs(run, round, made)
            if counted
        ]
    return [*found, _report(run, cores)]


def _jobs(
    run: PipelineRun, round: int, made: set[str]
) -> Iterator[tuple[str, list[int]]]:
    """Yield the stages of a round with the number of each job: of its block or round.

    Args:
        made: the latents that earlier rounds make; this round's are added.
    """
    rollouts = run.settings(round).rollouts
    imported = round == 0 and rollouts.policy == "imported"
    shards = rollouts.episodes // rollouts.episodes_per_shard
    yield "rollouts", [] if imported else list(range(shards))
    yield "vision", [0]
    encoded = paths.memory_data(run, round)
    yield "latents", [0] * sum(path not in made for path in encoded)
    made.update(encoded)
    yield "memory", [0]
    yield "controller", list(range(len(paths.blocks(run, round))))
    if round not in paths.scored_rounds(run):
        return
    own = paths.RANDOM.format(run=run.home("random", round), round=round)
    yield "random", [0] if paths.random(run, round) == own else []
    yield "evaluation", [0]


def _planned(
    run: PipelineRun, round: int, stage: str, counted: list[int], cores: int
) -> StagePlan:
    settings, data = run.settings(round), jobs.data(stage, run, round)
    blocks = counted if stage == "controller" else [0] * len(counted)
    lengths = [work.expected(settings, block) for block in blocks]
    driven = min(jobs.cores(stage, settings, cores), cores)
    return StagePlan(
        round,
        stage,
        tuple(
            work.together(
                work.of(stage, settings, data, steps),
                _beginning(programs.seconds(stage, run, round, job)),
            )
            for job, steps in enumerate(lengths)
        ),
        driven if stage in _DRIVEN else None,
        needs.total(jobs.need(stage, run, round, driven)),
        sum(
            bytes_on_disk.of(stage, run.config.run, settings, data, steps)
            for steps in lengths
        ),
    )


def _report(run: PipelineRun, cores: int) -> StagePlan:
    """Return the plan of the report, which counts as a job of the last round."""
    last = run.rounds[-1]
    data, done, disk = jobs.data("report", run, last), [], 0.0
    for round in run.rounds:
        settings, steps = run.settings(round), work.expected(run.settings(round))
        own = needs.planned({round: settings.rollouts}, settings.environment.name)
        done.append(work.of("report", settings, own, steps))
        disk += bytes_on_disk.of("report", run.config.run, settings, data, steps)
    done.append(_beginning(programs.seconds("report", run, 0)))
    need = needs.total(jobs.need("report", run, last, cores))
    return StagePlan(last, "report", (work.together(*done),), None, need, disk)


def _beginning(compiling: float) -> Work:
    return {work.START: 1, work.COMPILED: compiling}


def of(
    plans: Sequence[StagePlan],
    rates: Rates,
    correct: Callable[[StagePlan], Factor | None] = lambda planned: None,
) -> list[StageCost]:
    """Return what planned stages take.

    Args:
        correct: what a finished run took of its own plan, if one is like this one.
    """
    costs = []
    for planned in plans:
        found = correct(planned) or Factor(1.0, 1.0, rates.source)
        costs.append(
            StageCost(
                planned.round,
                planned.stage,
                len(planned.works),
                found.seconds * seconds(planned, rates),
                planned.memory,
                found.disk * planned.disk,
                found.source,
                planned.work[work.COMPILED] * rates.seconds[work.COMPILED],
            )
        )
    return costs


def seconds(planned: StagePlan, rates: Rates) -> float:
    """Return the seconds of a plan by some rates, one job after the other."""
    cores = rates.cores if planned.cores is None else planned.cores
    return rates.of(planned.work, cores)


class Disk(NamedTuple):
    """Bytes of a whole run below its folder."""

    kept: float  # at the end
    peak: float  # while it runs


def disk(run: PipelineRun, costs: Sequence[StageCost]) -> Disk:
    """Return the disk of a run: its peak is larger where rollouts are not kept."""
    made = {(cost.round, cost.stage): cost.disk for cost in costs}
    whole = sum(made.values())
    if run.settings(0).rollouts.keep:
        return Disk(whole, whole)
    frames = {round: made.get((round, "rollouts"), 0.0) for round in run.rounds}
    # A round's own, and those of earlier rounds that it or a later one reads.
    held = [
        sum(
            frames[source]
            for source in range(round + 1)
            if source == round
            or any(
                source in paths.earlier_rounds(run, later)
                for later in run.rounds[round:]
            )
        )
        for round in run.rounds
    ]
    rest = [
        sum(
            size
            for (made_in, stage), size in made.items()
            if stage != "rollouts" and made_in <= round
        )
        for round in run.rounds
    ]
    peak = max(map(sum, zip(held, rest, strict=True)))
    return Disk(rest[-1], max(peak, rest[-1]))
