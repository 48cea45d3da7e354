"""Step trace: four searches of Schaffer's function, one generation after another.

Of several searches by the right code one that finds the optimum and one that does not;
and of the seeds' fault one that finds it at (10, 10) and one that does not at
(10, -10), from the same start.
"""

from pathlib import Path

import jax
import numpy as np

from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.studies.evolution.functions import FOUND
from worldmodels.studies.evolution.rates import followed
from worldmodels.studies.evolution.searches import Course, Generation
from worldmodels.studies.evolution.settings import (
    FORMS,
    MIRRORED,
    NEAR,
    OPTIMUM,
    SCALAR,
    SEEDS_PARENTS,
    SEEDS_SIGMA,
    TENSOR,
    Case,
    Evolution,
    parents_of,
)
from worldmodels.studies.evolution.steps import STUDY

STEP = "trace"
_SEARCHES = 32  # that the shown ones are chosen from


def run(*, settings: Evolution, out: Path, log: Path | None) -> None:
    """Follow the searches and publish a store at `out`.

    Raises:
        UserError: for a full disk.
    """
    del log  # it takes seconds
    key = key_for(settings.seed, 0, f"evolution {STEP}")
    keys = jax.random.split(key, _SEARCHES)
    parents = parents_of(SEEDS_PARENTS, settings)
    right, up, down = (
        jax.tree.map(np.asarray, followed(case, settings, keys))
        for case in (
            Case(FORMS[0], NEAR, parents, SEEDS_SIGMA, rank_one, optimum)
            for rank_one, optimum in (
                (TENSOR, OPTIMUM),
                (SCALAR, OPTIMUM),
                (SCALAR, MIRRORED),
            )
        )
    )
    either = typical(right[0], True), typical(right[0], False)
    pair = typical(up[0], True, ~_found(down[0]))
    shown = {
        "found": (right, either[0], OPTIMUM),
        "missed": (right, either[1], OPTIMUM),
        "fault_found": (up, pair, OPTIMUM),
        "fault_missed": (down, pair, MIRRORED),
    }
    with publication.create(
        out,
        STUDY.kind(STEP),
        config=STUDY.used(STEP, settings),
        inputs={},
        stage_version=STUDY.steps[STEP].version,
    ) as store:
        for name, ((course, drawn), number, optimum) in shown.items():
            _write(store, name, course, drawn, number)
            store.write(f"{name}/optimum", np.array(optimum), ["coordinate"])


def _write(
    store: publication.Writer, name: str, course: Course, drawn: Generation, number: int
) -> None:
    """Write the generations of one search, up to its end."""
    count = min(int(course.over[number]), course.best.shape[1])
    axes = {
        "population": ["generation", "candidate", "coordinate"],
        "loss": ["generation", "candidate"],
        "mean": ["generation", "coordinate"],
        "covariance": ["generation", "coordinate", "coordinate_2"],
    }
    for array, along in axes.items():
        store.write(f"{name}/{array}", getattr(drawn, array)[number, :count], along)


def _found(course: Course) -> np.ndarray:
    return course.best[:, -1] <= FOUND


def typical(course: Course, found: bool, among: np.ndarray | bool = True) -> int:
    """Return which of searches has found it, or has not, after a median of generations.

    Where there is none of that kind `among` searches, any search is one.
    """
    kind = (_found(course) == found) & among
    numbers = np.flatnonzero(kind)
    if not len(numbers):
        numbers = np.arange(len(course.over))
    order = np.argsort(course.over[numbers], kind="stable")
    return int(numbers[order[len(order) // 2]])
