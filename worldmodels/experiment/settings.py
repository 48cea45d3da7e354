"""The settings of every stage: one frozen dataclass each, one field a line.

Each field carries its unit, the paper's value and what is allowed; the configuration
file and the command line are both checked against these. No JAX is imported here: the
Snakefile reads it.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from worldmodels.environments import facts
from worldmodels.environments.games import NAMES, is_simulated
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import MAX_EPISODES, MAX_SEED

_RANDOM_POLICIES = ("network", "brownian", "white", "held")

# Far above any use, and below what overflows a size or a counter of 32 bits. Whether a
# machine's memory holds what is asked for is another question.
_MAX_STEPS = 100_000  # an episode's frames are one chunk of 12 kB a step
_MAX_WIDTH = 4096  # units, channels, latents
_MAX_BATCH = 65_536
_MAX_PASSES = 1_000_000
_MAX_TRACKS = 100_000
_MAX_RATE = 1000.0
_MAX_WEIGHT = 1e9


def _setting(default, help, *, low=None, high=None, choices=None, above=None) -> Any:
    """Return a field whose value is one of `choices` or lies in [low, high], > above.

    Of a tuple the bounds hold for each entry.
    """
    bounds = {"low": low, "high": high, "choices": choices, "above": above}
    return field(default=default, metadata={"help": help, **bounds})


@dataclass(frozen=True)
class Run:
    """What every stage shares."""

    seed: int = _setting(0, "decides every random choice", low=0, high=MAX_SEED)
    dtype: str = _setting(
        "float32",
        "precision of V, M and C; float64 is for debugging",
        choices=("float32", "float64"),
    )
    debug: bool = _setting(False, "store the gradient norm of every parameter")


@dataclass(frozen=True)
class Environment:
    """The world that is driven."""

    environment: str = _setting("carracing", "the game", choices=NAMES)
    id: str = _setting(
        "",
        "gymnasium's name of its world, of environment.name gymnasium, such as "
        "Pendulum-v1 or module:World-v0",
    )
    crop: tuple[int, ...] = _setting(
        (0, 0, 0, 0),
        "pixels cut off a gymnasium world's picture: top, bottom, left, right",
        low=0,
        high=_MAX_WIDTH,
    )
    size: int = _setting(
        64,
        "pixels of both sides of a gymnasium world's frames, some times 16 (paper 64)",
        low=facts.SIZES[0],
        high=facts.SIZES[-1],
    )
    frame_skip: int = _setting(
        1,
        "frames of a gymnasium world that an action lasts for, rewards summed (paper "
        "1)",
        low=1,
        high=1000,
    )
    backend: str = _setting(
        "simulator",
        "where episodes are played to learn from, of all games but carracing gymnasium "
        "alone; scores are taken on gymnasium",
        choices=("simulator", "gymnasium"),
    )
    max_steps: int = _setting(
        1000,
        "steps in a whole episode (paper 1000, takecover 2100)",
        low=2,
        high=_MAX_STEPS,
    )
    slots: int = _setting(
        16,
        "gymnasium environments stepped together; the agent's batch there",
        low=1,
        high=_MAX_WIDTH,
    )


@dataclass(frozen=True)
class Rollouts:
    """Episodes from which V and M learn."""

    episodes: int = _setting(10000, "episodes (paper 10000)", low=1, high=MAX_EPISODES)
    episodes_per_shard: int = _setting(
        250, "episodes in one store", low=1, high=_MAX_TRACKS
    )
    steps: int = _setting(
        1000, "steps in an episode at most (paper 1000)", low=2, high=_MAX_STEPS
    )
    policy: str = _setting(
        "network",
        "random policy of round 0 (paper network, takecover held)",
        choices=_RANDOM_POLICIES,
    )
    action_noise: float = _setting(
        0.0,
        "std of the noise on a controller's actions, from round 1 on",
        low=0.0,
        high=_MAX_RATE,
    )
    accumulate: bool = _setting(
        False, "V and M also learn from the rollouts of the rounds before (paper false)"
    )
    keep: bool = _setting(
        True, "keep the episodes on disk after V and the latents are made of them"
    )


@dataclass(frozen=True)
class Vision:
    """V, the variational autoencoder."""

    latent_size: int = _setting(
        32, "latent dimensions Z (paper 32)", low=1, high=_MAX_WIDTH
    )
    channels: tuple[int, ...] = _setting(
        (32, 64, 128, 256),
        "encoder channels (paper 32,64,128,256)",
        low=1,
        high=_MAX_WIDTH,
    )
    decoder_channels: tuple[int, ...] = _setting(
        (128, 64, 32), "decoder channels (paper 128,64,32)", low=1, high=_MAX_WIDTH
    )
    batch_size: int = _setting(
        100, "frames in a minibatch (paper 100)", low=1, high=_MAX_BATCH
    )
    epochs: int = _setting(
        10,
        "passes over all frames, 0: V stays as it starts (paper 10)",
        low=0,
        high=_MAX_PASSES,
    )
    learning_rate: float = _setting(
        1e-4, "of Adam (paper 1e-4)", above=0.0, high=_MAX_RATE
    )
    kl_tolerance: float = _setting(
        0.5,
        "nats per latent dimension below which KL is free (paper 0.5)",
        low=0.0,
        high=_MAX_RATE,
    )
    buffer_episodes: int = _setting(
        64,
        "whole episodes shuffled together in memory, 12 MB each at 1000",
        low=1,
        high=MAX_EPISODES,
    )
    warm_start: bool = _setting(False, "start from the V of the round before")


@dataclass(frozen=True)
class Memory:
    """M, the mixture-density recurrent network."""

    hidden_size: int = _setting(256, "LSTM units N (paper 256)", low=1, high=_MAX_WIDTH)
    mixtures: int = _setting(
        5, "Gaussians per latent dimension K (paper 5)", low=1, high=_MAX_WIDTH
    )
    death_head: bool = _setting(
        False, "predict death (paper true for TakeCover, whose dream ends by it)"
    )
    death_weight: float = _setting(
        10.0,
        "of a step with death in the loss, beside 1 of others (paper 10)",
        above=0.0,
        high=_MAX_WEIGHT,
    )
    reward_head: bool = _setting(
        False, "predict the reward, for dreams of CarRacing (paper false)"
    )
    batch_size: int = _setting(
        100,
        "episodes in a minibatch, or rows of episodes (paper 100)",
        low=1,
        high=_MAX_BATCH,
    )
    window: int = _setting(
        0,
        "steps of a row in a minibatch, 0: whole episodes (paper 0, TakeCover 500)",
        low=0,
        high=_MAX_STEPS,
    )
    epochs: int = _setting(
        40,
        "passes over all episodes, 0: initial weights (paper 40, 4000 updates)",
        low=0,
        high=_MAX_PASSES,
    )
    learning_rate: float = _setting(
        1e-3, "of Adam, at first (paper 1e-3)", above=0.0, high=_MAX_RATE
    )
    final_learning_rate: float = _setting(
        1e-5, "of Adam, in the limit (paper 1e-5)", above=0.0, high=_MAX_RATE
    )
    decay: float = _setting(
        1.0,
        "factor per update on the rate's distance to its limit (paper 1, none)",
        above=0.0,
        high=1.0,
    )
    gradient_clip: float = _setting(
        1.0, "largest absolute gradient value (paper 1)", above=0.0, high=_MAX_WEIGHT
    )
    buffer_episodes: int = _setting(
        1000,
        "whole episodes of latents in memory, 0.13 MB each at 1000",
        low=1,
        high=MAX_EPISODES,
    )
    held_out: float = _setting(
        0.0,
        "share of the episodes kept from M, on which it is scored (paper: none)",
        low=0.0,
        high=0.5,
    )
    warm_start: bool = _setting(False, "start from the M of the round before")


@dataclass(frozen=True)
class Controller:
    """C, the linear controller, and CMA-ES that evolves it."""

    inputs: str = _setting(
        "z_h",
        "what C sees (paper z_h, takecover z_c_h)",
        choices=("z", "z_h", "z_c_h"),
    )
    sample_z: bool = _setting(True, "sample z, not its mean (paper true)")
    hidden_size: int = _setting(
        0,
        "tanh units between input and action (paper 0; its ablation 40)",
        low=0,
        high=_MAX_WIDTH,
    )
    bias: bool = _setting(True, "add a bias in C (paper true, takecover false)")
    population: int = _setting(
        64, "candidates a generation P (paper 64)", low=4, high=_MAX_BATCH
    )
    rollouts: int = _setting(
        16, "tracks each candidate drives R (paper 16)", low=1, high=_MAX_BATCH
    )
    common_tracks: bool = _setting(
        True, "all candidates of a generation drive the same tracks (paper false)"
    )
    train_in: str = _setting(
        "environment",
        "where C learns: in the game, or in M's dream of it (paper environment, "
        "takecover dream)",
        choices=("environment", "dream"),
    )
    temperature: float = _setting(
        1.15,
        "tau of the dream, 1: as uncertain as M is (paper 1.15)",
        low=0.0,
        high=_MAX_RATE,
    )
    generations: int = _setting(
        1800, "generations G (paper 1800)", low=1, high=_MAX_PASSES
    )
    generations_per_block: int = _setting(
        25, "generations in one store", low=1, high=_MAX_PASSES
    )
    sigma: float = _setting(
        0.1, "first step size of CMA-ES (paper 0.1)", above=0.0, high=_MAX_RATE
    )
    initial_mean: float = _setting(
        0.0, "every parameter of the first mean (paper 0)", low=-1e6, high=1e6
    )
    initial_steps: int = _setting(
        0,
        "steps in an episode at first; 0: whole episodes (paper 0)",
        low=0,
        high=_MAX_STEPS,
    )
    step_increment: int = _setting(
        100, "steps added whenever the mean fitness improves", low=0, high=_MAX_STEPS
    )
    select_every: int = _setting(
        25,
        "generations between tests of the CMA mean (paper 25)",
        low=1,
        high=_MAX_PASSES,
    )
    selection_episodes: int = _setting(
        100,
        "selection tracks that a mean is tested on (paper 1024)",
        low=1,
        high=_MAX_TRACKS,
    )
    warm_start: bool = _setting(False, "start from the C of the round before")


@dataclass(frozen=True)
class Evaluation:
    """The score on unseen tracks."""

    episodes: int = _setting(100, "unseen tracks (paper 100)", low=2, high=_MAX_TRACKS)
    random_policy: str = _setting(
        "network",
        "the random policy that is scored beside the agent",
        choices=_RANDOM_POLICIES,
    )


@dataclass(frozen=True)
class Site:
    """The most that a job may ask of the machines; no result depends on it."""

    max_minutes: int = _setting(
        4320, "minutes that a job may ask for, 0: no limit", low=0, high=10**6
    )
    max_mem_mb: int = _setting(
        0, "MB of memory that a job may ask for, 0: no limit", low=0, high=10**9
    )


@dataclass(frozen=True)
class Round:
    """All settings of one round of the pipeline."""

    environment: Environment = Environment()
    rollouts: Rollouts = Rollouts()
    vision: Vision = Vision()
    memory: Memory = Memory()
    controller: Controller = Controller()
    evaluation: Evaluation = Evaluation()


def uses_simulator(environment: Environment) -> bool:
    """Return whether the episodes that are learnt from are played in the simulator.

    Raises:
        UserError: when the simulator has not that game.
    """
    if environment.backend != "simulator":
        return False
    if not is_simulated(environment.environment):
        raise UserError(
            f"environment.backend is simulator; {environment.environment} has none: it "
            "must be gymnasium"
        )
    return True


def section_dict(section: Any) -> dict[str, Any]:
    """Return a section as plain JSON values, for an artifact's attributes."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(section).items()
    }
