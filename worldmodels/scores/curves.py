"""How C learnt over the generations of all rounds, in several trainings."""

from collections.abc import Mapping, Sequence
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


def _of_training(blocks: Sequence[Artifact]) -> Curves:
    """Return the curves of one training, S is 1."""
    starts, fitness, tested_at, tested = [], [], [], []
    round, done = None, 0
    for block in sorted(blocks, key=_place):
        if block.config["round"] != round:
            round = block.config["round"]
            starts.append(done)
        driven = block.read("fitness")
        fitness.append(driven.mean(axis=(1, 2), dtype=np.float64))
        tested_at.append(starts[-1] + block.read("selection/generation"))
        tested.append(block.read("selection/returns").mean(axis=1, dtype=np.float64))
        done += len(driven)
    joined = (np.concatenate(part) for part in (fitness, tested_at, tested))
    fitness, tested_at, tested = joined
    return Curves(np.array(starts), fitness[None], tested_at, tested[None])


def _place(block: Artifact) -> tuple[int, int]:
    return block.config["round"], block.config["block"]
