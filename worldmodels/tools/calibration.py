"""Seconds of units of work on this machine, from short pieces of the real programs.

Networks are timed at the default's sizes and at the paper's: what does not grow with
them and what does. Pieces follow one another until the time is up; what was not timed
is inferred (`experiment.rates`). Programs run on JAX's default device.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from worldmodels.environments.games import CARRACING, Game, is_simulated
from worldmodels.environments.processes.episodes import Episode
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.experiment import rates, sizes, work
from worldmodels.experiment.rates import BUILT_IN, Rates
from worldmodels.experiment.section import of_the_paper
from worldmodels.experiment.settings import Environment, Round
from worldmodels.models import memory, memory_loss, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.models.memory import Memory
from worldmodels.models.precision import Precision
from worldmodels.models.vision import VAE
from worldmodels.rollout import arenas, in_simulator
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime import quiet_time
from worldmodels.runtime.errors import UserError
from worldmodels.training import loop
from worldmodels.training.encoding import ParallelEncoder

_LIMIT = 100.0  # seconds after which no piece is begun: the last ends within 20 more
_REPEATS = 3
_VISION_CALLS, _MEMORY_CALLS = 8, 4  # minibatches in one call, as in the stages
# The stage reads M's batches too: 38 ms each in a default run, of which 30 are these.
_MEMORY_FED = 1.25
_FRAMES = 256  # encoded at a time
_CARS, _TRACKS, _SHORT, _LONG = 16, 8, 20, 120  # candidates, tracks, steps
_DREAMERS, _DREAMS, _DREAMT_SHORT, _DREAMT_LONG = 32, 16, 32, 352
_PLAYED_SHORT, _PLAYED_LONG = 10, 50  # steps of an episode of the game
# Of the program that the built-in rates count as `_COMPILED` seconds.
_COMPILED = 9.0
_IMPORTS = "import worldmodels.stages.controller; import worldmodels.runtime.devices"

Seconds = dict[str, float]  # by unit
Timer = Callable[..., float]


class Sizes(NamedTuple):
    """Settings whose networks are timed, with the batch of M."""

    settings: Round
    rows: int
    steps: int


DEFAULT = Sizes(Round(), 16, 300)
PAPER = Sizes(of_the_paper(Round), 100, 50)


class Machine(NamedTuple):
    """What is timed, and how.

    Attributes:
        timer: returns the seconds of a call, as `quiet_time.seconds`.
        clock: that says when the time is up.
    """

    environment: Environment
    precision: Precision
    cores: int
    timer: Timer = quiet_time.seconds
    clock: quiet_time.Clock = time.perf_counter


def calibrate(
    machine: Machine,
    begun: Callable[[str], None],
    timed: Sequence[Sizes] = (DEFAULT, PAPER),
) -> Rates:
    """Return the rates of this machine, timed in two minutes at most.

    Args:
        begun: called with the name of each piece before it is timed.
        timed: sizes of the networks; the first ones count where time is short.

    Raises:
        UserError: for a world that cannot be played.
    """
    end, found = machine.clock() + _LIMIT, {}
    for name, piece in _pieces(machine, timed, found):
        if machine.clock() > end:
            break
        begun(name)
        found |= piece()
    return rates.measured(found, machine.cores)


def _pieces(
    machine: Machine, timed: Sequence[Sizes], found: Seconds
) -> Iterator[tuple[str, Callable[[], Seconds]]]:
    """Yield what is timed, the most important first.

    Args:
        found: what was timed so far.
    """
    points: dict[str, list] = {}
    yield "the start of a process", partial(_start, machine)
    for size in timed:
        named = "V and M of " + ("the default" if size == DEFAULT else "the paper")
        yield f"{named}, encoding", partial(_encoding, machine, size, points)
        yield f"{named}, dreaming", partial(_dreaming, machine, size, points)
        if size is timed[0]:
            if is_simulated(machine.environment.name):
                yield "tracks", partial(_tracks, machine)
                yield "cars", partial(_cars, machine, size, found)
            yield "the game", partial(_game, machine)
        yield f"{named}, M's training", partial(_memory, machine, size, points)
        yield f"{named}, V's training", partial(_vision, machine, size, points)


def fitted(fixed: str, grown: str, points: Sequence[tuple[float, float, float]]):
    """Return the seconds of two units from works in which both are done.

    Of one work, or of works that contradict each other, both units are as many times
    slower than the built-in ones as the first work is.

    Args:
        points: (times that `fixed` is done, times that `grown` is, seconds) each.
    """
    if len(points) == 2:
        (a, b, s), (c, d, t) = points
        determinant = a * d - b * c
        if determinant:
            both = (s * d - b * t) / determinant, (a * t - s * c) / determinant
            if min(both) > 0:
                return dict(zip((fixed, grown), both, strict=True))
    a, b, s = points[0]
    ratio = s / (a * BUILT_IN[fixed] + b * BUILT_IN[grown])
    return {fixed: ratio * BUILT_IN[fixed], grown: ratio * BUILT_IN[grown]}


def _typical(machine: Machine, run: Callable[[], Any], **timing: Any) -> float:
    """Return the median seconds of some calls, after one that compiles.

    Not the least: on a busy machine, what is taken out is at times too much.
    """
    jax.block_until_ready(run())
    timed = partial(machine.timer, lambda: jax.block_until_ready(run()), **timing)
    return statistics.median(timed() for _ in range(_REPEATS))


def _start(machine: Machine) -> Seconds:
    """Time a process that imports what a stage does, from its start to its end."""
    told = f"{_IMPORTS}; from worldmodels.runtime import quiet_time as q"
    command = [sys.executable, "-c", f"{told}; print(*q.turns())"]
    taken = []
    for _ in range(2):
        begin = machine.clock()
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, zero = machine.clock() - begin, quiet_time.Turns(0, 0)
        turns = quiet_time.Turns(*map(float, answer.stdout.split()[-2:]))
        taken.append(quiet_time.quiet(wall, zero, turns))
    return {work.START: min(taken)}


def _networks(machine: Machine, size: Sizes) -> tuple[VAE, Memory]:
    """Return V and M of a size, for frames of 64 x 64."""
    v, m = size.settings.vision, size.settings.memory
    model = VAE(
        v.latent_size, v.channels, v.decoder_channels, precision=machine.precision
    )
    return model, Memory(
        v.latent_size, hidden_size=m.hidden_size, death_head=True,
        precision=machine.precision,
    )  # fmt: skip


def _vision(machine: Machine, size: Sizes, points: dict) -> Seconds:
    """Time V's training, and how long its program compiles."""
    model, _ = _networks(machine, size)
    count = size.settings.vision.batch_size
    shape = (_VISION_CALLS, count, *model.frame_shape)
    batches = {"frames": np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
    loss = partial(vision.loss, model=model, kl_tolerance=0.5)
    each = loop.separate(lambda params, batch, key: loss(params, batch["frames"], key))
    params = vision.initial(jax.random.key(0), model)
    train, compiling = _training(machine, each, params, batches, ())
    frames = _VISION_CALLS * count
    multiplies = sum(
        part(size.settings).multiplies for part in (sizes.encoder, sizes.decoder)
    )
    known = points.setdefault("vision", [])
    known.append((frames, frames * multiplies, _typical(machine, train)))
    found = fitted(work.V_FRAME, work.V_MULTIPLY, known)
    return found | ({work.COMPILED: compiling / _COMPILED} if len(known) == 1 else {})


def _memory(machine: Machine, size: Sizes, points: dict) -> Seconds:
    """Time M's training."""
    _, model = _networks(machine, size)
    batch = _sequences(model, size)
    batches = {name: np.stack([x] * _MEMORY_CALLS) for name, x in batch.items()}
    loss = partial(memory_loss.loss, model=model)
    params = memory.initial(jax.random.key(0), model)
    carry = memory.initial_state(model, size.rows)
    train, _ = _training(machine, loss, params, batches, carry)
    steps = _MEMORY_CALLS * size.steps
    multiplies = steps * size.rows * sizes.memory(size.settings).multiplies
    known = points.setdefault("memory", [])
    known.append((steps, multiplies, _MEMORY_FED * _typical(machine, train)))
    return fitted(work.M_STEP, work.M_MULTIPLY, known)


def _sequences(model: Memory, size: Sizes) -> dict[str, np.ndarray]:
    """Return whole episodes, as `memory_loss.loss` takes them."""
    rng, shape = np.random.default_rng(0), (size.rows, size.steps)
    longer = (size.rows, size.steps + 1, model.latent_size)
    step = np.broadcast_to(np.arange(size.steps), shape)
    return {
        "mu": rng.normal(size=longer).astype(np.float16),
        "logvar": rng.normal(-2, 0.5, longer).astype(np.float16),
        "actions": rng.uniform(-1, 1, (*shape, model.action_size)).astype(np.float32),
        "rewards": np.ones(shape, np.float32),
        "terminated": np.zeros(shape, bool),
        "first": step == 0,
        "last": step == size.steps - 1,
        "inside": np.ones(shape, bool),
    }


def _training(
    machine: Machine, loss: loop.Loss, params: Any, batches: Any, carry: Any
) -> tuple[Callable[[], Any], float]:
    """Return a call that trains on the batches, and the seconds that it compiled."""
    optimizer = optax.adam(1e-4)
    state = loop.initial(params, optimizer, carry)
    key, made = jax.random.key(1), []
    update = loop.updates(loss, optimizer)
    # A program that is kept would be loaded: here it is compiled anew.
    kept = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        compiling = machine.timer(
            lambda: made.append(update.lower(state, batches, key).compile())
        )
    finally:
        jax.config.update("jax_enable_compilation_cache", kept)

    def train():
        nonlocal state
        state, metrics = made[0](state, batches, key)
        return metrics

    return train, compiling


def _encoding(machine: Machine, size: Sizes, points: dict) -> Seconds:
    """Time V's encoder on its own."""
    model, _ = _networks(machine, size)
    frames = np.zeros((_FRAMES, *model.frame_shape), np.uint8)
    with ParallelEncoder(model, vision.initial(jax.random.key(0), model)) as encode:
        taken = _typical(machine, lambda: [encode(frames) for _ in range(8)])
    count = 8 * _FRAMES
    multiplies = count * sizes.encoder(size.settings).multiplies
    known = points.setdefault("encoder", [])
    known.append((count, multiplies, taken))
    return fitted(work.ENCODED, work.ENCODER_MULTIPLY, known)


def _agent(machine: Machine, size: Sizes) -> tuple[Agent, Weights]:
    """Return an agent with random weights."""
    model, remembering = _networks(machine, size)
    features = (("h", remembering.hidden_size),)
    agent = Agent(
        model, remembering, Controller(model.latent_size, features, CARRACING)
    )
    seen = vision.initial(jax.random.key(0), model)
    return agent, Weights(seen, memory.initial(jax.random.key(1), remembering))


def _population(agent: Agent, count: int) -> np.ndarray:
    shape = count, agent.controller.parameter_count
    return 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)


def _more(machine: Machine, play: Callable[[int], Any], short: int, long: int) -> float:
    """Return the seconds that longer episodes take more: without their beginning."""
    return _typical(machine, lambda: play(long)) - _typical(
        machine, lambda: play(short)
    )


def _dreaming(machine: Machine, size: Sizes, points: dict) -> Seconds:
    """Time dreams in which nobody dies."""
    agent, weights = _agent(machine, size)
    params = weights.memory | {"death_bias": weights.memory["death_bias"] - 100}
    starts = Starts(*np.zeros((2, 10, agent.vision.latent_size), np.float32))
    dream = Dream(agent.memory, params, starts, 1.15)
    score, population = arenas.dreams(agent, dream), _population(agent, _DREAMERS)
    play = partial(score, population, np.arange(_DREAMS))
    taken = _more(machine, play, _DREAMT_SHORT, _DREAMT_LONG)
    count = _DREAMERS * _DREAMS * (_DREAMT_LONG - _DREAMT_SHORT)
    multiplies = count * sizes.memory(size.settings).multiplies
    known = points.setdefault("dream", [])
    known.append((count, multiplies, taken))
    return fitted(work.DREAMT, work.DREAM_MULTIPLY, known)


def _tracks(machine: Machine) -> Seconds:
    """Time painting tracks."""
    seeds = np.arange(_TRACKS)
    taken = _typical(machine, lambda: in_simulator.fresh(seeds))
    return {work.TRACK: taken / _TRACKS}


def _cars(machine: Machine, size: Sizes, found: Seconds) -> Seconds:
    """Time cars with an agent, and take from it what the agent takes alone."""
    agent, weights = _agent(machine, size)
    score, population = arenas.simulator(agent, weights), _population(agent, _CARS)
    play = partial(score, population, np.arange(_TRACKS))
    taken = _more(machine, play, _SHORT, _LONG) / (_CARS * _TRACKS * (_LONG - _SHORT))
    agent_alone = (
        found[work.ENCODED]
        + found[work.ENCODER_MULTIPLY] * sizes.encoder(size.settings).multiplies
        + found[work.DREAMT]
        + found[work.DREAM_MULTIPLY] * sizes.memory(size.settings).multiplies
    )
    return {work.CAR: max(taken - agent_alone, 0.1 * taken)}


def _game(machine: Machine) -> Seconds:
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
    one = work.PLAYED[environment.name]
    skipped = episodes.pop(one) / environment.frame_skip
    return {work.WORKERS: begun, one: skipped, **episodes}


def _episodes(machine: Machine, pool: EnvironmentPool, game: Game) -> Seconds:
    """Time the steps of episodes in a pool, and their beginning."""

    def play(steps: int) -> int:
        policy = RandomSlots("white", pool.slots, game)
        planned = [Episode(seed, steps) for seed in range(pool.slots)]
        return sum(one.length for one in run_episodes(pool, policy, planned))

    play(_PLAYED_SHORT)  # compiles
    counts: list[int] = []
    pids = lambda: ("self", *pool.pids)  # noqa: E731
    short, long = (
        machine.timer(lambda s=steps: counts.append(play(s)), pids)
        for steps in (_PLAYED_SHORT, _PLAYED_LONG)
    )
    more = max(counts[1] - counts[0], 1)
    step = max(long - short, 0.1 * long) / more
    begun = max(short - counts[0] * step, 0.0) / pool.slots
    return {work.PLAYED[pool.spec.name]: step, work.BEGUN: begun}
