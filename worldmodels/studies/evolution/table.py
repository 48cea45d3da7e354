"""What the searches found, as tables to read and as JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from worldmodels.scores import tables
from worldmodels.scores.shares import Share
from worldmodels.studies.evolution import earlier
from worldmodels.studies.evolution.findings import (
    Beside,
    Chains,
    Found,
    Rate,
    differences,
)
from worldmodels.studies.evolution.settings import (
    FORMS,
    MIRRORED,
    NEAR,
    SCALAR,
    SEEDS_SIGMA,
    TENSOR,
)

Rows = list[tuple[str, ...]]


def words(value: Share) -> str:
    """Return a share with its interval, in per cent."""
    return f"{_percent(value.share)} ({_percent(value.low)} to {_percent(value.high)})"


def _percent(share: float) -> str:
    near_an_end = 0.0005 <= share < 0.005 or 0.995 < share < 0.9995
    return f"{100 * share:.1f}" if near_an_end else f"{100 * share:.0f}"


def by_sigma(found: Found) -> Rows:
    """Return the shares of searches that found Schaffer's optimum, by first step."""
    sigmas = found.settings.sigmas
    groups: dict[tuple[Any, ...], list[Rate]] = {}
    for rate in swept(found):
        groups.setdefault((rate.case.form, rate.case.start, rate.case.parents), [])
        groups[rate.case.form, rate.case.start, rate.case.parents].append(rate)
    head = ("form, start, parents", *(f"sigma {sigma:g}" for sigma in sigmas))
    rows = []
    for (form, start, parents), rates in groups.items():
        name = f"{form}, {start}, " + (f"mu {parents}" if parents else "half repels")
        shares = {rate.case.sigma: words(rate.share) for rate in rates}
        rows.append((name, *(shares.get(sigma, "") for sigma in sigmas)))
    return [head, *rows]


def swept(found: Found) -> list[Rate]:
    """Return the rates by first step, without those that the fault alone asks for."""
    return [
        rate
        for rate in found.rates
        if rate.case.rank_one == TENSOR
        and rate.case.optimum != MIRRORED
        and rate.case.sigma in found.settings.sigmas
    ]


def evaluations(found: Found) -> Rows:
    """Return the median evaluations of the searches that found it, by first step."""
    sigmas = found.settings.sigmas
    head = ("seeds' form, near, parents", *(f"sigma {sigma:g}" for sigma in sigmas))
    near = [r for r in swept(found) if (r.case.form, r.case.start) == (FORMS[0], NEAR)]
    rows = []
    for parents in dict.fromkeys(rate.case.parents for rate in near):
        medians = {
            rate.case.sigma: "" if np.isnan(rate.median) else f"{rate.median:,.0f}"
            for rate in near
            if rate.case.parents == parents
        }
        name = f"mu {parents}" if parents else "half repels"
        rows.append((name, *(medians.get(sigma, "") for sigma in sigmas)))
    return [head, *rows]


def fault(found: Found) -> Rows:
    """Return the seeds' fault beside the right code, with the optimum either way."""
    rows = [("rank-one term of C", "optimum (10, 10)", "optimum (10, -10)")]
    for rank_one, name in (
        (TENSOR, "p p^T, as it should be"),
        (SCALAR, "p . p, the seeds'"),
    ):
        both = {
            rate.case.optimum: words(rate.share) for rate in of_fault(found, rank_one)
        }
        rows.append((name, *both.values()))
    return rows


def of_fault(found: Found, rank_one: str) -> list[Rate]:
    """Return the rates of a rank-one term at (10, 10) and at (10, -10)."""
    parents = next(r.case.parents for r in found.rates if r.case.rank_one == SCALAR)
    alike = [
        rate
        for rate in found.rates
        if rate.case[:4] == (FORMS[0], NEAR, parents, SEEDS_SIGMA)
        and rate.case.rank_one == rank_one
    ]
    return sorted(alike, key=lambda rate: rate.case.optimum == MIRRORED)


def beside(found: Sequence[Beside]) -> Rows:
    """Return what each kind of search found of each function, early and late."""
    functions = list(dict.fromkeys(one.function for one in found))
    rows: dict[str, list[str]] = {}
    for one in found:
        cell = f"{_percent(one.early.share)} / {words(one.late)}"
        rows.setdefault(one.searcher, []).append(cell)
    head = ("search", *functions)
    return [head, *((name, *cells) for name, cells in rows.items())]


def restarts(found: Sequence[Chains], budget: int) -> Rows:
    """Return what searches with restarts found, by the evaluations that they had."""
    marks = [budget // 8, budget // 4, budget // 2, budget]
    head = (
        "schedule",
        *(f"{mark:,} evaluations" for mark in marks),
        "searches begun",
    )
    rows = []
    for chain in found:
        name = f"{chain.schedule}, sigma {chain.sigma:g}"
        shares = [words(chain.by(mark)) for mark in marks]
        rows.append((name, *shares, f"{chain.begun.mean():.1f}"))
    return [head, *rows]


def compared(found: Found) -> str:
    """Return in a sentence how near the shares are to those measured before."""
    listed = differences(found)
    if not listed:
        return "No share was measured before with these settings."
    near = sum(one.size <= earlier.CLOSE for one in listed)
    overlap = sum(one.overlap for one in listed)
    worst = max(listed, key=lambda one: one.size)
    return (
        f"{near} of {len(listed)} shares are within {earlier.CLOSE} of those measured "
        f"before, of {earlier.SEARCHES} searches on Schaffer's function and of "
        f"{earlier.BESIDE_SEARCHES} on the others; "
        f"of {overlap} the 95 % intervals overlap. The largest difference is "
        f"{worst.size:.3f} ({worst.name}: {worst.found.share:.3f}, before "
        f"{worst.before:.2f})."
    )


def beyond(found: Found) -> Rows:
    """Return the shares that are farther from those measured before."""
    far = [one for one in differences(found) if one.size > earlier.CLOSE]
    rows = [
        (
            one.name,
            f"{one.found.share:.3f}",
            f"{one.before:.2f} ({one.interval.low:.2f} to {one.interval.high:.2f})",
        )
        for one in far
    ]
    head = f"farther than {earlier.CLOSE}", "here", "before, with its 95 % interval"
    return [head, *rows] if rows else []


def legend(found: Found) -> str:
    """Return what the numbers are."""
    given = found.settings
    return (
        f"% of {given.searches} searches of {given.population} candidates, with "
        f"Wilson's 95 % interval. Schaffer's optimum is found when f is at most 1e-5 "
        f"within {given.generations * given.population:,} evaluations. near: from "
        "N(0, I); box: uniform in [-20, 40]^2. half repels: the best half of the "
        "population attracts and the other half has negative weights."
    )


def text(found: Found) -> str:
    """Return all tables to read."""
    parts = [
        ("Schaffer's function, % found", by_sigma(found)),
        ("Median evaluations of those that found it", evaluations(found)),
        ("The seeds' fault, % found", fault(found)),
        (
            f"Four functions, % found within {earlier.EARLY} / {earlier.LATE} "
            "generations",
            beside(found.beside),
        ),
        (
            f"With restarts, % of {found.settings.restart_searches} found",
            restarts(found.chains, found.settings.budget),
        ),
    ]
    lines = [legend(found), ""]
    for title, rows in parts:
        lines += [title, *tables.aligned(rows), ""]
    lines.append(compared(found))
    far = beyond(found)
    return "\n".join([*lines, *(tables.aligned(far) if far else [])]) + "\n"


def data(found: Found) -> dict[str, Any]:
    """Return all shares as JSON values."""
    return {
        "schaffer": [
            {
                **rate.case._asdict(),
                **rate.share._asdict(),
                "median_evaluations": None if np.isnan(rate.median) else rate.median,
                "before": rate.before,
            }
            for rate in found.rates
        ],
        "functions": [
            {
                "function": one.function,
                "searcher": one.searcher,
                "early": one.early._asdict(),
                "late": one.late._asdict(),
                "before": one.before,
            }
            for one in found.beside
        ],
        "restarts": [
            {
                "schedule": chain.schedule,
                "sigma": chain.sigma,
                "found": chain.found.tolist(),
                "evaluations": chain.evaluations.tolist(),
                "begun": chain.begun.tolist(),
            }
            for chain in found.chains
        ],
        "compared": compared(found),
        "differences": [
            {"name": one.name, "found": one.found.share, "before": one.before}
            for one in differences(found)
        ],
    }
