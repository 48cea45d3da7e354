"""Curves of runs over each other: C's tested means, V's loss, M's likelihood."""

from collections.abc import Callable

import numpy as np

from worldmodels.report import training
from worldmodels.report.comparison import figures
from worldmodels.report.comparison.figures import Curve
from worldmodels.report.comparison.runs import Compared
from worldmodels.report.page import Picture, escape
from worldmodels.scores.curves import tested_means
from worldmodels.stores.run_folders import SeedStores
from worldmodels.stores.searches import tested_in_dream

Segments = list[tuple[np.ndarray, np.ndarray]]  # places and values, one a round


def section(compared: Compared) -> str:
    """Return the pictures that can be drawn of what is there, or a sentence."""
    pictures = [
        picture.html()
        for picture in (_tested(compared), _losses(compared))
        if picture is not None
    ]
    return "".join(pictures) or "<p>No run has trained anything yet.</p>"


def _curves(
    compared: Compared, segments: Callable[[SeedStores], Segments]
) -> list[Curve]:
    found = [
        Curve(name, n, [s for seed in run.seeds if (s := segments(seed))])
        for n, (name, run) in enumerate(compared.runs)
    ]
    return [curve for curve in found if curve.seeds]


def tested(seed: SeedStores) -> Segments:
    """Return generations [S] of all rounds so far and the tested means' scores [S]."""
    rounds = tested_means([*seed.stores("controller")])
    return [(found.at, found.returns) for found in rounds if len(found.at)]


def _tested(compared: Compared) -> Picture | None:
    curves = _curves(compared, tested)
    if not curves:
        return None
    several = any(len(curve.seeds) > 1 for curve in curves)
    ends = "; ".join(
        f"{curve.name} ends at {np.mean([s[-1][1][-1] for s in curve.seeds]):.1f} "
        f"after {max(int(s[-1][0][-1]) for s in curve.seeds)} generations"
        for curve in curves
    )
    legend = " Thin: each seed; strong: their mean." if several else ""
    return Picture(
        figures.tested(curves, compared.score), "image/svg+xml",
        f"Score of the search's tested mean by generation, of each run: {ends}.",
        "<b>Tested means by generation</b>, through all rounds, on the "
        f"{compared.place}s that selection has (those of the table are others)."
        f"{_where(compared)} A gap in a line is the next round.{legend}",
    )  # fmt: skip


def _where(compared: Compared) -> str:
    """Return where runs were tested, if not all in the game or its simulator."""
    places = {
        name: sorted(
            {
                "M's dream" if tested_in_dream(b.config) else "the game"
                for s in run.seeds
                for b in s.stores("controller")
            }
        )
        for name, run in compared.runs
    }
    if not any("M's dream" in found for found in places.values()):
        return ""
    told = ", ".join(
        f"{escape(n)} in {' and '.join(f)}" for n, f in places.items() if f
    )
    return f" The means were tested: {told}."


def history(kind: str, metric: str) -> Callable[[SeedStores], Segments]:
    """Return a function of a training that returns a metric by update."""

    def segments(seed: SeedStores) -> Segments:
        found, before = [], 0
        for store in seed.stores(kind):
            if not store.config["epochs"]:
                continue  # one test of a network that is left as it was
            values = store.read(f"history/{metric}").astype(np.float64)
            found.append((before + np.arange(1, len(values) + 1), values))
            before += len(values)
        return found

    return segments


def _losses(compared: Compared) -> Picture | None:
    panels = {
        "V's loss": _curves(compared, history("vision", "loss")),
        "M's NLL, nats per dimension": _curves(compared, history("memory", "nll")),
    }
    panels = {title: curves for title, curves in panels.items() if curves}
    if not panels:
        return None
    ends = "; ".join(
        f"{title} of {curve.name} ends at "
        f"{np.mean([training.last(s[-1][1]) for s in curve.seeds]):.4g}"
        for title, curves in panels.items()
        for curve in curves
    )
    return Picture(
        figures.losses(panels), "image/svg+xml", f"Training curves: {ends}.",
        "<b>Training of V and M</b>, by update through all rounds, each the mean "
        "of the 2 % of a round's updates around. V's loss is of each V's own frames, "
        "and M's of its own V's latents.",
    )  # fmt: skip
