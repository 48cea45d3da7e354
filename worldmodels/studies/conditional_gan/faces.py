"""Drawn faces whose five attributes are exactly known, in the form of CelebA's.

No data set can be shipped, so the study draws one: 178 x 218 pixels, eyes and mouth
near where CelebA's aligned faces have them. What a label says is independent of all
else: skin, shape, light, clothes, background, place and tilt vary with every face.
Shapes are polygons, filled on a canvas twice as wide and averaged down.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from worldmodels.runtime.randomness import generator_for

WIDTH, HEIGHT = 178, 218  # pixels, as CelebA's
NAMES = ("Male", "Smiling", "Black_Hair", "Blond_Hair", "Mustache")
_FINER = 2  # pixels of the canvas along one of a picture
_CENTRE = np.array([89.0, 118.0])  # of a face
_TURN = np.linspace(0, 2 * np.pi, 44, endpoint=False)
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=-1)
_ACROSS = np.linspace(-1, 1, 17)  # of what is drawn from left to right
_SKINS = np.array([[252, 222, 199], [238, 192, 158], [204, 148, 110], [142, 95, 68]])
_BLACK = np.array([[20, 18, 22], [38, 30, 30]])
_BLOND = np.array([[250, 222, 140], [222, 176, 84]])
_OTHER = np.array([[112, 68, 38], [150, 66, 34], [158, 154, 152], [134, 98, 66]])
_LIPS = np.array([[196, 72, 78], [168, 52, 62], [208, 104, 100]])
_IRIS = np.array([[70, 44, 28], [70, 110, 150], [84, 120, 74]])
_BROWN = np.array([62, 36, 20])
_WHITE, _DARK = np.array([250, 248, 244]), np.array([34, 24, 24])


def labels(seed: int, count: int) -> np.ndarray:
    """Return the labels of the first faces, uint8 [count, 5] in the order of `NAMES`.

    Each is there in half of the faces, but black and blond in a third each: hair that
    is neither is brown, red or grey. Nothing else is tied.
    """
    draws = generator_for(seed, 0, "conditional_gan labels").random((count, 4))
    male, smiling, mustache = (draws[:, n] < 0.5 for n in (0, 1, 3))
    black, blond = draws[:, 2] < 1 / 3, draws[:, 2] > 2 / 3
    return np.stack([male, smiling, black, blond, mustache], axis=-1).astype(np.uint8)


def face(seed: int, number: int, label: np.ndarray) -> np.ndarray:
    """Draw the face of a number with labels [5], uint8 [218, 178, 3]."""
    rng = generator_for(seed, 0, "conditional_gan faces", number)
    canvas = _Canvas(rng)
    _draw(canvas, _looks(rng, label))
    return _lit(rng, canvas.picture())


@dataclass(frozen=True)
class _Looks:
    """How one face looks: its labels, and what varies beside them.

    Attributes:
        skin, hair, lips, iris, clothes: colours [3].
        wide, tall: half the head's width and height, pixels.
        jaw: exponent of the lower outline: 1 is an ellipse, less is squarer.
        parting: of the hair, from left to right in [-1, 1].
        mouth: half its width, pixels.
        brow: how far the brows stand above the eyes, pixels.
        fringe: how far the hair comes down the forehead, pixels.
        length: of long hair below the head's centre, pixels.
    """

    male: bool
    smiling: bool
    mustache: bool
    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    clothes: np.ndarray
    wide: float
    tall: float
    jaw: float
    parting: float
    mouth: float
    brow: float
    fringe: float
    length: float


def _looks(rng: np.random.Generator, label: np.ndarray) -> _Looks:
    male, smiling, black, blond, mustache = label.astype(bool)
    # All are drawn, so that another label changes nothing else of a face.
    dark, fair = _between(rng, _BLACK), _between(rng, _BLOND)
    other = _OTHER[rng.integers(len(_OTHER))] * rng.uniform(0.9, 1.1)
    hair = dark if black else fair if blond else other
    at, part = divmod(rng.uniform(0, len(_SKINS) - 1), 1)
    skin = _mixed(_SKINS[int(at)], _SKINS[int(at) + 1], part)
    return _Looks(
        male, smiling, mustache, skin, hair,
        lips=_mixed(skin * 0.82, _between(rng, _LIPS[:2]), 0.25 if male else 0.85),
        iris=_IRIS[rng.integers(len(_IRIS))],
        clothes=rng.uniform(30, 225, 3),
        wide=rng.uniform(41, 47) + 2.5 * male,
        tall=rng.uniform(57, 64),
        jaw=rng.uniform(0.72, 0.82) if male else rng.uniform(0.94, 1.06),
        parting=rng.uniform(-0.6, 0.6),
        mouth=rng.uniform(17, 20) + 3 * smiling,
        brow=rng.uniform(12, 15),
        fringe=rng.uniform(18, 27),
        length=rng.uniform(70, 105),
    )  # fmt: skip


def _between(rng: np.random.Generator, ends: np.ndarray) -> np.ndarray:
    return _mixed(ends[0], ends[1], rng.random())


def _mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return one + (other - one) * share


def _rgb(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(colour.clip(0, 255).astype(int).tolist())


class _Canvas:
    """A picture that is drawn on, in pixels from the centre of the face."""

    def __init__(self, rng: np.random.Generator):
        angle, size = rng.normal(0, 0.05), rng.uniform(1.08, 1.22)
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        self._turned = _FINER * size * np.array(turn)
        self._centre = _FINER * (_CENTRE + rng.normal(0, 2.5, 2))
        tone = rng.uniform(70, 215) + rng.uniform(-45, 45, 3)
        size = _FINER * WIDTH, _FINER * HEIGHT
        self._image = Image.new("RGB", size, _rgb(tone))
        self._pen = ImageDraw.Draw(self._image)

    def fill(self, points: np.ndarray, colour: np.ndarray) -> None:
        """Fill the polygon of points [P, 2] with a colour [3]."""
        placed = (points @ self._turned + self._centre).ravel().tolist()
        self._pen.polygon(placed, fill=_rgb(colour))

    def ellipse(
        self, x: float, y: float, wide: float, tall: float, colour: np.ndarray
    ) -> None:
        self.fill([x, y] + _ROUND * [wide, tall], colour)

    def band(
        self, x: np.ndarray, top: np.ndarray, bottom: np.ndarray, colour: np.ndarray
    ) -> None:
        """Fill what lies between two lines over x [P], both [P]."""
        there = np.stack([x, np.broadcast_to(top, x.shape)], axis=-1)
        back = np.stack([x, np.broadcast_to(bottom, x.shape)], axis=-1)[::-1]
        self.fill(np.concatenate([there, back]), colour)

    def picture(self) -> np.ndarray:
        return np.asarray(self._image.reduce(_FINER))


def _draw(canvas: _Canvas, looks: _Looks) -> None:
    """Draw all of a face, from the back to the front."""
    (_short_hair if looks.male else _long_hair)(canvas, looks)
    _body(canvas, looks)
    _head(canvas, looks)
    _hair(canvas, looks)
    for side in (-1, 1):
        _eye(canvas, looks, side)
    _nose(canvas, looks)
    (_smile if looks.smiling else _still_mouth)(canvas, looks)
    if looks.mustache:
        _mustache(canvas, looks)


def _long_hair(canvas: _Canvas, looks: _Looks) -> None:
    wide, tall = looks.wide + 15, looks.tall + 12
    # Round above the centre, and falling almost straight below it.
    turn = np.linspace(0, np.pi / 2, 12)
    falls = np.linspace(0, 1, 12)[1:]
    below = wide + 3 * np.sin(falls * looks.length / 16) - 16 * falls**6
    half = np.concatenate([wide * np.sin(turn), below])
    y = np.concatenate([-tall * np.cos(turn), looks.length * falls])
    right = np.stack([half, y], axis=-1)
    canvas.fill(np.concatenate([right, (right * [-1, 1])[::-1]]), looks.hair * 0.78)


def _short_hair(canvas: _Canvas, looks: _Looks) -> None:
    x, y = _outline(looks, 5)[_ROUND[:, 1] < 0.1].T
    canvas.fill(np.stack([x, y], axis=-1), looks.hair * 0.8)


def _body(canvas: _Canvas, looks: _Looks) -> None:
    neck = 25 if looks.male else 19
    shade = looks.skin * 0.8
    y = np.array([30.0, 100.0, 130.0])
    canvas.fill(
        np.stack([[-neck, -neck, 0, neck, neck], [*y[:2], y[2], *y[1::-1]]], -1), shade
    )
    shoulders = 96 if looks.male else 80
    canvas.ellipse(0, 140, shoulders, 58, looks.clothes)
    if looks.male:
        canvas.fill(np.array([[-26, 74], [26, 74], [0, 106]]), shade)
    else:
        canvas.ellipse(0, 88, 27, 16, shade)


def _outline(looks: _Looks, wider: float = 0) -> np.ndarray:
    """Return the head's outline [P, 2]: round above, with its jaw below."""
    x, y = _ROUND.T
    power = np.where(y > 0, looks.jaw, 1.0)
    x = np.sign(x) * np.abs(x) ** power
    return np.stack([x * (looks.wide + wider), y * (looks.tall + wider)], axis=-1)


def _head(canvas: _Canvas, looks: _Looks) -> None:
    for side in (-1, 1) if looks.male else ():
        canvas.ellipse(side * (looks.wide + 1), 2, 7, 13, looks.skin * 0.86)
    canvas.fill(_outline(looks), looks.skin * 0.9)
    canvas.fill(_outline(looks, -2.5), looks.skin)
    blush = _mixed(looks.skin, np.array([222, 110, 100]), 0.2)
    for side in (-1, 1):
        canvas.ellipse(side * 0.56 * looks.wide, 19, 10, 8, blush)


def _hair(canvas: _Canvas, looks: _Looks) -> None:
    wide, tall = looks.wide + (5 if looks.male else 8), looks.tall + 10
    x = _ACROSS * wide
    top = -tall * np.sqrt(1 - 0.985 * _ACROSS**2)
    line = looks.fringe - looks.tall  # of the hair above the forehead
    far = np.abs(_ACROSS - looks.parting) / (1 + np.abs(looks.parting))
    if looks.male:
        falls = 8 * far + 40 * (np.abs(_ACROSS) ** 8)
    else:
        falls = 30 * far**1.5 + 62 * (np.abs(_ACROSS) ** 6)
    canvas.band(x, top, np.maximum(top, line + falls - 8), looks.hair)
    shine = _mixed(looks.hair, _WHITE, 0.16)
    inner = _ACROSS[3:9] * wide
    high = -(tall - 9) * np.sqrt(1 - (inner / wide) ** 2)
    canvas.band(inner, high, high + 5 * np.sin(np.linspace(0, np.pi, 6)), shine)


def _eye(canvas: _Canvas, looks: _Looks, side: int) -> None:
    x, y = side * 0.43 * looks.wide, -7.0
    tall = 4.4 if looks.smiling else 5.2
    canvas.ellipse(x, y, 8.6, tall + 1.6, looks.skin * 0.82)
    canvas.ellipse(x, y, 8, tall, _WHITE)
    canvas.ellipse(x, y, 4.3, min(4.3, tall), looks.iris)
    canvas.ellipse(x, y, 2.1, 2.1, _DARK)
    canvas.ellipse(x + 1.4, y - 1.4, 0.9, 0.9, _WHITE)
    lid = 1.4 if looks.male else 2.6
    across = _ACROSS * (8.6 if looks.male else 10)
    arch = y - tall * np.sqrt(1 - _ACROSS**2)
    canvas.band(x + across, arch - lid, arch + 0.4, _DARK)
    thick = 4.6 if looks.male else 2.4
    above = y - looks.brow - 3 * (1 - _ACROSS**2) + side * _ACROSS
    brow = looks.hair * 0.62
    canvas.band(x + _ACROSS * 11, above, above + thick * (1 - 0.3 * _ACROSS**2), brow)


def _nose(canvas: _Canvas, looks: _Looks) -> None:
    shade = looks.skin * 0.84
    canvas.fill(np.array([[-3.0, -4], [1, -4], [0, 17], [-7, 20]]), looks.skin * 0.94)
    canvas.ellipse(0, 20, 8, 3.6, shade)
    canvas.ellipse(0, 17.6, 7, 4, looks.skin * 1.03)


_MOUTH = 36.0  # below the centre of the face, pixels


def _smile(canvas: _Canvas, looks: _Looks) -> None:
    x, curve = _ACROSS * looks.mouth, 1 - _ACROSS**2
    top = _MOUTH - 5 + 4.5 * curve
    canvas.band(x * 1.06, top - 2.2 * curve - 0.6, top + 16 * curve, looks.lips)
    canvas.band(x * 0.94, top, top + 12 * curve, looks.lips * 0.4)
    canvas.band(x * 0.92, top, top + 8.5 * curve, _WHITE)
    for side in (-1, 1):
        crease = np.linspace(0, 1, 9)
        out = side * (looks.mouth + 3 + 3 * np.sin(np.pi * crease))
        y = 24 + 13 * crease
        right = np.stack([out, y], axis=-1)
        line = np.concatenate([right, right[::-1] + np.array([1.5 * side, 0])])
        canvas.fill(line, looks.skin * 0.84)


def _still_mouth(canvas: _Canvas, looks: _Looks) -> None:
    x, curve = _ACROSS * looks.mouth * 0.9, 1 - _ACROSS**2
    full = 1.0 if looks.male else 1.5
    dip = 1 - 0.5 * np.exp(-((_ACROSS / 0.16) ** 2))
    canvas.band(x, _MOUTH - 3.4 * full * curve * dip, _MOUTH + 0 * x, looks.lips * 0.92)
    canvas.band(x, _MOUTH + 0 * x, _MOUTH + 4.6 * full * curve, looks.lips)
    line = _MOUTH + 1.2 * _ACROSS**2
    canvas.band(x * 1.05, line - 0.8, line + 0.9, looks.lips * 0.5)


def _mustache(canvas: _Canvas, looks: _Looks) -> None:
    x, far = _ACROSS * 23.0, np.abs(_ACROSS)
    dark = _mixed(looks.hair * 0.6, _BROWN, 0.6)  # it stands out from any skin
    top = 22.5 + 7 * far**2
    thick = 8.5 * (1 - far**3) * (1 - 0.3 * np.exp(-((far / 0.1) ** 2)))
    canvas.band(x, top, top + thick + 0.8, dark)
    canvas.band(x * 0.9, top + 1, top + 0.55 * thick, dark * 1.25)


def _lit(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Return a picture in a light that falls from one side."""
    strength, angle = rng.uniform(0, 0.22), rng.uniform(0, 2 * np.pi)
    x = strength * np.cos(angle) * np.linspace(-1, 1, WIDTH)
    y = strength * np.sin(angle) * np.linspace(-1, 1, HEIGHT)[:, None]
    light = (rng.uniform(0.88, 1.08) + x + y).astype(np.float32)[..., None]
    return np.minimum(picture * light, 255).astype(np.uint8)
