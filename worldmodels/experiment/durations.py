"""How many minutes each stage takes, from its settings and the size of its data.

A cluster ends a job at its time limit. One that is too short costs a try, which a
resumable stage goes on from; one that is too long keeps a job waiting, as no gap in
the queue is long enough. So times are generous, but not without measure: twice what the
unit rates below give, which were measured on two busy cores (the README's tables say
where) and rounded up. On a GPU stages take less.
No JAX is imported here: the Snakefile reads it.
"""

import math
from collections.abc import Callable

from worldmodels.environments.games import is_simulated
from worldmodels.experiment import sizes
from worldmodels.experiment.needs import Data
from worldmodels.experiment.settings import Round, uses_simulator

_CORES = 2  # that the rates were measured on
_START = 600.0  # seconds to import, to compile and to open stores: up to 125 were seen
_GENEROUS = 2.0

# Seconds on two cores, of the paper's networks where networks are in them.
_ENCODER = 310e-6  # of a frame: 3,249 frames/s beside driving
_DECODED = 1000e-6  # of a frame in V's training, by its products: 491 frames/s in all,
_PIXELS = 1500e-6  # and by its pixels: 606 frames/s at a quarter of the width
_MULTIPLY = 72e-12  # of a multiply-add forwards in M's training: 120 us of 512 units,
# where 256 units took 40e-12 (1.7 s an update of 1e5 steps)
_STEP = 100e-6  # of a time step in M's training, whatever its batch has
_DREAMT = 22e-12  # of a multiply-add in a dream: 29,452 steps/s of 512 units
_SIMULATED = 50e-6  # of a car's step: 13,547 steps/s of the default's networks
_RECORDED = 220e-6  # of a step that is recorded and stored: 4.6 episodes/s of 1,000
_PLAYED = 1500e-6  # of a step in gymnasium or ViZDoom: 690 steps/s
_STORED = 100e-6  # of a frame that is read and encoded, beside the encoder
_TRACK = 17e-3  # of a track that is painted: 33 ms of one core
_CUBE = 50e-12  # of the search's eigenvectors, D^3 of these: 29 ms a generation
_OPENED = 0.02  # of a store
_PAGE = 600.0  # of a round of the report: 60 were measured, films included

_PAPER = Round()


def minutes(stage: str, settings: Round, data: Data, cores: int) -> int:
    """Return the minutes to allow a stage: generous, see above.

    Args:
        data: what it reads; of rollouts: what it makes, one shard.
        cores: that it drives or learns on.
    """
    work = _GENEROUS * seconds(stage, settings, data, cores)
    return math.ceil((_START + work) / 60)


def seconds(stage: str, settings: Round, data: Data, cores: int) -> float:
    """Return the seconds that a stage's work takes, without its start."""
    return _STAGES[stage](settings, data) * _CORES / max(cores, 1)


def _rollouts(settings: Round, data: Data) -> float:
    """Return the seconds of one shard, whoever drives it."""
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
    search = _CUBE * sizes.controller(settings).parameters ** 3
    search += tracks * _TRACK
    driven = steps * settings.environment.max_steps * _acted(settings)
    painted = tests * _TRACK
    return driven + painted + controller.generations_per_block * search


def _tests(settings: Round) -> int:
    """Return the selection episodes of a block."""
    controller = settings.controller
    tests = controller.generations_per_block // controller.select_every
    return tests * controller.selection_episodes


def _acted(settings: Round) -> float:
    """Return the seconds of one step of the game, or of the dream, that C learns in."""
    if settings.controller.train_in == "dream":
        return _dreamt(settings)
    simulated = uses_simulator(settings.environment)
    driven = _SIMULATED if simulated else _played(settings)
    return driven + _agent(settings)


def _played(settings: Round) -> float:
    """Return the seconds of one step of the game itself."""
    return _PLAYED * settings.environment.frame_skip


def _evaluation(settings: Round, data: Data) -> float:
    """Return the seconds of the agent, the random policy, the simulator and dreams."""
    steps = settings.evaluation.episodes * settings.environment.max_steps
    each = 2 * (_played(settings) + _agent(settings)) + _dreamt(settings)
    tracks = 0.0
    if is_simulated(settings.environment.environment):
        each += _SIMULATED + _agent(settings)
        tracks = settings.evaluation.episodes * 20 * _TRACK  # gymnasium's very own
    return steps * each + tracks


def _report(settings: Round, data: Data) -> float:
    shards = data.episodes / settings.rollouts.episodes_per_shard
    return _PAGE + 2 * shards * _OPENED


def _encoder(settings: Round) -> float:
    ours, paper = (sizes.encoder(s).multiplies for s in (settings, _PAPER))
    return _ENCODER * ours / paper


def _agent(settings: Round) -> float:
    """Return the seconds in which an agent sees a frame, acts and remembers."""
    return _encoder(settings) + _dreamt(settings)


def _dreamt(settings: Round) -> float:
    return 5e-6 + _DREAMT * sizes.memory(settings).multiplies


_STAGES: dict[str, Callable[[Round, Data], float]] = {
    "rollouts": _rollouts,
    "vision": _vision,
    "latents": _latents,
    "memory": _memory,
    "controller": _controller,
    "evaluation": _evaluation,
    "report": _report,
}
