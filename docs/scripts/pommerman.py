"""Draw docs/pictures/pommerman.png and print the table of docs/pommerman.md.

    python docs/scripts/pommerman.py

The picture: moments of one game of cautious agents, from left to right.
"""

from pathlib import Path

import jax
import numpy as np

from worldmodels.environments.pommerman import functional, painting, policies
from worldmodels.environments.pommerman.state import FLAMES, WOOD
from worldmodels.pictures import grids
from worldmodels.runtime import devices

GAMES, STEPS = 256, 800
SHOWN = 150  # steps after which games are counted
MOMENTS = (0, 25, 70, 140)


def play(policy) -> tuple[np.ndarray, np.ndarray]:
    """Return boards int8 [T, B, 11, 11] and whether games are over [T, B]."""
    keys = jax.random.split(jax.random.key(0), GAMES)
    state, _ = functional.reset(keys)

    def step(state, time):
        now = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, time)
        after, _, _, over, _ = functional.step(state, policy(now, state))
        return after, (state.board, over)

    boards, over = jax.jit(
        lambda state: jax.lax.scan(step, state, np.arange(STEPS))[1]
    )(state)
    return np.moveaxis(np.asarray(boards), -1, 1), np.asarray(over)


def told(name: str, boards: np.ndarray, over: np.ndarray) -> None:
    """Print a row of the table."""
    length = np.where(over.any(0), over.argmax(0) + 1, STEPS)
    last = np.minimum(length, SHOWN)
    wood = (boards[last - 1, np.arange(GAMES)] == WOOD).sum((1, 2))
    print(
        f"| {name} | {length.mean():.0f} | {length.max()} | "
        f"{(length >= SHOWN).mean():.0%} | {(length == STEPS).mean():.0%} | "
        f"{wood.mean():.1f} |",
        flush=True,
    )


def main() -> None:
    devices.prepare("float32")
    for name in ("uniform", "cautious"):
        boards, over = play(getattr(policies, name))
        told(name, boards, over)
    moments = boards[list(MOMENTS)]
    best = int((moments == FLAMES).any((2, 3)).sum(0).argmax())  # the most flames
    pictures = painting.paint(moments[:, best])
    path = Path(__file__).parents[1] / "pictures" / "pommerman.png"
    path.write_bytes(grids.png(grids.grid(pictures[None])))
    print(f"{path}: game {best}, steps {MOMENTS}")


if __name__ == "__main__":
    main()
