"""What the arms score, as tables to read and as JSON."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from worldmodels.runtime.wording import count
from worldmodels.scores import tables
from worldmodels.scores.statistics import MeanOfSeeds
from worldmodels.studies.curiosity.findings import (
    METRONOME,
    OPTIMUM_LENGTH,
    OPTIMUM_TAIL,
    PAST,
    PILOT,
    Found,
)

Rows = list[tuple[str, ...]]
TITLES = {
    "vector": "PixelCopter, seven numbers of its state",
    "pixels": "PixelCopter, pixels",
    "carracing": "CarRacing, pixels",
}
_NONE = "never"


def words(value: MeanOfSeeds) -> str:
    """Return a mean with its interval over the seeds."""
    if np.isnan(value.mean):
        return "none died"
    if value.interval is None:
        return f"{value.mean:.1f}"
    low, high = value.interval
    return f"{value.mean:.1f} ({low:.1f} to {high:.1f})"


def by_world(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Return what was found by world, in its order."""
    groups = groupby(found, key=lambda one: one.world)
    return {world: list(given) for world, given in groups}


def scores(found: Sequence[Found]) -> Rows:
    """Return what the arms of a world score, beside two policies that learn nothing."""
    head = ("arm", "return", "likeliest actions", "steps", "alive at the limit")
    rows = [head, *map(_score, found)]
    if found[0].world != "carracing":
        rows.append(("metronome, blind", f"{METRONOME:.1f}", "", "109", ""))
        rows.append(("simple pilot", f"{PILOT:.0f}", "", "246", ""))
    return rows


def _score(one: Found) -> tuple[str, ...]:
    return (
        one.title,
        words(one.score),
        f"{one.likeliest.mean():.1f}",
        f"{one.length.mean():.0f}",
        f"{100 * (1 - one.died.mean()):.0f} %",
    )


def ends(found: Sequence[Found]) -> Rows:
    """Return how the arms of a world end, and how they came past the optimum."""
    head = (
        "arm", "steps without an up before death", "ups in the first five steps",
        "ends in the optimum", "share of training there", "past it after",
    )  # fmt: skip
    return [head, *map(_end, found)]


def _end(one: Found) -> tuple[str, ...]:
    passed = one.passed
    came = np.isfinite(passed)
    after = _NONE
    if came.any():
        after = f"{np.mean(passed[came]) / 1000:,.0f}k steps"
        if not came.all():
            after += f" ({came.sum()} of {len(came)})"
    return (
        one.title,
        words(one.tail_of_dead),
        f"{100 * one.early.mean():.0f} %",
        f"{one.ends_stuck.sum()} of {len(one.seeds)} seeds",
        f"{100 * one.stuck.mean():.0f} %",
        after,
    )


def cost(found: Sequence[Found]) -> Rows:
    """Return what a training of each arm took."""
    head = (
        "world",
        "arm",
        "steps",
        "weights of the agent",
        "minutes",
        "steps a second",
    )
    rows = [head]
    for one in found:
        steps = int(one.steps[-1])
        rate = steps / max(60 * one.minutes, 1e-9)
        rows.append(
            (
                one.world,
                one.title,
                f"{steps:,}",
                f"{one.parameters:,}",
                f"{one.minutes:.1f}",
                f"{rate:,.0f}",
            )
        )
    return rows


def legend(found: Sequence[Found]) -> str:
    """Return what the numbers are."""
    one = found[0]
    low, high = OPTIMUM_LENGTH
    return (
        f"Mean returns over {one.returns.shape[1]} unseen levels and "
        f"{count(len(one.seeds), 'seed')}, actions drawn, with Student's 95 % "
        "interval over the seeds. In the optimum: episodes of "
        f"{low:.0f} to {high:.0f} steps, the last {OPTIMUM_TAIL:.0f} or more without "
        f"an up. Past it: the episodes of a rollout earn {PAST:.0f} in the mean, which "
        "nobody earns who stops going up."
    )


def text(found: Sequence[Found]) -> str:
    """Return all tables to read."""
    lines = [legend(found), ""]
    for world, given in by_world(found).items():
        lines += [TITLES[world], *tables.aligned(scores(given)), ""]
        if world != "carracing":
            lines += ["How they end", *tables.aligned(ends(given)), ""]
    return "\n".join([*lines, *tables.aligned(cost(found))]) + "\n"


def data(found: Sequence[Found]) -> dict[str, Any]:
    """Return all scores as JSON values."""

    def number(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return {
        "metronome": METRONOME,
        "pilot": PILOT,
        "arms": [
            {
                "world": one.world,
                "arm": one.arm,
                "seeds": list(one.seeds),
                "return": one.returns.mean(axis=1).tolist(),
                "likeliest": one.likeliest.mean(axis=1).tolist(),
                "length": one.length.mean(axis=1).tolist(),
                "tail": number(one.tail_of_dead.mean),
                "early": one.early.mean(axis=1).tolist(),
                "ends_in_optimum": one.ends_stuck.tolist(),
                "in_optimum": one.stuck.tolist(),
                "past_after": [number(steps) for steps in one.passed],
                "steps": int(one.steps[-1]),
                "minutes": one.minutes,
            }
            for one in found
        ],
    }
