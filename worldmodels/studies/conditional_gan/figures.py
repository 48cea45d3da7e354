"""The study's figures: pictures as PNG and GIF, curves as SVG."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.pictures import grids, video
from worldmodels.report.figures import (
    ACCENT,
    AGENT,
    ORIGINAL,
    RANDOM,
    STYLE,
    smoothed,
    svg,
)
from worldmodels.studies.conditional_gan import choices
from worldmodels.studies.conditional_gan.painting import Painter, paint

_SCALE = 3  # of the pictures' pixels
_FRAMES_PER_SECOND = 5
_STEPS = 9  # of a morph
_LAYERS = (AGENT, ORIGINAL, ACCENT, "#c2410c", "#6d4aa3", "#0e7490", "#be185d", RANDOM)


def grid(known: Painter, settings: np.ndarray, z: np.ndarray) -> bytes:
    """Draw a row for each setting of labels [R, L] and a column for each z [C, Z]."""
    images = paint(known, *choices.grid(settings, z))
    return _png(images, len(settings))


def between_labels(known: Painter, pairs: np.ndarray, z: np.ndarray) -> bytes:
    """Draw one z [Z] while labels go from one setting to another, pairs [K, 2, L]."""
    ways = np.concatenate([choices.between(*pair, _STEPS) for pair in pairs])
    return _png(paint(known, np.tile(z, (len(ways), 1)), ways), len(pairs))


def between_z(known: Painter, settings: np.ndarray, z: np.ndarray) -> bytes:
    """Draw each setting [R, L] while z goes through three [3, Z], one after another."""
    first, second = (choices.around(*pair, _STEPS // 2 + 1) for pair in (z[:2], z[1:]))
    way = np.concatenate([first, second[1:]])
    return _png(paint(known, *choices.grid(settings, way)), len(settings))


def rows(*images: np.ndarray) -> bytes:
    """Draw rows of pictures uint8 [C, H, W, 3]."""
    return grids.png(grids.grid(np.stack(images), _SCALE))


def _png(images: np.ndarray, rows: int) -> bytes:
    frames = images.reshape(rows, -1, *images.shape[1:])
    return grids.png(grids.grid(frames, _SCALE))


def along(film: np.ndarray) -> bytes:
    """Return the grid along a training, uint8 [F, R, C, H, W, 3], as a GIF."""
    frames = (grids.grid(frame) for frame in film)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "along.gif")
        video.write(path, frames, _FRAMES_PER_SECOND)
        return path.read_bytes()


def curves(history: Mapping[str, np.ndarray]) -> bytes:
    """Draw losses, D's mean scores and the estimated norm of each layer by update.

    Args:
        history: of a training, by metric [updates].
    """
    sigma = {
        name.removeprefix("sigma."): values
        for name, values in history.items()
        if name.startswith("sigma.")
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.9), layout="constrained")
        losses, scores, norms = figure.subplots(1, 3)
        _lines(losses, {"D": history["loss"], "G": history["generator_loss"]})
        losses.set_title("loss")
        _lines(scores, {"real": history["score_real"], "drawn": history["score_drawn"]})
        scores.set_title("mean score of D")
        _lines(norms, sigma)
        norms.set_title("largest singular value")
        norms.set_ylim(bottom=0)
        norms.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.2)
        return svg(figure)


def _lines(axes: Axes, lines: Mapping[str, np.ndarray]) -> None:
    for (name, values), colour in zip(lines.items(), _LAYERS * 4, strict=False):
        steps, raw, smooth = smoothed(np.asarray(values, np.float64))
        axes.plot(steps, raw, color=colour, alpha=0.2, lw=0.7)
        axes.plot(steps, smooth, color=colour, lw=1.5, label=name.replace("_", " "))
    axes.set_xlabel("update")
    axes.margins(x=0.01)
    axes.legend(loc="best", handlelength=1.2)


def described(names: tuple[str, ...], settings: Sequence[np.ndarray]) -> list[str]:
    """Return the settings of labels in words, one a row of a grid."""
    return [choices.words(names, setting) for setting in settings]
