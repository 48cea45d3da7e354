"""Draw docs/pictures/simulator.png: `python docs/scripts/simulator.py`.

One drive in gymnasium's CarRacing and, under the same actions, in the simulator. From
above: gymnasium's frames, the simulator's, and eight times their difference.
"""

from pathlib import Path

import jax
import numpy as np

from worldmodels.environments.carracing import reference, rendering, simulator, tracks
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING
from worldmodels.pictures import grids

SEED = 4
LAP = 420  # steps along the road; then straight ahead, to the edge of the playfield
MOMENTS = 0, 12, 60, 170, 290, 400, 490, -6  # steps; the last before its end
CONTRAST = 8


def follow_road(environment) -> np.ndarray:
    """Return the action of a driver that aims at the road some tiles ahead."""
    hull = environment.car.hull
    road = np.array([node[2:] for node in environment.track])
    nearest = np.linalg.norm(road - hull.position, axis=1).argmin()
    x, y = hull.GetLocalPoint(road[(nearest + 4) % len(road)].tolist())
    gas = 0.5 if hull.linearVelocity.length < 45 else 0
    return np.array([np.clip(1.5 * np.arctan2(x, y), -1, 1), gas, 0], np.float32)


def drive() -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of both, uint8 [T, 64, 64, 3]."""
    environment = reference.make()
    theirs = [preprocess(environment.reset(seed=SEED)[0], CARRACING.view)]
    track = tracks.from_seed(SEED)
    world = jax.jit(simulator.build)(simulator.Track(*(x[None] for x in track)))
    state = simulator.reset(world, np.zeros(1, np.int32))
    step, observe = jax.jit(simulator.step), jax.jit(simulator.observe)
    ours = [observe(world, state)]
    ahead = np.array([0, 1, 0], np.float32)
    for time in range(1000):
        action = follow_road(environment.unwrapped) if time < LAP else ahead
        frame, _, end, _, _ = environment.step(action)
        state, _, _ = step(world, state, action[None])
        theirs.append(preprocess(frame, CARRACING.view))
        ours.append(observe(world, state))
        if end:
            break
    return np.array(theirs), np.asarray(rendering.unpack(np.concatenate(ours)))


def main() -> None:
    theirs, ours = drive()
    moments = list(MOMENTS)
    difference = np.abs(theirs.astype(int) - ours)
    late = difference[50:].mean()  # the camera zooms in during the first second
    print(f"mean difference after the first second: {late:.2f} grey levels of 255")
    shown = np.minimum(CONTRAST * difference, 255).astype(np.uint8)
    rows = np.stack([theirs[moments], ours[moments], shown[moments]])
    path = Path(__file__).parents[1] / "pictures" / "simulator.png"
    path.write_bytes(grids.png(grids.grid(rows, scale=2)))
    print(f"{path}: {len(moments)} of {len(theirs)} frames")


if __name__ == "__main__":
    main()
