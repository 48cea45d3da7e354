"""How much work each stage does, in units that a machine can be timed on.

What a stage takes is its units of work times the machine's seconds for each
(`experiment.rates`). The rules' minutes, `worldmodels cost` and the report count with
these units. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from worldmodels.environments.games import GAMES, GYMNASIUM, V3, is_simulated
from worldmodels.experiment import sizes
from worldmodels.experiment.needs import MEAN_STEPS, Data
from worldmodels.experiment.settings import Round
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.search.names import FULL_MATRIX

# The units. Where nothing else is said, one is done once.
START = "start"  # of a process: imports, and its stores opened
COMPILED = "compiled"  # seconds, on the machine of the built-in rates
V_FRAME = "frame that V learns from"  # of 64 x 64; what does not grow with V
V_MULTIPLY = "multiply-add of V, learning"  # of the forward pass
STORED = "frame read and its latents stored"
ENCODED = "frame encoded"  # what does not grow with the encoder
ENCODER_MULTIPLY = "multiply-add of the encoder"
M_STEP = "time step of M, learning"  # of a batch of any size
M_MULTIPLY = "multiply-add of M, learning"  # of the forward pass
M_SLOT = "number in a slot of M, learning"  # see `sizes.addressed`
DREAMT = "step of M"  # in a dream or a drive; what does not grow with M
DREAM_MULTIPLY = "multiply-add of M"
DREAM_SLOT = "number in a slot of M"
CAR = "step of a simulated car"  # without its agent
RECORDED = "step of a recorded car"  # with its frame on disk
TRACK = "track painted"
PLAYED = {  # a step of the game itself, in worker processes, by the game
    name: f"step of {name}" for name in (*GAMES, GYMNASIUM)
}
BEGUN = "episode begun in a worker"
WORKERS = "pool of workers started"
CUBE = "multiply-add of the search"  # D^3 a generation, for its eigenvectors
FILMED = "step filmed for the report"
SHARD = "store read for the report"

# What they take depends on what is seen: see `seen`.
DRAWN = (CAR, RECORDED, TRACK, *(PLAYED[name] for name in GAMES))

# Which take the same time on any number of cores.
ALONE = (START, COMPILED, WORKERS, SHARD)

# Finding its slots takes a cell many small operations, whatever their number.
_ADDRESSED = 3

# Of an episode in which C learns: it grows after about as many generations as improve.
_IMPROVING = 0.75

Work = dict[str, float]  # how often each unit is done


def seen(unit: str, view: str) -> str:
    """Return the name of a unit where a view of the game is seen."""
    return unit if view == V3 or unit not in DRAWN else f"{unit} in view {view}"


class Steps(NamedTuple):
    """Mean steps of an episode, by who plays it."""

    random: float
    agent: float  # that is tested or scored
    learning: float  # of a generation of C's search


def at_most(settings: Round) -> Steps:
    """Return the steps of whole episodes: no episode has more."""
    return Steps(*3 * (settings.environment.max_steps,))


def expected(settings: Round, block: int = 0) -> Steps:
    """Return the steps that episodes are expected to have.

    Args:
        block: the block of generations in which C learns; its episodes grow.
    """
    environment, controller = settings.environment, settings.controller
    most = environment.max_steps
    random, agent = MEAN_STEPS.get(environment.name, (most, most))
    first = block * controller.generations_per_block
    whole = min(agent, most)
    if controller.train_in == "dream":
        whole = most  # a dreamer that learns to live, lives long
    begun = controller.initial_steps or most
    lengths = [
        min(whole, begun + _IMPROVING * controller.step_increment * generation)
        for generation in range(first, first + controller.generations_per_block)
    ]
    mean = sum(lengths) / len(lengths)
    return Steps(min(random, most), min(agent, most), mean)


def of(stage: str, settings: Round, data: Data, steps: Steps) -> Work:
    """Return the work of one job of a stage, without its start and its programs.

    Args:
        data: the episodes that it reads; for rollouts: those that it makes, one shard.
    """
    done, view = STAGES[stage](settings, data, steps), settings.environment.view
    return {seen(unit, view): count for unit, count in done.items()}


def together(*works: Mapping[str, float]) -> Work:
    """Return the sum of several works."""
    names = dict.fromkeys(name for work in works for name in work)
    return {name: sum(work.get(name, 0.0) for work in works) for name in names}


def times(count: float, work: Mapping[str, float]) -> Work:
    """Return so many times a work."""
    return {name: count * done for name, done in work.items()}


def _rollouts(settings: Round, data: Data, steps: Steps) -> Work:
    """Count a shard, with an agent: a random policy takes less."""
    episodes = settings.rollouts.episodes_per_shard
    count = episodes * data.mean
    agent = times(count, _agent(settings))
    if uses_simulator(settings.environment):
        return together({RECORDED: count, TRACK: episodes}, agent)
    return together(_played(settings, episodes, data.mean), agent)


def _vision(settings: Round, data: Data, steps: Steps) -> Work:
    frames = data.episodes * data.mean * settings.vision.epochs
    multiplies = sum(
        part(settings).multiplies for part in (sizes.encoder, sizes.decoder)
    )
    pixels = settings.environment.size**2 / 64**2
    return {V_FRAME: frames * pixels, V_MULTIPLY: frames * multiplies}


def _latents(settings: Round, data: Data, steps: Steps) -> Work:
    frames = data.episodes * data.mean
    return together({STORED: frames}, times(frames, _encoder(settings)))


def _memory(settings: Round, data: Data, steps: Steps) -> Work:
    memory = settings.memory
    length = data.mean if memory.window else data.longest
    learnt = data.episodes * length * memory.epochs
    held_out = 40 * memory.held_out * data.episodes * data.mean
    steps = learnt + held_out
    work = {
        M_STEP: learnt / memory.batch_size * _small_steps(settings),
        M_MULTIPLY: steps * sizes.memory(settings).multiplies,
    }
    return together(work, times(steps, _addressed(settings, M_SLOT)))


def _controller(settings: Round, data: Data, steps: Steps) -> Work:
    """Count a block of generations."""
    controller, size = settings.controller, sizes.controller(settings).parameters
    generations = controller.generations_per_block
    cars, tests = controller.population * controller.rollouts, _tests(settings)
    learning, testing = generations * cars * steps.learning, tests * steps.agent
    search = generations * size**3 if controller.strategy in FULL_MATRIX else 0.0
    work = {CUBE: search}
    if controller.train_in == "environment":
        tracks = controller.rollouts if controller.common_tracks else cars
        episodes, painted = generations * cars + tests, generations * tracks + tests
        driven = _driven(settings, episodes, learning + testing, painted)
        return together(work, driven)
    work = together(work, times(learning, _dreamt(settings)))
    if controller.plays:
        return together(work, _driven(settings, tests, testing, tests))
    return together(work, times(testing, _dreamt(settings)))


def _driven(settings: Round, episodes: int, steps: float, tracks: int) -> Work:
    """Count a search's episodes in the game, of so many steps together."""
    work = times(steps, _agent(settings))
    if uses_simulator(settings.environment):
        return together(work, {CAR: steps, TRACK: tracks})
    return together(work, _played(settings, episodes, steps / max(episodes, 1)))


def _tests(settings: Round) -> int:
    """Return the selection episodes of a block."""
    controller = settings.controller
    tests = controller.generations_per_block // controller.select_every
    return tests * controller.selection_episodes


def _random(settings: Round, data: Data, steps: Steps) -> Work:
    return _played(settings, settings.evaluation.episodes, steps.random)


def _evaluation(settings: Round, data: Data, steps: Steps) -> Work:
    """Count the agent's drives in the game, the simulator and the dream."""
    episodes = settings.evaluation.episodes
    count = episodes * steps.agent
    work = together(
        _played(settings, episodes, steps.agent), times(count, _agent(settings))
    )
    if settings.controller.train_in == "dream":
        work = together(work, times(count, _dreamt(settings)))
    if is_simulated(settings.environment.name):
        driven = together({CAR: count}, times(count, _agent(settings)))
        # Gymnasium makes the very tracks, which the simulator paints.
        work = together(work, driven, {TRACK: episodes, BEGUN: episodes})
    return work


def _report(settings: Round, data: Data, steps: Steps) -> Work:
    """Count one round of the report."""
    shards = data.episodes / settings.rollouts.episodes_per_shard
    return {FILMED: films(settings) * steps.agent, SHARD: 2 * shards}


def films(settings: Round) -> float:
    """Return how many filmed drives a round of the report is worth.

    A round without a score has no test drives to show, but dreams and networks: they
    take about half.
    """
    return 3 if settings.evaluation.episodes else 1.5


def _played(settings: Round, episodes: float, steps: float) -> Work:
    """Count episodes of the game itself, each of so many steps."""
    count = episodes * steps * settings.environment.frame_skip
    return {WORKERS: 1, BEGUN: episodes, PLAYED[settings.environment.name]: count}


def _encoder(settings: Round) -> Work:
    pixels = settings.environment.size**2 / 64**2
    return {ENCODED: pixels, ENCODER_MULTIPLY: sizes.encoder(settings).multiplies}


def _dreamt(settings: Round) -> Work:
    work = {DREAMT: 1, DREAM_MULTIPLY: sizes.memory(settings).multiplies}
    return work | _addressed(settings, DREAM_SLOT)


def _small_steps(settings: Round) -> int:
    """Return how many steps of an LSTM the small operations of M's step take."""
    return _ADDRESSED if sizes.addressed(settings) else 1


def _addressed(settings: Round, unit: str) -> Work:
    """Return one step of the memory that M's cell has, if it has one."""
    numbers = sizes.addressed(settings)
    return {unit: numbers} if numbers else {}


def _agent(settings: Round) -> Work:
    """Count one step of an agent: V, C and M."""
    return together(_encoder(settings), _dreamt(settings))


STAGES: dict[str, Callable[[Round, Data, Steps], Work]] = {
    "rollouts": _rollouts,
    "vision": _vision,
    "latents": _latents,
    "memory": _memory,
    "controller": _controller,
    "random": _random,
    "evaluation": _evaluation,
    "report": _report,
}
