"""The study's tables as rows of words, for its page and for the terminal."""

from collections.abc import Iterator, Sequence

import numpy as np

from worldmodels.runtime.wording import count
from worldmodels.scores import tables
from worldmodels.scores.statistics import Summary
from worldmodels.studies.dsprites import mutual_information, probes, published
from worldmodels.studies.dsprites.probes import LAGS, SCORES
from worldmodels.studies.dsprites.results import (
    METHODS,
    Informed,
    Learnt,
    Probed,
    Results,
    title,
)

Rows = list[tuple[str, ...]]
NAMES = published.NAMES
# The vector that the seed's probe read of each of its models, and of noise.
_SEEDS = {"random": "noise", "a": "r", "b": "M"}

LEARNT = ("model", "updates", "nats a picture", "without any input", "minutes")
TEST_1 = ("probe of", "shape error", "scale", "orientation", "x", "y")
HELD_OUT = (
    "model", "vector", "probe", "shape, right", "scale", "orientation, angle", "x", "y",
    "orientation, as shown",
)  # fmt: skip
INFORMATION = (
    "memory of", "numbers", "largest", "by chance, 95 %", "p", "above it", "planted x",
    "noise",
)  # fmt: skip
WITHOUT_POWER = ("estimate", "noise", "a constant", "x itself")


def learnt(found: Sequence[Learnt]) -> Rows:
    """Return how well each model predicts rollouts that it has not seen."""
    return [
        (
            title(one.model),
            f"{one.updates:,}",
            f"{one.held_out:.1f}",
            f"{one.baseline:.1f}",
            f"{one.seconds / 60:.1f}",
        )
        for one in found
    ]


def test_1(found: Sequence[Probed], lag: int) -> Rows:
    """Return the seed's table: Adam's errors on what it learnt from, with their gain.

    Args:
        lag: its place in `probes.LAGS`; the seed published the first alone.
    """
    chance = probes.of_chance()[: len(NAMES)]
    rows = [("chance, exactly", *(f"{value:.4g}" for value in chance))]
    if lag == 0:
        for name, errors in published.TEST_1.items():
            rows.append((f"the seed's {name}", *_errors(errors)))
    for one in found:
        if _SEEDS.get(one.model.partition("-")[0]) == one.vector:
            name = f"{title(one.model)}, {one.vector}"
            rows.append((name, *_errors(one.learnt[lag, : len(NAMES)])))
    return rows


def _errors(errors: np.ndarray) -> Iterator[str]:
    """Yield errors, each with what it gains over chance."""
    gained = 1 - errors / probes.of_chance()[: len(NAMES)]
    for error, gain in zip(errors, gained, strict=True):
        yield f"{error:.4g} ({_percent(gain)})"


def _percent(share: float) -> str:
    return f"{round(100 * share):+d} %"  # never -0


def held_out(found: Sequence[Probed], lag: int) -> Rows:
    """Return what probes gain on other rollouts, with intervals over the rollouts."""
    return [
        (title(one.model), one.vector, method, *_cells(one, method, lag))
        for one in found
        for method in METHODS
    ]


def _cells(one: Probed, method: str, lag: int) -> Iterator[str]:
    for score, gained in zip(SCORES, one.gained[method][lag], strict=True):
        if score == "shape":  # its share of right answers; by chance a third
            wrong = probes.of_chance()[0]
            yield _interval(*(1 - wrong * (1 - end) for end in _ends(gained)))
        else:
            yield _interval(*_ends(gained))


def _ends(found: Summary) -> tuple[float, float, float]:
    return found.mean, found.low, found.high


def _interval(mean: float, low: float, high: float) -> str:
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def information(found: Sequence[Informed]) -> Rows:
    """Return what the memories share with x, nats."""
    return [
        (
            title(one.model),
            f"{len(one.verdict.corrected):,}",
            f"{one.verdict.corrected.max():.4f}",
            f"{one.verdict.limit:.4f}",
            f"{one.verdict.p:.3f}",
            f"{(one.verdict.corrected > one.verdict.limit).sum():,}",
            f"{one.itself.plain[0]:.4f} of {one.itself.entropy:.4f}",
            f"{mutual_information.verdict(one.noise).corrected[0]:.4f}",
        )
        for one in found
    ]


def without_power(results: Results) -> Rows:
    """Return what simple estimates give, whatever a memory holds, nats."""
    return [
        (name, *(f"{value:.2g}" if value > 1e-8 else "0" for value in values))
        for name, values in results.without_power.items()
    ]


def text(results: Results) -> str:
    """Return all tables for a terminal."""
    parts = [
        ("Predicting the next picture, on rollouts not seen", LEARNT,
         learnt(results.learnt)),
        ("Test 1 as the seed's: errors on what the probe learnt from, and what they "
         "gain over chance", TEST_1, test_1(results.probed, 0)),
        *(
            (f"Test 1 on other rollouts, {back(lag)}: share of right shapes (chance "
             "0.333), else R²", HELD_OUT, held_out(results.probed, n))
            for n, lag in enumerate(LAGS)
        ),
        ("Test 2: mutual information with x, nats, without the mean of permutations",
         INFORMATION, information(results.informed)),
        ("Simple estimates of mutual information, nats, whatever a memory holds",
         WITHOUT_POWER, without_power(results)),
    ]  # fmt: skip
    blocks = [
        "\n".join([heading, *tables.aligned([head, *rows])])
        for heading, head, rows in parts
        if rows
    ]
    return "\n\n".join(blocks) + "\n"


def back(lag: int) -> str:
    """Return which sprite a lag means."""
    return "the sprite at t" if not lag else f"the sprite {count(lag, 'step')} before"
