"""Settings that are possible one by one and impossible together.

Each check reads its settings by name, as "memory.batch_size", and is left out where one
of them is not there: the same checks are made of a whole configuration and of what one
stage uses. No JAX is imported here: the Snakefile reads it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from worldmodels.experiment import worlds
from worldmodels.experiment.section import groups_of
from worldmodels.experiment.settings import Environment, Memory, Round
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.models.cells import registry
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import MAX_EPISODES
from worldmodels.search.names import CMA_ES, IN_PAIRS

Values = Mapping[str, Any]

_PAIRS = (
    ("rollouts.episodes", "a multiple of", "rollouts.episodes_per_shard"),
    ("controller.generations", "a multiple of", "controller.generations_per_block"),
    # So that every block ends with a tested mean.
    ("controller.generations_per_block", "a multiple of", "controller.select_every"),
    ("rollouts.steps", "at most", "environment.max_steps"),
    ("rollouts.min_steps", "at most", "rollouts.steps"),
    ("controller.initial_steps", "at most", "environment.max_steps"),
    ("memory.batch_size", "at most", "rollouts.episodes"),
    ("memory.batch_size", "at most", "memory.buffer_episodes"),
)

# Each is a store, a job and a log file, all of which are known before the first runs.
_MAX_STORES = 100_000


class Check(NamedTuple):
    """A check of several settings, which ends with a sentence."""

    names: tuple[str, ...]
    refuse: Callable[..., None]  # is called with their values


def check(values: Values) -> None:
    """Refuse values that are impossible together.

    Raises:
        UserError: naming them.
    """
    for names, refuse in _CHECKS:
        if values.keys() >= set(names):
            refuse(*(values[name] for name in names))


def values_of(settings: Round) -> dict[str, Any]:
    """Return all settings of a round by name."""
    return {
        f"{section}.{name}": value
        for section, values in settings
        for name, value in values
    }


def check_pays(death_head: bool, reward_head: bool, reason: str) -> None:
    """Refuse an M in whose dream C cannot learn, where `reason` asks for one.

    Raises:
        UserError: when it predicts nothing that a step is worth.
    """
    if not (death_head or reward_head):
        raise UserError(
            f"{reason}; M must then predict what a step is worth: set "
            "memory.death_head or memory.reward_head to true"
        )


def check_cell(memory: Memory) -> None:
    """Refuse settings of a recurrent cell that M does not have.

    Raises:
        UserError: naming the first of them.
    """
    for cell, kind in groups_of(Memory).items():
        for name, unused in kind() if cell != memory.cell else ():
            value = getattr(getattr(memory, cell), name)
            if value != unused:
                raise UserError(
                    f"memory.{cell}.{name} is {json.dumps(value)}, which is for "
                    f"memory.cell {cell} alone; memory.cell is {memory.cell}: set it "
                    f"to {cell}, or leave memory.{cell}.{name} {json.dumps(unused)}"
                )


def check_scored(episodes: int) -> None:
    """Refuse to leave a round without a score.

    Raises:
        UserError: for no episodes.
    """
    if episodes == 0:
        raise UserError(
            "evaluation.episodes is 0, which leaves a round without a score; give at "
            "least 2"
        )


def _pair(small: str, relation: str, large: str) -> Check:
    def refuse(low: int, high: int) -> None:
        if low % high if relation == "a multiple of" else low > high:
            raise UserError(
                f"{small} is {low}; it must be {relation} {large}, which is {high}"
            )

    return Check((small, large), refuse)


def _few_stores(whole: str, part: str) -> Check:
    def refuse(items: int, size: int) -> None:
        if items // size > _MAX_STORES:
            raise UserError(
                f"{whole} is {items}, which makes {items // size} stores of {part} "
                f"{size}; raise that, for at most {_MAX_STORES} stores"
            )

    return Check((whole, part), refuse)


def _simulated(name: str, backend: str) -> None:
    uses_simulator(Environment(name=name, backend=backend))


def _starts(section: str, *learnt: str) -> Check:
    """Return the check of a section's `start`.

    Args:
        learnt: the name of the setting that says where C learns: a dream may begin
            anywhere.
    """

    def refuse(name: str, backend: str, start: str, train_in: str = "") -> None:
        if train_in == "dream" or start == "line":
            return
        if not uses_simulator(Environment(name=name, backend=backend)):
            able = "the simulator of carracing" + (" or a dream" if learnt else "")
            raise UserError(
                f"{section}.start is anywhere, which {able} alone can do, and {name} "
                "is played in gymnasium: leave it line; where it "
                "comes from the rounds of config.yaml, which are for the simulator, "
                "give your own, such as rounds: 1"
            )

    world = _of("environment", "name", "backend")
    return Check((*world, f"{section}.start", *learnt), refuse)


def _world(*values: Any) -> None:
    given = dict(zip(worlds.NAMING, values, strict=True))
    worlds.check_world(Environment(**given))


def _pays(train_in: str, death_head: bool, reward_head: bool) -> None:
    if train_in == "dream":
        check_pays(death_head, reward_head, "controller.train_in is dream")


def _dies(train_in: str, death: str, death_head: bool) -> None:
    if train_in == "dream" and death == "threshold" and not death_head:
        raise UserError(
            "controller.death is threshold and nobody dies in the dream of an M that "
            "does not predict death: set memory.death_head to true, or leave "
            "controller.death drawn"
        )


def _of_float32(dtype: str, precision: str) -> None:
    if dtype == "float64" and precision == "mixed":
        raise UserError(
            "precision is mixed and dtype is float64, whose digits it would lose; set "
            "precision to float32, which keeps them, or dtype to float32"
        )


def _spread(episodes: int) -> None:
    if episodes == 1:
        raise UserError(
            "evaluation.episodes is 1, and a score with its interval needs at least 2; "
            "0 leaves a round without a score"
        )


def _moves_bias(centred: bool, bias: bool) -> None:
    if centred and not bias:
        raise UserError(
            "controller.centred is true and moves the bias of C, which has none: set "
            "controller.bias to true, or controller.centred to false"
        )


def _in_pairs(strategy: str, population: int) -> None:
    if strategy in IN_PAIRS and population % 2:
        raise UserError(
            f"controller.population is {population}; controller.strategy {strategy} "
            "draws candidates in pairs: it must be even"
        )


def _are_parents(strategy: str, population: int, parents: int) -> None:
    if parents and strategy != CMA_ES:
        raise UserError(
            f"controller.parents is {parents}, which is for controller.strategy "
            f"{CMA_ES} alone; {strategy} has its own: leave controller.parents 0"
        )
    if parents > population:
        raise UserError(
            f"controller.parents is {parents}; it must be at most "
            f"controller.population, which is {population}"
        )


def _few_tracks(
    generations: int, rollouts: int, population: int, common: bool, selection: int
) -> None:
    drivers = 1 if common else population
    tracks = generations * max(rollouts * drivers, selection)
    if tracks > MAX_EPISODES:
        raise UserError(
            f"controller.generations is {generations}; all generations together may "
            f"drive {MAX_EPISODES} tracks, not {tracks}"
        )


def _of(section: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names)


_CHECKS = (
    *(_pair(*pair) for pair in _PAIRS),
    Check(("dtype", "precision"), _of_float32),
    Check(_of("environment", "name", "backend"), _simulated),
    Check(_of("environment", *worlds.NAMING), _world),
    _starts("rollouts"),
    _starts("controller", "controller.train_in"),
    _few_stores(*_of("rollouts", "episodes", "episodes_per_shard")),
    _few_stores(*_of("controller", "generations", "generations_per_block")),
    Check(("memory.cell", "controller.inputs"), registry.check_inputs),
    Check(("controller.train_in", *_of("memory", "death_head", "reward_head")), _pays),
    Check(
        ("controller.train_in", "controller.death", "memory.death_head"),
        _dies,
    ),
    Check(_of("controller", "strategy", "population"), _in_pairs),
    Check(_of("controller", "strategy", "population", "parents"), _are_parents),
    Check(_of("controller", "centred", "bias"), _moves_bias),
    Check(("evaluation.episodes",), _spread),
    Check(
        _of(
            "controller",
            "generations",
            "rollouts",
            "population",
            "common_tracks",
            "selection_episodes",
        ),
        _few_tracks,
    ),
)
