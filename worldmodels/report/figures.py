"""The report's charts: plain arrays in, an SVG or PNG file's bytes out."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from worldmodels.environments.games import Game
from worldmodels.scores.statistics import Summary

AGENT, RANDOM, ACCENT, ORIGINAL = "#2e5eaa", "#9aa1ab", "#2f855a", "#b7791f"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#b8bec8",
    "axes.labelcolor": "#3c4350",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.color": "#e8eaee",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "xtick.labelcolor": "#3c4350",
    "ytick.labelcolor": "#3c4350",
    # The same data give the same bytes: no random ids, no date.
    "svg.hashsalt": "worldmodels",
}
_COLUMNS = 200  # of colours, that can be told apart
_CURVE_POINTS = 400  # more cannot be told apart, and would swell the SVG


def loss_curves(history: Mapping[str, np.ndarray], log: Sequence[str] = ()) -> bytes:
    """Draw one panel a metric of a training, as SVG.

    Args:
        history: a metric [steps] by its title; each is drawn raw and as the mean of
            nearby steps.
        log: the titles whose axis is logarithmic.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.5), layout="constrained")
        panels = figure.subplots(1, len(history), squeeze=False)[0]
        for axes, (title, values) in zip(panels, history.items(), strict=True):
            steps, raw, smooth = smoothed(np.asarray(values, np.float64))
            axes.plot(steps, raw, color=AGENT, alpha=0.25, linewidth=0.8)
            axes.plot(steps, smooth, color=AGENT, linewidth=1.6)
            axes.set(title=title, xlabel="update")
            if title in log and (raw > 0).all():
                axes.set_yscale("log")
                for axis_format in (
                    axes.yaxis.set_major_formatter,
                    axes.yaxis.set_minor_formatter,
                ):
                    axis_format(LogFormatter(minor_thresholds=(1.5, 0.5)))
            axes.margins(x=0.01)
        return svg(figure)


def gradient_norms(norms: Mapping[str, np.ndarray]) -> bytes:
    """Draw the norms [U] of each parameter's gradient as a row of colours, as SVG.

    A column is the geometric mean of nearby updates. What is 0 or not finite in all of
    them is left white.
    """
    count = len(next(iter(norms.values())))
    parts = np.array_split(np.arange(count), min(count, _COLUMNS))
    with np.errstate(divide="ignore"):
        logs = np.ma.masked_invalid(np.log10(np.stack([*norms.values()])))
    means = np.ma.stack([logs[:, part].mean(axis=1) for part in parts], axis=1)
    low, high = means.min(), means.max()
    if not low < high:  # one colour, or none
        low, high = (-0.5, 0.5) if np.ma.is_masked(low) else (low - 0.5, low + 0.5)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 1.1 + 0.2 * len(norms)), layout="constrained")
        axes = figure.subplots()
        axes.grid(False)
        shown = axes.imshow(
            means, vmin=low, vmax=high, aspect="auto", interpolation="nearest",
            cmap="viridis", extent=(0.5, count + 0.5, len(norms) - 0.5, -0.5),
        )  # fmt: skip
        axes.set_yticks(range(len(norms)), list(norms))
        axes.set(xlabel="update")
        axes.xaxis.get_major_locator().set_params(integer=True)
        bar = figure.colorbar(shown, ax=axes, pad=0.01)
        bar.ax.yaxis.get_major_locator().set_params(integer=True, nbins=6)
        bar.ax.yaxis.set_major_formatter(
            lambda power, _: f"{float(f'{10**power:.2g}'):g}"
        )
        bar.set_label("norm")
        return svg(figure)


def smoothed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, every k-th value, and the mean of the 2 % around each."""
    width = max(1, len(values) // 50)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    steps = np.arange(0, len(values), max(1, len(values) // _CURVE_POINTS))
    low = np.maximum(steps - width // 2, 0)
    high = np.minimum(steps + width // 2 + 1, len(values))
    return steps + 1, values[steps], (sums[high] - sums[low]) / (high - low)


def fitness(
    fitness: np.ndarray,
    selection_generation: np.ndarray,
    selection_returns: np.ndarray,
    selection: str,
    game: Game,
) -> bytes:
    """Draw an evolution by generation as SVG, beside the original's where published.

    Args:
        selection: what a mean is tested on, one of them.
        fitness: [G, P] mean return of each candidate of each generation.
        selection_generation: [S] generations done when the search's mean was tested.
        selection_returns: [S, E] its returns on the selection tracks.
    """
    generations = np.arange(1, len(fitness) + 1)
    lower, upper = np.quantile(fitness, (0.25, 0.75), axis=1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(
            generations, lower, upper, color=AGENT, alpha=0.15, linewidth=0,
            label="population, quartiles",
        )  # fmt: skip
        axes.plot(
            generations, fitness.mean(axis=1), color=AGENT, lw=1.6,
            label="population, mean",
        )  # fmt: skip
        axes.plot(
            generations, fitness.max(axis=1), color=AGENT, lw=1, ls=":",
            label="population, best",
        )  # fmt: skip
        means = selection_returns.mean(axis=1)
        axes.plot(
            selection_generation, means, "o-", color=ACCENT, lw=1.6, ms=4.5,
            label=f"tested mean, {selection}s",
        )  # fmt: skip
        if game.published:
            _draw_published(axes, len(fitness), game.published)
        axes.set(xlabel="generation", ylabel=game.score)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def _draw_published(
    axes: Axes, generations: int, published: Sequence[tuple[int, float]]
) -> None:
    reached = [at <= generations for at, _ in published]
    shown = max(2, sum(reached) + (not all(reached)))
    axes.plot(
        *zip(*published[:shown], strict=True), "s--", color=ORIGINAL,
        lw=1, ms=3.5, label="the original's CMA mean",
    )  # fmt: skip
    # The original's later points would press ours into a corner.
    axes.set_xlim(0, max(generations, published[0][0]) * 1.03 + 1)
    axes.axhline(0, color="#b8bec8", lw=0.8, zorder=1)


def returns_histogram(
    agent: np.ndarray,
    random: np.ndarray,
    agent_mean: Summary,
    random_mean: Summary,
    game: Game,
) -> bytes:
    """Draw the returns [N] of agent and random policy on the same tracks, as SVG."""
    everything = np.concatenate([agent, random])
    edges = np.histogram_bin_edges(everything, bins=min(40, 10 + len(agent) // 2))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.9), layout="constrained")
        axes = figure.subplots()
        for returns, summary, colour, name in (
            (random, random_mean, RANDOM, "random policy"),
            (agent, agent_mean, AGENT, "agent"),
        ):
            axes.hist(
                returns, edges, color=colour, alpha=0.6, label=name,
                edgecolor="white", linewidth=0.6,
            )  # fmt: skip
            axes.axvline(summary.mean, color=colour, lw=1.8)
            axes.axvspan(summary.low, summary.high, color=colour, alpha=0.18, lw=0)
        axes.set(xlabel=f"{game.score} of one drive", ylabel=f"{game.place}s")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def scores_by_round(
    rounds: Sequence[int],
    agent: Sequence[Summary],
    random: Sequence[Summary],
    game: Game,
) -> bytes:
    """Draw mean return and interval of each round's agent, as SVG."""
    lines = ("random policy", RANDOM, random), ("agent", AGENT, agent)
    return scores("round", rounds, lines, game)


def scores(
    along: str,
    at: Sequence[float],
    lines: Sequence[tuple[str, str, Sequence[Summary]]],
    game: Game,
) -> bytes:
    """Draw mean returns and their intervals, as SVG.

    Args:
        along: what the horizontal axis is.
        at: [N] places along it.
        lines: name, colour and N scores each.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.9), layout="constrained")
        axes = figure.subplots()
        for name, colour, summaries in lines:
            means = np.array([s.mean for s in summaries])
            spread = np.array([[s.mean - s.low, s.high - s.mean] for s in summaries]).T
            axes.errorbar(
                at, means, spread.clip(min=0), fmt="o-", color=colour, capsize=4,
                lw=1.6, label=f"{name}, 95 % interval",
            )  # fmt: skip
        axes.set(xlabel=along, ylabel=f"mean {game.score}")
        axes.set_xticks(list(at))
        axes.margins(x=0.1)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def svg(figure: Figure) -> bytes:
    """Return a figure as an SVG file, drawn in the style of `STYLE`."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
