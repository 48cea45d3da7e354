"""How much memory each stage needs, from its settings and the size of its data.

A stage is refused before it starts if its process may not have that much, and a
cluster's job asks for it. Each part of a need is named by the settings that decide it.
The constants were measured as peaks of resident memory (`benchmarks/footprint.py`).
Needs are rounded up: they lie between the measured peak and twice as much. No JAX is
imported here: the Snakefile reads it.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from worldmodels.environments.games import is_simulated
from worldmodels.experiment import sizes
from worldmodels.experiment.settings import Rollouts, Round, Run
from worldmodels.experiment.sizes import frame_bytes
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.models.cells import registry
from worldmodels.search.names import matrices

_MB, _GB = 10**6, 10**9

# What a stage holds before it reads anything: Python, JAX and JAX's compiler.
_STARTED = 0.5 * _GB  # M's smallest training peaks at 0.46 GB, V's encoding at 0.38
_ADDRESSING = 0.3 * _GB  # more to compile M's training, where it has slots
_STARTED_VISION = 0.9 * _GB  # V's training, whose program is large
_STARTED_SIMULATOR = 0.8 * _GB
_REPORT = 1.0 * _GB

_WORKER = 0.14 * _GB  # a process with gymnasium or ViZDoom in it
_TRACK = 3.3 * _MB  # the tables of a track in the simulator
_TRACK_MADE = 3.3 * _MB  # held beside them while the track is painted
_CAR = 4096 * 4  # a car, the tiles that it has visited, and its keys
_PACKED = 4  # bytes of a recorded pixel in the simulator
_RECORDED = 32  # cars that are recorded together
_TOGETHER = {"environment": 64, "dream": 128}  # agents that a core steps at a time
_ENCODED = 256  # frames that are encoded at a time, on any number of cores
_GATHERED = 4096  # frames that are taken out of a buffer at once
_GROUPS = {"vision": 8, "memory": 4}  # minibatches in one call
_TRAINED = 12  # copies of a parameter: its gradient, Adam's moments, a checkpoint
_METRICS = 6  # numbers that an update leaves in the history
_ORDERED = 8  # bytes that an episode takes in the order of an epoch,
_PLACED = 80  # and in the plan of M's rows
_SCORED, _PASTS = 16, 32  # held-out episodes side by side, and the dreams of each
_REPORTED = 40  # episodes whose frames a round of the report holds
# What decides how much M carries and the width of its weights, and what besides with a
# cell that has settings of its own.
_UNITS = "memory.hidden_size"
_CARRIED, _WIDER = {"dnc": "memory.dnc.slots"}, {"dnc": "memory.dnc.word_size"}
# Mean steps of an episode that can end early: of a random policy that walks from wall
# to wall, and of an agent as good as the paper's.
MEAN_STEPS = {"takecover": (600, 1100)}
_MARGIN = 1.15

Need = dict[str, float]  # bytes by the settings that decide them; "": no setting does


class Data(NamedTuple):
    """The episodes that a stage reads."""

    episodes: int
    longest: int  # steps an episode may have
    mean: float  # steps an episode has in the mean


def planned(rollouts: Mapping[int, Rollouts], game: str) -> Data:
    """Return the episodes that some rounds will make, by the rounds' numbers."""
    longest = max(section.steps for section in rollouts.values())
    random, learnt = MEAN_STEPS.get(game, (longest, longest))
    episodes = sum(section.episodes for section in rollouts.values())
    steps = sum(
        section.episodes * min(section.steps, learnt if number else random)
        for number, section in rollouts.items()
    )
    return Data(episodes, longest, steps / episodes)


def total(need: Need) -> float:
    """Return the bytes of all parts of a need."""
    return sum(need.values())


def largest(need: Need) -> str:
    """Return the settings that decide most of a need; "" where none do."""
    return max((name for name in need if name), key=need.__getitem__, default="")


def memory(stage: str, run: Run, settings: Round, data: Data, cores: int) -> Need:
    """Return the peak memory of a stage with its worker processes.

    Args:
        data: the episodes that it reads; for rollouts: those that it makes, one shard.
        cores: the number on which it drives or learns.
    """
    numbers = 8 if run.dtype == "float64" else 4
    need = STAGES[stage](settings, data, cores, numbers)
    return {name: _MARGIN * part for name, part in need.items()}


def _rollouts(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    steps, agent = settings.rollouts.steps, _agent(settings, numbers)
    if uses_simulator(settings.environment):
        count = min(_RECORDED, settings.rollouts.episodes_per_shard)
        frames = 2 * count * steps * settings.environment.size**2 * _PACKED
        tracks = _tracks(count, count, cores)
        drivers = count * 2 * _own(settings) * numbers
        need = {"": _STARTED_SIMULATOR + tracks + drivers, "rollouts.steps": frames}
    else:
        # A finished episode is copied, and then copied again to its full length.
        frames = (settings.environment.slots + 2) * data.mean * frame_bytes(settings)
        need = _pool(settings, cores) | {"rollouts.steps": frames}
    kept = settings.rollouts.episodes_per_shard * steps
    kept *= 4 * sizes.action_size(settings) + 5
    return _joined(need, agent, {"rollouts.episodes_per_shard": kept})


def _vision(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    vision, frame = settings.vision, frame_bytes(settings)
    frames = _buffers(data, vision.buffer_episodes) * data.mean * frame
    batches = _GROUPS["vision"] * vision.batch_size
    gathered = 2 * (min(_GATHERED, data.episodes * data.mean) + batches) * frame
    updates = data.episodes * data.mean * vision.epochs / vision.batch_size
    parts = sizes.encoder(settings), sizes.decoder(settings)
    parameters, _, activations = (sum(column) for column in zip(*parts, strict=True))
    return {
        "": _STARTED_VISION + gathered + _history(updates),
        "vision.epochs": _ORDERED * vision.epochs * data.episodes,
        "vision.buffer_episodes": frames,
        "vision.batch_size or vision.channels": (
            vision.batch_size * activations * numbers + 3 * batches * frame
        ),
        "vision.channels, vision.decoder_channels or vision.latent_size": (
            _TRAINED * parameters * numbers
        ),
    }


def _latents(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    one = data.longest * (3 * frame_bytes(settings) + 20 * settings.vision.latent_size)
    kept = 2 * data.episodes * data.longest * (4 * sizes.action_size(settings) + 5)
    need = {"": _STARTED, "rollouts.steps": one, "rollouts.episodes_per_shard": kept}
    return _joined(need, _encoding(settings, min(_ENCODED, data.longest), numbers))


def _memory(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    memory, size = settings.memory, sizes.memory(settings)
    step = 4 * settings.vision.latent_size + 4 * sizes.action_size(settings) + 8
    steps = memory.window or data.longest
    held = _buffers(data, memory.buffer_episodes)
    if memory.window:
        updates = memory.epochs * data.episodes * data.mean
        updates /= memory.batch_size * memory.window
        held = held * data.mean + 2 * memory.batch_size * (data.longest + steps)
        planned = _PLACED * memory.epochs * data.episodes
    else:
        updates = memory.epochs * data.episodes / memory.batch_size
        # The episodes of a buffer are copied when gathered and when cut into batches.
        held = (held + 2 * min(data.episodes, memory.buffer_episodes)) * data.longest
        planned = _ORDERED * memory.epochs * data.episodes
    batches = 2 * _GROUPS["memory"] * memory.batch_size * steps * step
    row = memory.batch_size * _kept(settings, steps) * numbers
    started = _STARTED + (_ADDRESSING if sizes.addressed(settings) else 0.0)
    carried = _CARRIED.get(memory.cell, _UNITS)
    widest = _one_of("memory.batch_size", "memory.window", carried)
    scored = min(_SCORED, memory.held_out * data.episodes) * _PASTS
    return {
        "": started + _history(updates),
        "memory.buffer_episodes": held * step,
        widest: row + batches,
        _one_of("memory.held_out", carried): scored * _dreamer(settings) * numbers,
        _weights(settings): _TRAINED * size.parameters * numbers,
        "memory.epochs": planned,
    }


def _kept(settings: Round, steps: int) -> float:
    """Return the numbers of one row that M's gradients need, over so many steps."""
    cell = sizes.cell(settings)
    if not sizes.addressed(settings):
        return steps * cell.kept
    if cell.state <= registry.SMALL:
        return steps * (cell.kept + 5 * cell.gates)
    # The states before segments of sqrt(T) steps, and one segment's at a time.
    segment = math.isqrt(steps)
    return cell.state * (steps / segment + 2 * segment)


def _controller(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    controller, size = settings.controller, sizes.controller(settings).parameters
    cars = controller.population * controller.rollouts
    # A generation is kept for the store and copied twice for the checkpoint.
    kept = 4 * controller.generations_per_block * (controller.population * size + cars)
    need = {
        "controller.strategy, controller.hidden_size or memory.hidden_size": (
            matrices(controller.strategy, controller.population) * size**2 * numbers
        ),
        "controller.generations_per_block or controller.population": kept * numbers,
    }
    if controller.train_in == "dream":
        need = _joined(need, _dreaming(settings, cars, cores, numbers))
        if controller.plays:
            need[""] -= _STARTED  # counted with the game
    return _joined(need, _playing(settings, cars, cores, numbers))


def _dreaming(settings: Round, cars: int, cores: int, numbers: int) -> Need:
    """Return what a search in dreams needs for them."""
    controller = settings.controller
    tests = 0 if controller.plays else controller.selection_episodes
    dreamers = max(cars, tests)
    need = _dreamers(settings, dreamers, cores, numbers)
    if controller.start == "line":
        return need
    states = sizes.STARTS * sizes.cell(settings).state * numbers
    # As they are collected, joined, and given to each core.
    copies = (2 + cores) * min(states, sizes.STATES)
    return _joined(need, {"controller.start": copies})


def _playing(settings: Round, cars: int, cores: int, numbers: int) -> Need:
    """Return what a search needs for the game, if it plays it."""
    controller = settings.controller
    if not controller.plays:
        return {}
    need = _agent(settings, numbers)
    if not uses_simulator(settings.environment):
        return _joined(need, _pool(settings, cores))
    tests = controller.selection_episodes
    drawn = {"controller.selection_episodes": _tracks(tests, tests, cores)}
    if controller.train_in == "environment":
        tracks = controller.rollouts if controller.common_tracks else cars
        name = "controller.rollouts or controller.population"
        drawn[name] = _tracks(tracks, cars, cores)
    else:
        cars = tests
    most = max(drawn, key=drawn.__getitem__)
    simulator = _simulator(settings, cars, cores, numbers)
    return _joined(need, simulator, {most: drawn[most]})


def _random(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    count, steps = settings.evaluation.episodes, settings.environment.max_steps
    kept = 2 * count * steps * 4 * (sizes.action_size(settings) + 1)
    return _joined(_pool(settings, cores), {"evaluation.episodes": kept})


def _evaluation(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    count, steps = settings.evaluation.episodes, settings.environment.max_steps
    kept = 2 * count * steps * 4 * (sizes.action_size(settings) + 1)
    need = _joined(_pool(settings, cores), _agent(settings, numbers))
    if is_simulated(settings.environment.name):
        need[""] += _STARTED_SIMULATOR - _STARTED
        kept += _tracks(count, count, cores)
    # One after another it drives all episodes in the simulator and in the dream.
    kept += count * _dreamer(settings) * numbers
    return _joined(need, {"evaluation.episodes": kept})


def _report(settings: Round, data: Data, cores: int, numbers: int) -> Need:
    steps = max(settings.environment.max_steps, settings.rollouts.steps)
    frames = _REPORTED * steps * frame_bytes(settings)
    return {"": _REPORT, "environment.max_steps": frames}


def _joined(*needs: Need) -> Need:
    """Return the sum of several needs, by name."""
    names = dict.fromkeys(name for need in needs for name in need)
    return {name: sum(need.get(name, 0.0) for need in needs) for name in names}


def _buffers(data: Data, size: int) -> int:
    """Return the episodes in memory: one buffer of all, or two buffers in turns."""
    return data.episodes if size >= data.episodes else min(2 * size, data.episodes)


def _history(updates: float) -> float:
    """Return the bytes of a training's curves, which a checkpoint copies twice."""
    return 3 * 4 * _METRICS * updates


def _tracks(count: int, cars: int, cores: int) -> float:
    """Return the bytes of `count` tracks on which `cars` cars drive.

    Each core holds the tracks of its cars: all tracks, if a track has several cars.
    """
    copies = 1 if count == cars else cores
    return count * (copies * _TRACK + _TRACK_MADE)


def _agent(settings: Round, numbers: int) -> Need:
    """Return the need of an agent: V's and M's weights, and the state of each slot."""
    parts = sizes.encoder(settings), sizes.decoder(settings), sizes.memory(settings)
    weights = 3 * sum(part.parameters for part in parts) * numbers
    one = _own(settings) * numbers + 2 * frame_bytes(settings)
    return {
        "vision.channels, vision.latent_size or memory.hidden_size": weights,
        "environment.slots": settings.environment.slots * one,
    }


def _own(settings: Round) -> int:
    """Return how many numbers belong to one agent alone: C, z and M's state."""
    carried = settings.vision.latent_size + sizes.cell(settings).state
    return sizes.controller(settings).parameters + carried


def _pool(settings: Round, cores: int) -> Need:
    """Return the need of driving in gymnasium, with its worker processes."""
    workers = min(cores, settings.environment.slots)
    return {"": _STARTED, "the number of workers (cores)": workers * _WORKER}


def _encoding(settings: Round, frames: int, numbers: int) -> Need:
    """Return the need of V's encoder for `frames` frames at a time."""
    made = frames * sizes.encoder(settings).activations * numbers
    return {"vision.channels": made}


def _simulator(settings: Round, cars: int, cores: int, numbers: int) -> Need:
    """Return the need of driving cars in the simulator, without their tracks."""
    one = 2 * _own(settings) * numbers + _CAR
    seen = _encoding(settings, min(cars, _TOGETHER["environment"] * cores), numbers)
    many = {_many(settings): cars * one}
    return _joined({"": _STARTED_SIMULATOR}, many, seen)


def _dreamers(settings: Round, dreamers: int, cores: int, numbers: int) -> Need:
    """Return the need of dreaming on all cores."""
    mixtures = settings.memory.mixtures * settings.vision.latent_size
    gates = sizes.cell(settings).gates + 6 * mixtures
    together = min(dreamers, _TOGETHER["dream"] * cores) * gates
    weights = 3 * sizes.memory(settings).parameters
    return {
        "": _STARTED,
        _many(settings): dreamers * _dreamer(settings) * numbers,
        _weights(settings): (weights + together) * numbers,
    }


def _dreamer(settings: Round) -> int:
    """Return how many numbers a dreamer takes: those of its own before and after."""
    return 3 * _own(settings) + 8


def _many(settings: Round) -> str:
    """Return what decides the need of a population, as words."""
    population = "controller.population", "controller.rollouts"
    carried = _CARRIED.get(settings.memory.cell)
    return _one_of(*([carried] if carried else []), *population)


def _weights(settings: Round) -> str:
    """Return what decides the number of M's weights, as words."""
    wider = _WIDER.get(settings.memory.cell)
    return _one_of(_UNITS, *([wider] if wider else []), "memory.mixtures")


def _one_of(*names: str) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"


STAGES: dict[str, Callable[[Round, Data, int, int], Need]] = {
    "rollouts": _rollouts,
    "vision": _vision,
    "latents": _latents,
    "memory": _memory,
    "controller": _controller,
    "random": _random,
    "evaluation": _evaluation,
    "report": _report,
}
