"""DNCs of a test's size, with weights, inputs and a state that is not zero."""

from dataclasses import replace

import jax
import numpy as np

from support import numpy_dnc
from worldmodels.models.cells.dnc import DNC, DNCState

I, H, N, W, R = 3, 5, 6, 4, 2  # noqa: E741
CELL = DNC(I, H, slots=N, word_size=W, read_heads=R)
OPTIONS = replace(CELL, masked_content=True, erase_freed=True, sharpen_links=True)
step, unfold = jax.jit(CELL.step), jax.jit(CELL.unfold)


def sizes(cell: DNC) -> numpy_dnc.Sizes:
    names = numpy_dnc.Sizes.__dataclass_fields__
    return numpy_dnc.Sizes(**{name: getattr(cell, name) for name in names})


def weights(cell: DNC, seed: int = 0, scale: float = 1.5) -> dict[str, np.ndarray]:
    """Weights in float64, large enough for gates that open and close."""
    rng = np.random.default_rng(seed)
    return {
        name: scale * rng.normal(size=parameter.shape)
        for name, parameter in cell.parameters().items()
    }


def inputs(cell: DNC, steps: int, batch: int, seed: int = 1) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=(steps, batch, cell.inputs))


def state(cell: DNC, batch: int, seed: int = 2, steps: int = 9) -> DNCState:
    """The state [B, ...] after some steps of numpy: all parts not zero and possible."""
    params, x = weights(cell, seed), inputs(cell, steps, batch, seed)
    first = np.zeros(steps, bool)
    rows = [
        numpy_dnc.unfold(
            params, sizes(cell), x[:, row], first, numpy_dnc.initial(sizes(cell))
        )[1][-1]
        for row in range(batch)
    ]
    return stacked(rows)


def stacked(rows: list[dict]) -> DNCState:
    """One state [B, ...] of numpy's rows."""
    return DNCState(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def as_row(state: DNCState, row: int) -> dict[str, np.ndarray]:
    """Row `row` of a state, as numpy's loop takes it."""
    return {name: np.array(x[row]) for name, x in state._asdict().items()}


def cast(tree, dtype):
    return jax.tree.map(lambda x: np.asarray(x, dtype), tree)
