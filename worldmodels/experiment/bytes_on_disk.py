"""How many bytes each stage's stores take, from its settings and the size of its data.

Arrays are compressed with zstd. How far was measured on finished runs: frames by game,
weights hardly at all. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Callable

from worldmodels.environments.games import GYMNASIUM
from worldmodels.experiment import sizes
from worldmodels.experiment.needs import Data
from worldmodels.experiment.settings import Round, Run
from worldmodels.experiment.work import Steps, films
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.search.names import FULL_MATRIX

# Bytes of a stored frame by those of its pixels.
_FRAMES = {"carracing": 0.09, "takecover": 0.2, GYMNASIUM: 0.05}
# Of the simulator, which draws no shadows and no digits: 0.06 of random drives, 0.09 of
# an agent's.
_SIMULATED = 0.072
_WEIGHTS = 0.93
_LATENTS = 0.84
_DRIVES = 0.55  # of the actions and rewards of scored drives
_EXCERPTS = 16  # frames of the rollouts that V's store keeps, of each round
_METRICS = 6  # curves of a training
_MATRICES = 2  # D x D of a search's state
_PAGE, _FILM = 0.5e6, 2000.0  # of a round of the report, and of each step that it films
_MOST_FILMED = 8e6
_DESCRIBED = 20e3  # of what a store says of itself


def of(stage: str, run: Run, settings: Round, data: Data, steps: Steps) -> float:
    """Return the bytes of the store that one job of a stage makes.

    Args:
        data: the episodes that it reads; for rollouts: those that it makes, one shard.
    """
    numbers = 8 if run.dtype == "float64" else 4
    return _DESCRIBED + STAGES[stage](settings, data, steps, numbers)


def _rollouts(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    simulated = uses_simulator(settings.environment)
    small = _SIMULATED if simulated else _FRAMES[settings.environment.name]
    one = small * sizes.frame_bytes(settings) + 4 * sizes.action_size(settings)
    return data.episodes * data.mean * one


def _vision(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    parts = sizes.encoder(settings), sizes.decoder(settings)
    weights = sum(part.parameters for part in parts) * numbers * _WEIGHTS
    frames = data.episodes * data.mean * settings.vision.epochs
    curves = 4 * _METRICS * frames / settings.vision.batch_size
    return weights + curves + _EXCERPTS * sizes.frame_bytes(settings)


def _latents(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    one = 4 * settings.vision.latent_size + 4 * sizes.action_size(settings) + 5
    return data.episodes * data.mean * one * _LATENTS


def _memory(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    memory = settings.memory
    row = memory.window or data.mean
    updates = memory.epochs * data.episodes * data.mean / row / memory.batch_size
    weights = sizes.memory(settings).parameters * numbers * _WEIGHTS
    return weights + 4 * _METRICS * updates


def _controller(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    controller, size = settings.controller, sizes.controller(settings).parameters
    candidates = controller.generations_per_block * controller.population
    kept = candidates * (size * numbers * _WEIGHTS + 4 * controller.rollouts)
    full = controller.strategy in FULL_MATRIX
    return kept + full * _MATRICES * size**2 * numbers * _WEIGHTS


def _random(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    return _drives(settings, steps.random)


def _evaluation(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    return _drives(settings, steps.agent) + _drives(settings, steps.random)


def _drives(settings: Round, steps: float) -> float:
    one = 4 * (sizes.action_size(settings) + 1)
    return settings.evaluation.episodes * steps * one * _DRIVES


def _report(settings: Round, data: Data, steps: Steps, numbers: int) -> float:
    return _PAGE + min(_FILM * films(settings) * steps.agent, _MOST_FILMED)


STAGES: dict[str, Callable[[Round, Data, Steps, int], float]] = {
    "rollouts": _rollouts,
    "vision": _vision,
    "latents": _latents,
    "memory": _memory,
    "controller": _controller,
    "random": _random,
    "evaluation": _evaluation,
    "report": _report,
}
