"""The pieces of a calibration that are games': tracks, cars, worker processes."""

from functools import partial
from typing import NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.environments.processes.episodes import Episode
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.experiment import sizes, work
from worldmodels.rollout import arenas, in_simulator
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime.errors import UserError
from worldmodels.tools.timed_networks import agent_of, population_of
from worldmodels.tools.timing import Machine, Seconds, Sizes, more, typical

_CARS, _TRACKS, _SHORT, _LONG = 16, 8, 20, 120  # candidates, tracks, steps
_PLAYED_SHORT, _PLAYED_LONG = 10, 50  # steps of an episode of the game


class _Episodes(NamedTuple):
    """Seconds of episodes in worker processes."""

    step: float
    begun: float  # one episode


def time_tracks(machine: Machine) -> Seconds:
    """Time painting tracks."""
    seeds, view = np.arange(_TRACKS), machine.environment.view
    taken = typical(machine, lambda: in_simulator.fresh(seeds, view=view))
    return {work.seen(work.TRACK, view): taken / _TRACKS}


def time_cars(machine: Machine, size: Sizes, found: Seconds) -> Seconds:
    """Time cars with an agent, and take from it what the agent takes alone."""
    agent, weights = agent_of(machine, size)
    score, population = arenas.simulator(agent, weights), population_of(agent, _CARS)
    play = partial(score, population, np.arange(_TRACKS))
    taken = more(machine, play, _SHORT, _LONG) / (_CARS * _TRACKS * (_LONG - _SHORT))
    agent_alone = (
        found[work.ENCODED]
        + found[work.ENCODER_MULTIPLY] * sizes.encoder(size.settings).multiplies
        + found[work.DREAMT]
        + found[work.DREAM_MULTIPLY] * sizes.memory(size.settings).multiplies
    )
    car = work.seen(work.CAR, machine.environment.view)
    return {car: max(taken - agent_alone, 0.1 * taken)}


def time_game(machine: Machine) -> Seconds:
    """Time the game in its worker processes; nothing where it is not installed."""
    environment = machine.environment
    try:
        spec = arenas.spec_of(environment)
        game = spec.game
    except UserError:
        return {}
    workers = min(machine.cores, environment.slots)
    opened = []

    def open_pool() -> None:
        pool = EnvironmentPool(spec, slots=environment.slots, workers=workers)
        opened.append(pool)
        pool.reset(range(environment.slots), range(environment.slots))

    try:
        begun = machine.timer(
            open_pool, lambda: ("self", *(pid for pool in opened for pid in pool.pids))
        )
        episodes = _episodes(machine, opened[0], game)
    finally:
        for pool in opened:
            pool.close()
    one = work.seen(work.PLAYED[environment.name], environment.view)
    return {
        work.WORKERS: begun,
        one: episodes.step / environment.frame_skip,
        work.BEGUN: episodes.begun,
    }


def _episodes(machine: Machine, pool: EnvironmentPool, game: Game) -> _Episodes:
    """Time episodes in a pool."""

    def play(steps: int) -> int:
        policy = RandomSlots("white", pool.slots, game)
        planned = [Episode(seed, steps) for seed in range(pool.slots)]
        return sum(one.length for one in run_episodes(pool, policy, planned))

    play(_PLAYED_SHORT)  # compiles
    counts: list[int] = []
    pids = lambda: ("self", *pool.pids)  # noqa: E731
    taken: dict[int, float] = {}
    for steps in (_PLAYED_SHORT, _PLAYED_LONG) * 2:
        seconds = machine.timer(lambda s=steps: counts.append(play(s)), pids)
        taken[steps] = min(taken.get(steps, seconds), seconds)
    short, long = taken.values()
    more = max(counts[1] - counts[0], 1)
    step = max(long - short, 0.1 * long) / more
    begun = max(short - counts[0] * step, 0.01 * short) / pool.slots
    return _Episodes(step, begun)
