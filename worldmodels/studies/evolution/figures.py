"""The study's charts, as SVG: rates, courses, where searches end, and their paths."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.report.figures import ACCENT, AGENT, ORIGINAL, RANDOM, STYLE, svg
from worldmodels.scores.shares import Share
from worldmodels.studies.evolution.findings import Beside, Chains, Rate
from worldmodels.studies.evolution.frames import shaded
from worldmodels.studies.evolution.functions import FUNCTIONS

_COLOURS = (AGENT, ACCENT, ORIGINAL, "#6d4aa3", RANDOM, "#be3e36", "#0e7490")
_GRID = 240  # points a side of a shaded ground
_FLOOR = 1e-6  # of f, on a logarithmic axis


def rates(panels: Sequence[tuple[str, dict[str, Sequence[Rate]]]]) -> bytes:
    """Draw shares with their intervals by first step; lines by name in each panel."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for one, (title, lines) in zip(axes, panels, strict=True):
            for (name, found), colour in zip(lines.items(), _COLOURS, strict=False):
                at = [rate.case.sigma for rate in found]
                _shares(one, at, [rate.share for rate in found], name, colour)
            one.set_xscale("log")
            sigmas = sorted({r.case.sigma for found in lines.values() for r in found})
            one.set_xticks(sigmas, [f"{sigma:g}" for sigma in sigmas])
            one.set_xticks([], minor=True)
            one.set(title=title, xlabel="first step size", ylim=(-0.03, 1.03))
            one.legend(loc="lower right" if title.startswith("Seeds") else "best")
        axes[0].set_ylabel("share that found it")
        return svg(figure)


def _shares(
    axes: Axes, at: Sequence[float], shares: Sequence[Share], name: str, colour: str
) -> None:
    middle = np.array([share.share for share in shares])
    ends = np.array([[s.share - s.low, s.high - s.share] for s in shares]).T
    axes.errorbar(
        at, middle, ends.clip(min=0), fmt="o-", color=colour, capsize=3, lw=1.5,
        ms=3.5, label=name,
    )  # fmt: skip


def courses(found: Sequence[Rate], population: int) -> bytes:
    """Draw the smallest f so far by evaluations: medians, and quartiles as bands."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.1), layout="constrained")
        axes = figure.subplots()
        for rate, colour in zip(found, _COLOURS, strict=False):
            f = np.maximum(np.sqrt(rate.best), _FLOOR)
            low, middle, high = np.quantile(f, (0.25, 0.5, 0.75), axis=0)
            at = population * np.arange(1, f.shape[1] + 1)
            axes.fill_between(at, low, high, color=colour, alpha=0.13, lw=0)
            axes.plot(at, middle, color=colour, lw=1.6, label=f"{rate.case.sigma:g}")
        axes.axhline(1e-5, color=RANDOM, lw=1, ls=":", label="found")
        axes.set_yscale("log")
        axes.set(xlabel="evaluations", ylabel="smallest f so far")
        axes.legend(title="first step", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def ends(found: Sequence[tuple[str, Rate]]) -> bytes:
    """Draw where the means of searches end, on Schaffer's function."""
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(9.2, 2.9), layout="constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, (title, rate) in zip(panels, found, strict=True):
            optimum = np.array(rate.case.optimum)
            _ground(axes, optimum)
            for hit, colour in ((False, "#be3e36"), (True, ACCENT)):
                some = rate.end[rate.found == hit]
                axes.plot(*some.T, ".", color=colour, ms=2.6, alpha=0.6)
            axes.plot(0, 0, "+", color="#20242c", ms=7)
            axes.plot(*optimum, "o", mfc="none", color=AGENT, ms=8, mew=1.6)
            axes.set_title(title, fontsize=8.5)
        return svg(figure)


def _ground(axes: Axes, optimum: np.ndarray, half: float = 15.0) -> None:
    """Show Schaffer's function between the origin and its optimum."""
    centre = optimum / 2
    x, y = ((c - half, c + half) for c in centre)
    axes.imshow(shaded(centre, half, optimum, _GRID), extent=(*x, *y))
    axes.set(xlim=x, ylim=y, aspect="equal")


def paths(
    es: np.ndarray, cma: np.ndarray, names: tuple[str, str], found: Sequence[Beside]
) -> bytes:
    """Draw the means of one search of each function, a row for each kind.

    Args:
        es: [F, G, 2] of the (1, lambda)-ES, and `cma` of CMA-ES.
        names: the columns of the table that have their steps.
    """
    rates = {(one.searcher, one.function): one.late for one in found}
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(9.2, 4.9), layout="constrained")
        panels = figure.subplots(2, len(FUNCTIONS))
        for row, (mean, name) in enumerate(zip((es, cma), names, strict=True)):
            for column, function in enumerate(FUNCTIONS):
                axes = panels[row, column]
                _level(axes, column)
                axes.plot(*mean[column].T, "-", color="#be3e36", lw=0.9)
                axes.plot(*mean[column, 0], "o", color="#20242c", ms=3)
                axes.plot(*mean[column, -1], "o", color=ACCENT, ms=5)
                axes.plot(
                    *function.optimum, "o", mfc="none", color=AGENT, ms=9, mew=1.6
                )
                share = rates[name, function.name].share
                axes.set_title(f"{function.name}: {100 * share:.0f} %", fontsize=9)
            panels[row, 0].set_ylabel(name)
        return svg(figure)


def _level(axes: Axes, number: int) -> None:
    """Show a function in its box, dark where its loss is high."""
    function = FUNCTIONS[number]
    along = np.linspace(-function.box, function.box, _GRID)
    loss = np.asarray(function.loss(np.stack(np.meshgrid(along, along), axis=-1)))
    box = (-function.box, function.box)
    axes.imshow(
        loss, extent=(*box, *box), origin="lower", cmap="Greys", alpha=0.75,
        vmax=1.4 * loss.max(),
    )  # fmt: skip
    axes.set(xlim=box, ylim=box, xticks=[], yticks=[])


def restarts(found: Sequence[Chains], budget: int) -> bytes:
    """Draw the share that has found the optimum by the evaluations of all restarts."""
    sigmas = list(dict.fromkeys(chain.sigma for chain in found))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.9), layout="constrained")
        panels = figure.subplots(1, len(sigmas), sharey=True, squeeze=False)[0]
        for axes, sigma in zip(panels, sigmas, strict=True):
            some = [chain for chain in found if chain.sigma == sigma]
            for chain, colour in zip(some, _COLOURS, strict=False):
                at = np.sort(chain.evaluations[chain.found])
                share = np.arange(1, len(at) + 1) / len(chain.found)
                at, share = np.append(at, budget), np.append(share, chain.found.mean())
                axes.step(
                    np.append(0, at), np.append(0, share), where="post",
                    color=colour, lw=1.6, label=chain.schedule,
                )  # fmt: skip
            axes.set(title=f"First step {sigma:g}", xlabel="evaluations")
            axes.set(ylim=(-0.03, 1.03), xlim=(0, budget))
        panels[-1].legend(loc="center right")  # where all have found it
        panels[0].set_ylabel("share that found it")
        return svg(figure)
