"""How C learnt over the generations of all rounds, in several trainings."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import Artifact


class Curves(NamedTuple):
    """The scores of C while it learnt, of S trainings through R rounds."""

    starts: np.ndarray  # int [R], generations before each round
    fitness: np.ndarray  # [S, G], the population's mean in each generation
    tested_at: np.ndarray  # int [T], generations done when a mean was tested
    tested: np.ndarray  # [S, T], its mean over the selection tracks


class TestedMeans(NamedTuple):
    """The tests of the search's means in one round of a training."""

    start: int  # generations before the round
    at: np.ndarray  # int [T], generations of all rounds done when each was tested
    returns: np.ndarray  # float64 [T], its mean over the selection tracks


def through_rounds(blocks: Mapping[int, Sequence[Artifact]]) -> Curves:
    """Return the curves of trainings, by seed, with all rounds one after another.

    Args:
        blocks: of all rounds, in any order.

    Raises:
        UserError: for trainings of other generations than the first has.
    """
    curves = {seed: _of_training(given) for seed, given in blocks.items()}
    (first, expected), *others = curves.items()
    for seed, found in others:
        for name in ("starts", "tested_at"):
            one, other = getattr(expected, name), getattr(found, name)
            if not np.array_equal(one, other):
                raise UserError(
                    f"seed {seed} was evolved for other generations than seed {first}; "
                    "give trainings of the same settings"
                )
    return Curves(
        expected.starts,
        np.concatenate([found.fitness for found in curves.values()]),
        expected.tested_at,
        np.concatenate([found.tested for found in curves.values()]),
    )


def tested_means(blocks: Sequence[Artifact]) -> list[TestedMeans]:
    """Return the tests of the means of one training, round by round.

    Args:
        blocks: of all rounds, in any order.
    """
    rounds, done = [], 0
    for _, found in groupby(sorted(blocks, key=_place), _round):
        made = [*found]
        at = [block.read("selection/generation") for block in made]
        returns = [
            block.read("selection/returns").mean(axis=1, dtype=np.float64)
            for block in made
        ]
        tests = done + np.concatenate(at), np.concatenate(returns)
        rounds.append(TestedMeans(done, *tests))
        done += sum(block.array("mean").shape[0] for block in made)
    return rounds


def _of_training(blocks: Sequence[Artifact]) -> Curves:
    """Return the curves of one training, S is 1."""
    starts, at, returns = zip(*tested_means(blocks), strict=True)
    fitness = [
        block.read("fitness").mean(axis=(1, 2), dtype=np.float64)
        for block in sorted(blocks, key=_place)
    ]
    return Curves(
        np.array(starts),
        np.concatenate(fitness)[None],
        np.concatenate(at),
        np.concatenate(returns)[None],
    )


def _round(block: Artifact) -> int:
    return block.config["round"]


def _place(block: Artifact) -> tuple[int, int]:
    return block.config["round"], block.config["block"]
