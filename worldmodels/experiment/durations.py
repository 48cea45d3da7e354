"""How many minutes each stage takes, from its settings and the size of its data.

A cluster ends a job at its time limit. A limit that is too short costs one try, and a
resumable stage continues in the next. A limit that is too long keeps the job waiting in
the queue. So the minutes allowed are generous, but bounded: twice what the rates below
give. The rates were measured on two busy cores and rounded up; the documentation's
tables of cost say where. On a GPU stages take less. No JAX is imported here: the
Snakefile reads it.
"""

import math
from collections.abc import Callable

from worldmodels.environments.games import is_simulated
from worldmodels.experiment import sizes
from worldmodels.experiment.needs import Data
from worldmodels.experiment.section import of_the_paper
from worldmodels.experiment.settings import Round
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.search.names import FULL_MATRIX

_CORES = 2  # the rates were measured on two
_START = 600.0  # seconds to import, to compile and to open stores: up to 125 were seen
_GENEROUS = 2.0

# Seconds on two cores; where a network takes part, with the paper's.
_ENCODER = 310e-6  # of a frame: 3,249 frames/s beside driving
# A frame of V's training: a part that grows with the multiply-adds of its networks, and
# one that does not. Measured: 491 frames/s, and 606 frames/s at a quarter of the width.
_DECODED = 1000e-6
_PIXELS = 1500e-6
# A multiply-add of the forward pass in M's training: measured 120 us a step of 512
# units; 256 units took 40e-12 (1.7 s an update of 1e5 steps).
_MULTIPLY = 72e-12
_STEP = 100e-6  # of a time step in M's training, for batches of any size
_DREAMT = 22e-12  # of a multiply-add in a dream: 29,452 steps/s of 512 units
_SIMULATED = 50e-6  # of a car's step: 13,547 steps/s with the default's networks
_RECORDED = 220e-6  # of a step that is recorded and stored: 4.6 episodes/s of 1,000
_PLAYED = 1500e-6  # of a step in gymnasium or ViZDoom: 690 steps/s
_STORED = 100e-6  # of a frame that is read and encoded, without the encoder
_TRACK = 17e-3  # of painting a track: 33 ms of one core
_CUBE = 50e-12  # times D^3, for the search's eigenvectors: 29 ms a generation
_OPENED = 0.02  # of opening a store
_PAGE = 600.0  # of a round of the report: 60 were measured, with films

_PAPER = of_the_paper(Round)


def minutes(stage: str, settings: Round, data: Data, cores: int) -> int:
    """Return the minutes to allow a stage.

    Args:
        data: the episodes that it reads; for rollouts: those that it makes, one shard.
        cores: the number on which it drives or learns.
    """
    work = _GENEROUS * seconds(stage, settings, data, cores)
    return math.ceil((_START + work) / 60)


def seconds(stage: str, settings: Round, data: Data, cores: int) -> float:
    """Return the seconds that a stage's work takes, without its start."""
    return STAGES[stage](settings, data) * _CORES / max(cores, 1)


def _rollouts(settings: Round, data: Data) -> float:
    """Return the seconds of one shard; a random policy takes less."""
    steps = settings.rollouts.episodes_per_shard * data.mean
    simulated = uses_simulator(settings.environment)
    driven = _RECORDED if simulated else _played(settings)
    return steps * (driven + _agent(settings))


def _vision(settings: Round, data: Data) -> float:
    frames = data.episodes * data.mean * max(settings.vision.epochs, 1)
    parts = sizes.encoder, sizes.decoder
    ours, paper = (
        sum(part(s).multiplies for part in parts) for s in (settings, _PAPER)
    )
    pixels = _PIXELS * sizes.frame_bytes(settings) / sizes.frame_bytes(_PAPER)
    return frames * (pixels + _DECODED * ours / paper)


def _latents(settings: Round, data: Data) -> float:
    return data.episodes * data.mean * (_STORED + _encoder(settings))


def _memory(settings: Round, data: Data) -> float:
    memory = settings.memory
    length = data.mean if memory.window else data.longest
    steps = data.episodes * length * max(memory.epochs, 1)
    one = _MULTIPLY * sizes.memory(settings).multiplies
    held_out = 40 * memory.held_out * data.episodes * data.mean * one
    return steps * (one + _STEP / memory.batch_size) + held_out


def _controller(settings: Round, data: Data) -> float:
    controller = settings.controller
    cars, tests = controller.population * controller.rollouts, _tests(settings)
    steps = controller.generations_per_block * cars + tests
    tracks = controller.rollouts if controller.common_tracks else cars
    search = tracks * _TRACK
    if controller.strategy in FULL_MATRIX:
        search += _CUBE * sizes.controller(settings).parameters ** 3
    driven = steps * settings.environment.max_steps * _acted(settings)
    painted = tests * _TRACK
    return driven + painted + controller.generations_per_block * search


def _tests(settings: Round) -> int:
    """Return the selection episodes of a block."""
    controller = settings.controller
    tests = controller.generations_per_block // controller.select_every
    return tests * controller.selection_episodes


def _acted(settings: Round) -> float:
    """Return the seconds of one step of the game or dream in which C learns."""
    if settings.controller.train_in == "dream":
        return _dreamt(settings)
    simulated = uses_simulator(settings.environment)
    driven = _SIMULATED if simulated else _played(settings)
    return driven + _agent(settings)


def _played(settings: Round) -> float:
    """Return the seconds of one step of the game itself."""
    return _PLAYED * settings.environment.frame_skip


def _random(settings: Round, data: Data) -> float:
    """Return the seconds of the random policy's drives."""
    steps = settings.evaluation.episodes * settings.environment.max_steps
    return steps * _played(settings)


def _evaluation(settings: Round, data: Data) -> float:
    """Return the seconds of driving the agent everywhere."""
    steps = settings.evaluation.episodes * settings.environment.max_steps
    each = _played(settings) + _agent(settings) + _dreamt(settings)
    tracks = 0.0
    if is_simulated(settings.environment.name):
        each += _SIMULATED + _agent(settings)
        tracks = settings.evaluation.episodes * 20 * _TRACK  # gymnasium paints its own
    return steps * each + tracks


def _report(settings: Round, data: Data) -> float:
    shards = data.episodes / settings.rollouts.episodes_per_shard
    return _PAGE + 2 * shards * _OPENED


def _encoder(settings: Round) -> float:
    ours, paper = (sizes.encoder(s).multiplies for s in (settings, _PAPER))
    return _ENCODER * ours / paper


def _agent(settings: Round) -> float:
    """Return the seconds of one step of an agent: V, C and M."""
    return _encoder(settings) + _dreamt(settings)


def _dreamt(settings: Round) -> float:
    return 5e-6 + _DREAMT * sizes.memory(settings).multiplies


STAGES: dict[str, Callable[[Round, Data], float]] = {
    "rollouts": _rollouts,
    "vision": _vision,
    "latents": _latents,
    "memory": _memory,
    "controller": _controller,
    "random": _random,
    "evaluation": _evaluation,
    "report": _report,
}
