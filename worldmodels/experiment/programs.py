"""How long stages compile: what their programs take the first time, and later.

Compiled programs are kept (`runtime.devices`). A later job of the same shapes loads
them, which takes a part of the time. No JAX is imported here: the Snakefile reads it.
"""

from worldmodels.experiment import jobs, sizes
from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.settings import Round
from worldmodels.experiment.worlds import uses_simulator

# Seconds on the machine of the built-in rates, with an empty cache.
_RECORDING, _DRIVING, _TESTING, _DREAMING = 14.5, 14.0, 8.0, 4.0
_POOL = 1.0  # for the policy beside the workers
_VISION, _LATENTS, _MEMORY, _PAGE = 9.0, 0.8, 3.5, 5.0
_ADDRESSED = 3.0  # times as long as M's training, where its cell has a memory of slots
LOADED = 0.15  # of the time to compile: tracing, and reading the cache

_IN_GAMES = ("environment", "vision", "memory", "controller")
# The sections of settings that decide the programs of a stage,
_DECIDED_BY = {
    "rollouts": (*_IN_GAMES, "rollouts"),
    "vision": ("environment", "vision"),
    "latents": ("environment", "vision"),
    "memory": ("vision", "memory"),
    "controller": _IN_GAMES,
    "random": ("environment", "evaluation"),
    "evaluation": (*_IN_GAMES, "evaluation"),
    "report": _IN_GAMES,
}
# and what of them does not.
_ELSEWHERE = {
    "rollouts": {"episodes", "min_steps", "accumulate", "keep"},
    "vision": {"epochs", "warm_start", "buffer_episodes"},
    "memory": {"epochs", "warm_start", "held_out"},
    "controller": {
        "generations", "generations_per_block", "sigma", "initial_mean",
        "initial_steps", "step_increment", "select_every", "warm_start", "centred",
    },
}  # fmt: skip


def seconds(stage: str, run: PipelineRun, round: int, job: int = 0) -> float:
    """Return how long a job of a stage compiles, or loads what another compiled.

    Args:
        job: its number among those of the stage in the round; the first compiles.
    """
    whole = _compiling(stage, run.settings(round), round)
    own = _deciding(stage, run, round)
    known = any(_deciding(stage, run, earlier) == own for earlier in range(round))
    return whole * LOADED if job or known else whole


def _deciding(stage: str, run: PipelineRun, round: int) -> list[dict]:
    """Return what decides the programs of a stage."""
    settings = run.settings(round)
    found: list[dict] = [
        getattr(settings, name).model_dump(exclude=_ELSEWHERE.get(name))
        for name in _DECIDED_BY[stage]
    ]
    if stage == "rollouts":  # in round 0 another policy drives
        found.append({"first": round == 0})
    if stage == "memory":  # whose rows are windows, or whole episodes
        length = settings.memory.window or jobs.data(stage, run, round).longest
        found.append({"length": length})
    return found


def _compiling(stage: str, settings: Round, round: int) -> float:
    """Return the seconds in which a stage compiles everything."""
    simulated = uses_simulator(settings.environment)
    dreams = settings.controller.train_in == "dream"
    if stage == "rollouts":
        return _RECORDING if simulated else _POOL
    if stage == "vision":
        return 2 * _VISION  # also for the batches that are left over at the end
    if stage == "memory":
        cell = _ADDRESSED if sizes.addressed(settings) else 1.0
        return _MEMORY * cell * (2 if settings.memory.window else 1)
    if stage == "controller":
        tested = _TESTING if simulated else _POOL
        if dreams:
            return _DREAMING + (tested if settings.controller.plays else _DREAMING)
        return tested + (_DRIVING if simulated else _POOL)
    if stage == "evaluation":
        return _POOL + _TESTING * simulated + _DREAMING * dreams
    return {"latents": _LATENTS, "random": _POOL, "report": _PAGE}[stage]
