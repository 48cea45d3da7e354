"""A dream of M, filmed beside the real drive that it began in.

    python examples/dream.py [AGENT] [STEPS] [FILM]

AGENT is the folder of a run or an agent store, by default the shipped CarRacing agent.
It drives; M watches the first part of the drive, then dreams the rest under the same
actions. Left: what happened. Right: the dream, which is like it at first, then less.
"""

import sys

import numpy as np

import worldmodels

WATCHED = 100  # steps


def main(agent: str | None = None, steps: int = 200, out: str = "dream.gif") -> None:
    """Drive, dream the same again and film both."""
    driver = worldmodels.load_agent(agent) if agent else worldmodels.load_agent()
    drive = worldmodels.drive(driver, seed=7, steps=WATCHED + steps)
    dream = worldmodels.dream(
        driver,
        drive.frames[: WATCHED + 1],
        steps,
        watched=drive.actions[:WATCHED],
        actions=drive.actions[WATCHED:],
        temperature=0.5,
    )
    real = drive.frames[WATCHED:][: len(dream.frames)]
    away = np.abs(real.astype(int) - dream.frames).mean(axis=(1, 2, 3))
    for step in range(0, len(away), max(1, len(away) // 5)):
        print(f"step {step}: {away[step]:.1f} grey levels of 255 apart")
    worldmodels.film(out, np.concatenate([real, dream.frames], axis=2))
    print(f"film: {out}")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:4])
