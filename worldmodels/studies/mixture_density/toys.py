"""Two toys with several y for one x, and how their points are drawn.

Both draw y first and then x, so x is a function of y with noise. A network has to
answer the other way round.

    a: y ~ U(0, 1), u ~ U(0, 1), x = sin 2 pi y + 0.2 u (cos 2 pi y + 2)
    b: y ~ U(-10.5, 10.5), x = 7 sin 0.75 y + 0.5 y + N(0, 1)

In double precision: toy a's density ends at sharp edges, where rounding would count.
"""

import numpy as np

LOWEST = {"a": 0.0, "b": -10.5}  # y
HIGHEST = {"a": 1.0, "b": 10.5}
_NEAR = 3.0  # standard deviations of toy b


def centre(toy: str, y: np.ndarray) -> np.ndarray:
    """Return the x of y without noise: in toy a the lower edge of its band."""
    if toy == "a":
        return np.sin(2 * np.pi * y)
    return 7 * np.sin(0.75 * y) + 0.5 * y


def spread(toy: str, y: np.ndarray) -> np.ndarray:
    """Return the width of toy a's band at y, or toy b's standard deviation."""
    if toy == "a":
        return 0.2 * (np.cos(2 * np.pi * y) + 2)
    return np.ones_like(y)


def draw(
    generator: np.random.Generator, toy: str, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y of points, [N] each."""
    y = generator.uniform(LOWEST[toy], HIGHEST[toy], count)
    noise = generator.random(count) if toy == "a" else generator.normal(size=count)
    return centre(toy, y) + spread(toy, y) * noise, y


def near(toy: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return whether points lie where the data do.

    That is toy a's band, outside which its density is 0, and three standard deviations
    around toy b's curve.
    """
    away = (x - centre(toy, y)) / spread(toy, y)
    low = 0.0 if toy == "a" else -_NEAR
    high = 1.0 if toy == "a" else _NEAR
    in_range = (y >= LOWEST[toy]) & (y <= HIGHEST[toy])
    return in_range & (away >= low) & (away <= high)
