"""The settings: one frozen section a stage, one field a setting, and its only place.

A field says what the setting is, its default, which is that of the laptop's run, its
bounds, its unit and the paper's value. From here come config.yaml, its JSON schema, the
help of the commands and every check of a value. No JAX is imported here: the Snakefile
reads it. V's and M's sections stand in `network_settings`.

To add a setting, add its field, with `before` if stores of its stage are older than it;
then run `worldmodels settings > config.yaml` and `worldmodels settings --schema >
config.schema.json`.
"""

from typing import Annotated, Literal

from pydantic import Field

from worldmodels.environments import facts
from worldmodels.environments.games import NAMES, V0, V3, VIEWS
from worldmodels.experiment.bounds import (
    BATCH,
    EPISODES,
    FACTOR,
    GENERATIONS,
    MAX_BATCH,
    MAX_TRACKS,
    MAX_WIDTH,
    RATE,
    STEPS,
    TRACKS,
    WIDTH,
)
from worldmodels.experiment.network_settings import Memory, Vision
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, list_of
from worldmodels.models.cells import registry
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.search.names import CMA_ES, STRATEGIES

PRECISIONS = ("float32", "mixed")  # `models.precision`
AUTO = "auto"  # that which suits the machine

_RandomPolicy = Literal["network", "brownian", "white", "held", "held_uniform"]
_Policy = Literal["network", "brownian", "white", "held", "held_uniform", "imported"]
_Start = Literal["line", "anywhere"]


class Run(Section):
    """What every stage shares."""

    seed: int = setting(
        0, "decides every random choice", remark="not given", low=0, high=MAX_SEED
    )
    dtype: Literal["float32", "float64"] = setting(
        "float32",
        "type of the numbers of V, M and C; float64 is for debugging",
        paper="float32",
    )
    precision: Literal[(*PRECISIONS, AUTO)] = setting(
        PRECISIONS[0],
        "of V's and M's products; mixed: factors in bfloat16, sums in float32; auto: "
        "mixed where the machine multiplies those faster",
        paper=PRECISIONS[0],
        before=PRECISIONS[0],
    )
    debug: bool = setting(False, "store the gradient norm of every parameter")


class Environment(Section):
    """The world that is driven."""

    name: Literal[NAMES] = setting(
        "carracing",
        "the game",
        remark="carracing and takecover, which needs pip install --editable '.[doom]'",
    )
    view: Literal[VIEWS] = setting(
        V3,
        "of carracing and takecover; v0 is what the original's V saw: carracing's "
        "wider window, turned by the velocity, takecover at 640 x 480",
        remark=V0,
        before=V3,
    )
    id: str = setting(
        "", "gymnasium's name of a world, such as Pendulum-v1 or module:World-v0"
    )
    crop: list_of(Annotated[int, Field(ge=0, le=MAX_WIDTH)], 4) = setting(
        (0, 0, 0, 0),
        "cut off a gymnasium world's picture: top, bottom, left, right",
        unit="pixels",
    )
    size: int = setting(
        64,
        "of both sides of a gymnasium world's frames, a multiple of 16",
        unit="pixels",
        paper=64,
        low=facts.SIZES[0],
        high=facts.SIZES[-1],
    )
    frame_skip: int = setting(
        1,
        "of a gymnasium world that an action lasts for, rewards summed",
        unit="frames",
        paper=1,
        low=1,
        high=1000,
    )
    backend: Literal["simulator", "gymnasium"] = setting(
        "simulator",
        "where V, M and C learn to drive, all games but carracing in gymnasium alone; "
        "scores are gymnasium's",
        remark="gym, v0",
    )
    max_steps: int = setting(
        1000,
        "in a whole episode",
        unit="steps",
        paper=1000,
        takecover=2100,
        **STEPS | {"low": 2},
    )
    slots: int = setting(
        16,
        "stepped together; the agent's batch there",
        unit="gymnasium environments",
        paper=64,
        **WIDTH,
    )


class Rollouts(Section):
    """Episodes from which V and M learn."""

    episodes: int = setting(64, "", unit="episodes", paper=10000, **EPISODES)
    episodes_per_shard: int = setting(
        64, "in one store, a divisor of episodes", unit="episodes", **TRACKS
    )
    steps: int = setting(
        600,
        "in an episode at most",
        unit="steps",
        paper=1000,
        takecover=2100,
        **STEPS | {"low": 2},
    )
    min_steps: int = setting(
        0,
        "in an episode at least, a shorter one is driven again with another seed",
        unit="steps",
        paper=0,
        takecover=101,
        before=0,
        **STEPS,
    )
    policy: _Policy = setting(
        "network",
        "drives round 0; imported: worldmodels import-rollouts has made them",
        paper="network",
        takecover="held",
    )
    start: _Start = setting(
        "line",
        "where on its lap a car begins; anywhere is for the simulator",
        paper="line",
        before="line",
    )
    action_noise: Number = setting(
        0.0,
        "std of the noise on a controller's actions, rounds >= 1",
        paper=0.0,
        **FACTOR,
    )
    accumulate: bool = setting(
        False, "V, M also learn from earlier rounds'", paper=False
    )
    keep: bool = setting(
        True, "false frees their disk once V and the latents stand; see docs/stores.md"
    )


class Controller(Section):
    """C, and the search for its parameters."""

    inputs: Literal[registry.INPUTS] = setting(
        "z_h",
        "what C sees; a gru has no c, and r, what it read, is a dnc's alone",
        paper="z_h",
        takecover="z_c_h",
    )
    sample_z: bool = setting(False, "sample z, or take its mean", paper=True)
    hidden_size: int = setting(
        0,
        "between input and action",
        unit="tanh units",
        paper=0,
        remark="its ablation 40",
        **WIDTH | {"low": 0},
    )
    bias: bool = setting(True, "add a bias in C", paper=True, takecover=False)
    centred: bool = setting(
        True,
        "search as if the mean of what C reads were 0, over the episodes that M learnt "
        "from; needs bias",
        paper=False,
        before=False,
    )
    strategy: Literal[STRATEGIES] = setting(
        CMA_ES,
        "the search for C; with more than 2000 parameters take sep_cma_es",
        paper=CMA_ES,
        before=CMA_ES,
    )
    population: int = setting(
        64, "in a generation P", unit="candidates", paper=64, low=4, high=MAX_BATCH
    )
    parents: int = setting(
        0,
        "mu, the best that cma_es moves to; 0: half of P, and the others repel",
        unit="candidates",
        before=0,
        low=0,
        high=MAX_BATCH,
    )
    rollouts: int = setting(
        4, "that each candidate drives R", unit="tracks", paper=16, **BATCH
    )
    common_tracks: bool = setting(
        True, "all candidates of a generation drive the same tracks", paper=False
    )
    start: _Start = setting(
        "line",
        "where a car that learns begins on its lap, or a dream in an episode (line: at "
        "its first frame); anywhere is for the simulator and for dreams",
        paper="line",
        before="line",
    )
    train_in: Literal["environment", "dream"] = setting(
        "environment",
        "learn in the game, or in M's dream, which needs a head of M that pays",
        paper="environment",
        takecover="dream",
    )
    test_in: Literal["same", "environment"] = setting(
        "same",
        "test the means where C learns, or in the game also where it learns in dreams",
        paper="same",
        before="same",
    )
    temperature: Number = setting(
        1.15,
        "tau of the dream, at least 0; 1: as uncertain as M is",
        takecover=1.15,
        **FACTOR,
    )
    death: Literal["drawn", "threshold"] = setting(
        "drawn",
        "when a dreamer dies: with the probability that M states, or where that is "
        "above 1 / (1 + memory.death_weight)",
        takecover="threshold",
        before="drawn",
    )
    generations: int = setting(30, "G", unit="generations", paper=1800, **GENERATIONS)
    generations_per_block: int = setting(
        10, "in one store, a divisor of generations", unit="generations", **GENERATIONS
    )
    sigma: Number = setting(
        0.07, "first step size of the search, in parameters", paper=0.1, **RATE
    )
    initial_mean: Number = setting(
        0.0, "every parameter of the first mean", paper=0.0, low=-1e6, high=1e6
    )
    initial_steps: int = setting(
        600,
        "in an episode at first; 0: whole episodes",
        unit="steps",
        paper=0,
        **STEPS,
    )
    step_increment: int = setting(
        50, "added whenever the mean fitness improves", unit="steps", **STEPS
    )
    select_every: int = setting(
        5, "between tests of the mean", unit="generations", paper=25, **GENERATIONS
    )
    selection_episodes: int = setting(
        64, "that a mean is tested on", unit="selection tracks", paper=1024, **TRACKS
    )
    warm_start: bool = setting(False, "start from the C of the round before")

    @property
    def plays(self) -> bool:
        """Whether the search plays the game, to learn in it or to be tested there."""
        return "environment" in (self.train_in, self.test_in)


class Evaluation(Section):
    """The score on unseen tracks."""

    episodes: int = setting(
        32,
        "at least 2; 0: none, in a round that is not the last",
        unit="unseen tracks",
        paper=100,
        low=0,
        high=MAX_TRACKS,
    )
    random_policy: _RandomPolicy = setting(
        "network", "scored beside the agent", paper="network", takecover="held"
    )


class Round(Section):
    """All settings of one round of the pipeline."""

    environment: Environment = group(Environment)
    rollouts: Rollouts = group(Rollouts)
    vision: Vision = group(Vision)
    memory: Memory = group(Memory)
    controller: Controller = group(Controller)
    evaluation: Evaluation = group(Evaluation)
