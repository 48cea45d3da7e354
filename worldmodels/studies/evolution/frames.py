"""One generation of a search in the plane: optimum, population, mean and ellipse.

Around them is Schaffer's function in shades of grey, light where it is low. A smaller
picture follows the mean, and shows as much as the distribution covers.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.pictures import grids

_SIDE, _INSET, _HEADER = 400, 150, 44  # pixels
_FINER = 2  # times as large as it is drawn, so that lines are smooth
_HALF = 18.0  # of what is seen
_SHADES = np.linspace(252, 140, 9).astype(np.uint8)  # from f = 0 to f = 1
_RED, _GREEN, _BLUE = (200, 40, 40), (20, 140, 70), (30, 80, 200)
_INK, _PAPER, _LINE = (32, 36, 44), (255, 255, 255), (90, 96, 108)
_WIDTH = 4.0  # deviations that the smaller picture shows to either side
_LEAST = 0.05
_BLUR = 1.2  # pixels to either side that a shade is the mean over


@dataclass(frozen=True)
class Scene:
    """What stays the same in all pictures of a search."""

    title: str
    optimum: np.ndarray  # [2]
    ground: np.ndarray  # [S, S, 3] uint8

    @classmethod
    def of(cls, title: str, optimum: np.ndarray) -> "Scene":
        """Return the scene around the origin and the optimum [2]."""
        optimum = np.asarray(optimum, np.float64)
        ground = shaded(optimum / 2, _HALF, optimum, _SIDE)
        return cls(title, optimum, ground)

    def drawn(
        self,
        generation: int,
        best: float,
        population: np.ndarray,
        mean: np.ndarray,
        covariance: np.ndarray,
    ) -> np.ndarray:
        """Return the picture of a generation, uint8 [H, W, 3].

        Args:
            best: smallest f so far.
            population: [P, 2].
            mean: [2], and `covariance` [2, 2], that the population was drawn with.
        """
        things = population, mean, covariance
        size = _FINER * _SIDE, _FINER * (_SIDE + _HEADER)
        image = Image.new("RGB", size, _PAPER)
        view = self._view(self.ground, self.optimum / 2, _HALF, *things)
        image.paste(view, (0, _FINER * _HEADER))
        spread = float(np.sqrt(max(np.linalg.eigvalsh(covariance)[-1], 0.0)))
        half = min(max(_WIDTH * spread, _LEAST), _HALF)
        centre = np.asarray(mean, np.float64)
        ground = shaded(centre, half, self.optimum, _INSET)
        inset = self._view(ground, centre, half, *things)
        corner = _FINER * (_SIDE - _INSET - 8), _FINER * (_HEADER + 8)
        if self.optimum[1] > 0:  # the optimum is above: the corner below is free
            corner = corner[0], _FINER * (_HEADER + _SIDE - _INSET - 8)
        image.paste(inset, corner)
        pen = ImageDraw.Draw(image)
        ends = (*corner, *(c + _FINER * _INSET for c in corner))
        pen.rectangle(ends, outline=_LINE, width=_FINER)
        self._header(pen, generation, best, len(population), half)
        image = image.resize((_SIDE, _SIDE + _HEADER), Image.Resampling.BOX)
        return np.asarray(image)

    def _view(
        self,
        ground: np.ndarray,
        centre: np.ndarray,
        half: float,
        population: np.ndarray,
        mean: np.ndarray,
        covariance: np.ndarray,
    ) -> Image.Image:
        # Its shades stay few, for a small file: only what is drawn on it is smooth.
        image = Image.fromarray(grids.enlarge(ground, _FINER))
        pen, side = ImageDraw.Draw(image), _FINER * len(ground)

        def at(x: np.ndarray) -> np.ndarray:
            place = (np.asarray(x, np.float64) - centre) / (2 * half) + 0.5
            return side * np.stack([place[..., 0], 1 - place[..., 1]], axis=-1)

        outline = at(ellipse(mean, covariance))
        pen.line([tuple(p) for p in outline], fill=_INK, width=_FINER)
        for place in at(population):
            _dot(pen, place, 2 * _FINER, _RED)
        _dot(pen, at(self.optimum), 4 * _FINER, _BLUE)
        _dot(pen, at(mean), 3 * _FINER, _GREEN)
        return image

    def _header(
        self,
        pen: ImageDraw.ImageDraw,
        generation: int,
        best: float,
        count: int,
        half: float,
    ) -> None:
        font, small = (ImageFont.load_default(_FINER * size) for size in (15, 12))
        right = _FINER * (_SIDE - 8)
        pen.text((_FINER * 8, _FINER * 5), self.title, _INK, font)
        told = f"generation {generation}, {generation * count:,} evaluations"
        pen.text((right, _FINER * 6), told, _INK, small, anchor="ra")
        pen.text((_FINER * 8, _FINER * 26), f"best f {best:.1e}", _INK, small)
        told = f"small picture: {2 * half:.2g} wide"
        pen.text((right, _FINER * 26), told, _LINE, small, anchor="ra")


def shaded(
    centre: np.ndarray, half: float, optimum: np.ndarray, side: int
) -> np.ndarray:
    """Return Schaffer's function around `centre` [2] as shades, uint8 [S, S, 3].

    Far from the optimum its waves are finer than a pixel, and read at points they would
    make other stars like the optimum's. So each pixel has a mean around it.
    """
    along = np.linspace(-half, half, side)
    x, y = np.meshgrid(centre[0] + along, centre[1] - along)
    width = _BLUR * 2 * half / side
    f = mean_around(x - optimum[0], y - optimum[1], width)
    levels = np.clip((f * len(_SHADES)).astype(int), 0, len(_SHADES) - 1)
    return np.repeat(_SHADES[levels][..., None], 3, axis=-1)


def mean_around(u: np.ndarray, v: np.ndarray, width: float) -> np.ndarray:
    """Return the mean of Schaffer's function around (u, v), weighted by a tent.

    The tent falls to 0 at `width` to either side.

    sin^2 w is (1 - cos 2 w) / 2, and w is nearly linear there, with slopes 2 u and
    -2 v: the mean of the cosine is its middle times a squared sinc for each side.
    """
    fading = np.sinc(2 * u * width / np.pi) * np.sinc(2 * v * width / np.pi)
    waves = (1 - np.cos(2 * (u**2 - v**2)) * fading**2) / 2
    return 0.5 + (waves - 0.5) / (1 + 0.001 * (u**2 + v**2)) ** 2


def ellipse(mean: np.ndarray, covariance: np.ndarray, count: int = 73) -> np.ndarray:
    """Return points [count, 2] two deviations from a normal distribution's mean."""
    angle = np.linspace(0, 2 * np.pi, count)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    values, axes = np.linalg.eigh(np.asarray(covariance, np.float64))
    root = axes * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(mean, np.float64) + 2 * circle @ root.T


def _dot(
    pen: ImageDraw.ImageDraw, place: np.ndarray, radius: float, colour: tuple
) -> None:
    x, y = map(float, place)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
