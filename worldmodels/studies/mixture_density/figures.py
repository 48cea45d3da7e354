"""The study's figures, as SVG: a panel or a row of panels for each toy."""

from collections.abc import Callable, Sequence
from functools import partial

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from worldmodels.report.figures import (
    ACCENT,
    AGENT,
    ORIGINAL,
    RANDOM,
    STYLE,
    smoothed,
    svg,
)
from worldmodels.studies.mixture_density import curves, exact, train
from worldmodels.studies.mixture_density.findings import Found

_HEAT = LinearSegmentedColormap.from_list(
    "density", ["#ffffff", "#c7d6ee", AGENT, "#14284d"]
)
_POINTS = 1500  # drawn of a toy; more cannot be told apart
_BRIGHTEST = 0.99  # quantile of a density's positive values at which it is darkest
_PALE = 0.4  # of a component's shade beside its line
_DPI = 160  # of what is drawn as pixels in an SVG


def draw(found: Sequence[Found]) -> dict[str, bytes]:
    """Return the figures by their names, as in `settings.FIGURES`."""
    panels = {"data": _data, "mean": _mean, "draws": _draws}
    return {
        **{name: _pair(found, panel) for name, panel in panels.items()},
        "density": _densities(found),
        "learning": _pair(found, _learning),
        "mixtures": _mixtures(found),
        "components": _pair(found, _components, height=3.8),
    }


def _pair(
    found: Sequence[Found], panel: Callable[[Axes, Found], None], height: float = 3.3
) -> bytes:
    """Draw a panel for each toy, with one legend below them."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, height), layout="constrained", dpi=_DPI)
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, one in zip(panels, found, strict=True):
            panel(axes, one)
            axes.set_title(f"toy {one.toy}{axes.get_title(loc='left')}")
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            legend = figure.legend(
                handles, labels, loc="outside lower center", ncols=len(labels)
            )
            for handle in legend.legend_handles:
                handle.set_alpha(1)
        return svg(figure)


def _places(found: Found) -> np.ndarray:
    return curves.places(found.toy, found.stores[0].config["test_points"])


def _scatter(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, name: str) -> None:
    axes.scatter(
        x[:_POINTS], y[:_POINTS], s=5, color=colour, alpha=0.5, lw=0, label=name,
        rasterized=True,
    )  # fmt: skip
    axes.set(xlabel="x", ylabel="y")


def _seen(axes: Axes, found: Found) -> None:
    """Draw what the first seed learnt from."""
    seed, store = found.stores[0].config["seeds"][0], found.stores[0]
    x, y = train.points(found.toy, seed, store.config[found.toy]["points"])
    _scatter(axes, x, y, RANDOM, "points to learn from")


def _data(axes: Axes, found: Found) -> None:
    _seen(axes, found)
    axes.set_title(f", {found.stores[0].config[found.toy]['points']:,} points")


def _mean(axes: Axes, found: Found) -> None:
    x = _places(found)
    _seen(axes, found)
    y = exact.at(found.toy, x).mean
    axes.plot(x, y, "--", color=ORIGINAL, lw=1.6, label="exact mean")
    y = curves.mean(found.store(found.squared), x)
    axes.plot(x, y, color=AGENT, lw=1.8, label="learnt by squared error")
    y = curves.mean(found.store(found.mixture), x)
    axes.plot(x, y, ":", color=ACCENT, lw=1.8, label="mean of the mixture")


def _draws(axes: Axes, found: Found) -> None:
    store = found.store(found.mixture)
    x, _ = train.test_points(found.toy, store.config["test_points"])
    _scatter(axes, x, curves.drawn(store, x), AGENT, "draws of the mixture, at new x")
    axes.set_title(f", K {found.shown}")


def _densities(found: Sequence[Found]) -> bytes:
    """Draw p(y | x) of each toy, exact and learnt."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 6.2), layout="constrained", dpi=_DPI)
        rows = figure.subplots(len(found), 2, squeeze=False)
        for (left, right), one in zip(rows, found, strict=True):
            x = _places(one)
            y, true = curves.exact_density(one.toy, x)
            learnt = curves.density(one.store(one.mixture), x, y)
            heat = partial(_heat, x=x, y=y, top=_top(true))
            heat(left, true, title=f"toy {one.toy}, exact")
            image = heat(right, learnt, title=f"toy {one.toy}, K {one.shown}")
            left.set_ylabel("y")
            right.tick_params(labelleft=False)
            bar = figure.colorbar(image, ax=(left, right), pad=0.01, extend="max")
            bar.set_label("p(y | x)")
            bar.outline.set_visible(False)
        return svg(figure)


def _mixtures(found: Sequence[Found]) -> bytes:
    """Draw p(y | x) that networks of each K learnt, a row for each toy."""
    columns = max(len(one.networks) for one in found) - 1
    with matplotlib.rc_context(STYLE):
        size = (9.2, 2.5 * len(found))
        figure = Figure(figsize=size, layout="constrained", dpi=_DPI)
        rows = figure.subplots(
            len(found), columns, squeeze=False, sharex="row", sharey="row"
        )
        for axes, one in zip(rows, found, strict=True):
            x = _places(one)
            y, true = curves.exact_density(one.toy, x)
            for panel in axes[len(one.networks) - 1 :]:
                panel.set_axis_off()
            for panel, network in zip(axes, one.networks[1:], strict=False):
                learnt = curves.density(one.store(network), x, y)
                title = f"{one.toy}, K {network.mixtures}: {network.nll[0]:.2f}"
                _heat(panel, learnt, x=x, y=y, top=_top(true), title=title)
            axes[0].set_ylabel("y")
        return svg(figure)


def _top(density: np.ndarray) -> float:
    """Return the density that is drawn darkest: a few places are far denser."""
    return float(np.quantile(density[density > 0], _BRIGHTEST))


def _heat(
    axes: Axes,
    density: np.ndarray,
    *,
    x: np.ndarray,
    y: np.ndarray,
    top: float,
    title: str,
) -> AxesImage:
    """Draw a density [N, M] at x [N] and y [M]."""
    axes.grid(visible=False)
    axes.set(title=title, xlabel="x")
    return axes.imshow(
        density.T, cmap=_HEAT, norm=PowerNorm(0.5, 0, top), aspect="auto",
        extent=(x[0], x[-1], *_ends(y)), origin="lower", interpolation="nearest",
    )  # fmt: skip


def _ends(y: np.ndarray) -> tuple[float, float]:
    half = (y[1] - y[0]) / 2
    return y[0] - half, y[-1] + half


def _learning(axes: Axes, found: Found) -> None:
    for values, colour, name in (
        (found.mixture.loss, RANDOM, "points that are learnt"),
        (found.mixture.held_out, AGENT, "points that are not"),
    ):
        steps, _, smooth = smoothed(np.asarray(values, np.float64))
        axes.plot(steps, smooth, color=colour, lw=1.6, label=name)
    true = found.truth.nll
    axes.axhline(true, color=ORIGINAL, ls="--", lw=1.4, label="exact density")
    axes.set(xlabel="update", ylabel="NLL, nats", title=f", K {found.shown}")
    axes.margins(x=0.01)
    # The first updates, far worse, would press the rest into a line.
    axes.set_ylim(*_zoomed(found.mixture.held_out, true))


def _zoomed(values: np.ndarray, true: float) -> tuple[float, float]:
    top = float(np.quantile(smoothed(np.asarray(values, np.float64))[2], 0.97))
    return true - 0.08 * (top - true), top


def _components(axes: Axes, found: Found) -> None:
    x, (low, high) = _places(found), _ends(exact.midpoints(found.toy))
    margin = 0.06 * (high - low)
    y = np.linspace(low - margin, high + margin, curves.ROWS)
    parts = curves.components(found.store(found.mixture), x)
    # The weightiest first: ten colours, and as many are seldom in use.
    order = np.argsort(-parts.weight.mean(axis=0))
    picture = np.ones((len(y), len(x), 3))
    for number, which in enumerate(order):
        weight, mean, std = (part[:, which] for part in parts)
        colour = np.array(matplotlib.colormaps["tab10"](number % 10)[:3])
        strength = np.sqrt(weight.clip(0, 1))  # else a fifth could hardly be seen
        shade = np.exp(-0.5 * ((y[:, None] - mean) / std) ** 2)
        alpha = (_PALE * strength * shade)[..., None]
        picture = picture * (1 - alpha) + colour * alpha
        axes.add_collection(_line(x, mean, colour, strength))
    axes.imshow(picture, extent=(x[0], x[-1], *_ends(y)), aspect="auto", origin="lower")
    axes.grid(visible=False)
    axes.set(
        xlabel="x", ylabel="y", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]),
        title=f", K {found.shown}",
    )  # fmt: skip


def _line(
    x: np.ndarray, y: np.ndarray, colour: np.ndarray, strength: np.ndarray
) -> LineCollection:
    """Return a line through places [N], as strong in each as told."""
    places = np.stack([x, y], -1)
    steps = np.stack([places[:-1], places[1:]], axis=1)
    shades = LinearSegmentedColormap.from_list("", [(*colour, 0), (*colour, 1)])
    return LineCollection(
        steps, array=strength[1:], cmap=shades, clim=(0, 1), linewidths=1.6,
        rasterized=True,
    )  # fmt: skip
