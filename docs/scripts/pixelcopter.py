"""Draw docs/pictures/pixelcopter.png and print the scores of docs/pixelcopter.md.

    python docs/scripts/pixelcopter.py

The picture: moments of one planned flight, from left to right and from above. The
planner's scores take some minutes.
"""

from functools import partial
from pathlib import Path

import jax
import numpy as np

from worldmodels.environments.pixelcopter import functional, picture, policies
from worldmodels.pictures import grids
from worldmodels.runtime import devices
from worldmodels.scores.statistics import summarise

LEVELS, PLANNED_LEVELS = 256, 16
MOMENTS = range(40, 40 + 12 * 9, 9)  # steps
ROW = 6
POLICIES = {
    "always up": policies.chance(1.0),
    "a coin": policies.chance(0.5),
    "never up": policies.chance(0.0),
    "up with probability 0.1": policies.chance(0.1),
    **{f"{n} ups, then nothing": policies.metronome(0, n) for n in (2, 3, 4)},
    **{f"metronome from step {n}": policies.metronome(n) for n in range(11)},
    "pilot": policies.pilot,
}


def flight() -> np.ndarray:
    """Return the frames of a planned flight, uint8 [T, 48, 48, 3]."""
    state, frame = functional.reset(jax.random.key(3))
    plan, step = jax.jit(policies.plan), jax.jit(functional.step)
    frames = [frame[0]]
    for key in jax.random.split(jax.random.key(0), max(MOMENTS) // 3 + 1):
        for action in plan(state, key):
            state, frame, *_ = step(state, action)
            frames.append(frame[0])
    return picture.colored(np.stack(frames))


def told(name: str, won: jax.Array, length: jax.Array) -> None:
    """Print a row of the table."""
    of = summarise(won)
    print(
        f"| {name} | {of.mean:.1f} +- {of.std:.1f} | {of.low:.1f} to {of.high:.1f} | "
        f"{np.mean(length):.0f} |",
        flush=True,
    )


def main() -> None:
    devices.prepare("float32")
    moments = flight()[list(MOMENTS)]
    rows = moments.reshape(-1, ROW, *moments.shape[1:])
    path = Path(__file__).parents[1] / "pictures" / "pixelcopter.png"
    path.write_bytes(grids.png(grids.grid(rows, scale=3)))
    keys = jax.random.split(jax.random.key(0), LEVELS)
    for name, policy in POLICIES.items():
        play = jax.jit(partial(policies.play, policy, steps=1000))
        told(name, *play(keys, key=jax.random.key(1)))
    play = jax.jit(partial(policies.play_planned, steps=1080))
    won, length = play(keys[:PLANNED_LEVELS], key=jax.random.key(1))
    told("planner", won, length)
    print(f"alive: {(np.asarray(length) == 1080).sum()} of {PLANNED_LEVELS}")


if __name__ == "__main__":
    main()
