"""The public face: what `import worldmodels` offers a person who writes Python.

Eleven functions on the stores of a run and on a trained agent, and three worlds: the
simulator, PixelCopter and Pommerman. All else in the package may move; these names
stay. Frames are uint8 [T, 64, 64, 3], red first (a gymnasium world may have larger
ones); letters stand for lengths: T time, Z latent dimensions, A numbers of an action.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.commands import SHIPPED
from worldmodels.environments.carracing import functional as simulator
from worldmodels.environments.pixelcopter import functional as pixelcopter
from worldmodels.environments.pommerman import functional as pommerman
from worldmodels.models.dream import Dream, Starts
from worldmodels.pictures import grids, imagery, video
from worldmodels.pictures.imagery import FittedMemory, FittedVision
from worldmodels.rollout import continued
from worldmodels.rollout.in_dream import Controlled, Recorded
from worldmodels.rollout.replay import Recording
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.stores import agents, networks
from worldmodels.stores.agents import Driver
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.tools import drive as driving

__all__ = [
    "RunStores",
    "decode",
    "dream",
    "drive",
    "encode",
    "film",
    "load_agent",
    "load_memory",
    "load_vision",
    "make",
    "open_run",
    "open_store",
    "pixelcopter",
    "pommerman",
    "simulator",
]


class RunStores(NamedTuple):
    """The stores of one round of a run; None or () where none is there yet."""

    rollouts: tuple[Artifact, ...]  # shards, in their order
    vision: Artifact | None
    latents: tuple[Artifact, ...]  # shards, in their order
    memory: Artifact | None
    controller: tuple[Artifact, ...]  # blocks of generations, in their order
    evaluation: Artifact | None


def open_store(path: str | Path, kind: str | None = None) -> Artifact:
    """Open one store after checking that it is whole; `read` then reads its arrays.

    Args:
        kind: which it must be, such as "rollouts"; default: any.

    Raises:
        ArtifactError: it is missing, damaged, not complete or of another kind.
    """
    return open_artifact(path, kind)


def open_run(folder: str | Path, round: int | None = None) -> RunStores:
    """Open the stores of one round of a run.

    Args:
        folder: of the experiment, such as "results/default".
        round: its number; default: the last that is there.

    Raises:
        UserError: there is no such folder or round.
        ArtifactError: a store is damaged or not complete.
    """
    place = _round(Path(folder), round)
    several = ("rollouts", "latents", "controller")
    found = {kind: _opened(place, f"{kind}/*.zarr", kind) for kind in several}
    for kind in ("vision", "memory", "evaluation"):
        found[kind] = next(iter(_opened(place, f"{kind}.zarr", kind)), None)
    return RunStores(**found)


def _round(folder: Path, number: int | None) -> Path:
    numbers = sorted(
        int(path.name.removeprefix("round-"))
        for path in folder.glob("round-*")
        if path.name.removeprefix("round-").isdecimal()
    )
    if not numbers:
        raise UserError(
            f"{folder} holds no rounds of a run; give the folder of an experiment, "
            "such as results/default"
        )
    if number is not None and number not in numbers:
        raise UserError(
            f"{folder} has no round {number}; it has rounds "
            + ", ".join(map(str, numbers))
        )
    return folder / f"round-{numbers[-1] if number is None else number}"


def _opened(place: Path, pattern: str, kind: str) -> tuple[Artifact, ...]:
    return tuple(open_artifact(path, kind) for path in sorted(place.glob(pattern)))


def load_vision(store: Artifact) -> FittedVision:
    """Return V, its model and its parameters, of a vision store; sets JAX up."""
    devices.prepare(store.config["dtype"])
    return FittedVision(*networks.load_vision(store))


def load_memory(store: Artifact) -> FittedMemory:
    """Return M, its model and its parameters, of a memory store; sets JAX up."""
    devices.prepare(store.config["dtype"])
    return FittedMemory(*networks.load_memory(store))


def load_agent(path: str | Path = SHIPPED) -> Driver:
    """Return a trained agent: V, M and the C with the best tested mean; sets JAX up.

    Args:
        path: an agent store, or the folder of a run, whose last trained C it is;
            default: the CarRacing agent that a checkout ships.

    Raises:
        UserError: no such folder, or no C in it yet.
        ArtifactError: a store is missing, damaged or of another kind.
    """
    path = Path(path)
    if (path / "zarr.json").exists() or not path.is_dir():
        return agents.from_pretrained(path)
    for number in range(int(_round(path, None).name.removeprefix("round-")), -1, -1):
        controller = path / f"round-{number}" / "controller"
        if (controller / "block-0000.zarr").exists():
            return agents.from_stores(agents.open_stores([controller], None, None))
    raise UserError(f"no controller has been trained in {path} yet; run it first")


def encode(
    agent: Driver | FittedVision, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return V's Gaussians of frames: mu and logvar, float32 [T, Z].

    Args:
        frames: uint8 [T, 64, 64, 3].
    """
    return imagery.encode(_vision(agent), np.asarray(frames))


def decode(agent: Driver | FittedVision, z: np.ndarray) -> np.ndarray:
    """Return V's images of latent vectors z [T, Z], uint8 [T, 64, 64, 3]."""
    return imagery.decode(_vision(agent), np.asarray(z))


def _vision(agent: Driver | FittedVision) -> FittedVision:
    if isinstance(agent, FittedVision):
        return agent
    return FittedVision(agent.agent.vision, agent.weights.vision)


def dream(
    agent: Driver,
    frames: np.ndarray,
    steps: int = 100,
    *,
    watched: np.ndarray | None = None,
    actions: np.ndarray | None = None,
    temperature: float = 1.0,
    seed: int = 0,
) -> Recording:
    """Let M dream on from a frame, up to the dreamer's death if M predicts it.

    Args:
        frames: uint8 [64, 64, 3], where the dream begins; or [T, 64, 64, 3], of which M
            first watches all but the last.
        steps: at most.
        watched: [T - 1, A], the actions that were done on the frames that M watches.
        actions: [S, A], to be done in the dream; default: C acts.
        temperature: tau; 1: as uncertain as M is, 0: the likeliest Gaussian's mean.
        seed: of all that is drawn.

    Returns:
        Its frames uint8 [S, 64, 64, 3], actions [S, A] and rewards [S] (NaN: M
        predicts none).

    Raises:
        UserError: there is not one watched action for each frame but the last.
    """
    vision, linear = _vision(agent), agent.agent.controller
    frames = np.asarray(frames)
    frames = frames[None] if frames.ndim == 3 else frames
    past = np.zeros((0, linear.action_size)) if watched is None else watched
    if len(past) != len(frames) - 1:
        raise UserError(
            f"M is to watch {len(frames)} frames with {len(past)} actions; give one "
            "action for each frame but the last, at which the dream begins"
        )
    starts = Starts(*imagery.encode(vision, frames))
    # Death is drawn, but by the threshold that an agent learnt under in such dreams.
    threshold = None if agent.dream is None else agent.dream.death_threshold
    parts = agent.agent.memory, agent.weights.memory, starts
    world = Dream(*parts, temperature, threshold)
    begun: Any = continued.after(world, starts.mu, past)
    actor: Any = Controlled(linear, world.model)
    carried = np.asarray(agent.controller, starts.mu.dtype)
    if actions is not None:
        actor, carried = Recorded(), np.asarray(actions, starts.mu.dtype)
        steps = min(steps, len(carried))
    dreamt = imagery.dream_rollout(vision, begun, actor, carried, seed, steps)
    return Recording(*dreamt)


def drive(agent: Driver, seed: int = 0, steps: int | None = None) -> Recording:
    """Let an agent drive one episode of the real game.

    Args:
        seed: of the episode, such as its track.
        steps: at most; default: a whole episode.

    Returns:
        The frames uint8 [T, 64, 64, 3] that it saw, the actions [T, A] that it chose on
        them and the rewards [T] that followed.
    """
    return driving.live(agent, seed, steps)


def film(
    path: str | Path, frames: np.ndarray | Sequence, rate: float = 25, scale: int = 4
) -> None:
    """Write frames to an .mp4 or .gif file.

    Args:
        frames: uint8 [T, H, W, 3], H and W even.
        rate: frames a second.
        scale: pixels that each pixel becomes, in both directions.

    Raises:
        UserError: another kind of file, or a folder that cannot be written to.
    """
    path = Path(path)
    video.prepare(path)
    video.write(path, (grids.enlarge(np.asarray(f), scale) for f in frames), rate)


def make(cars: int = 1, **options: Any) -> Any:
    """Return the simulator as one of gymnasium's environments, of `cars` cars.

    Args:
        cars: one makes a `gymnasium.Env`, more of them one `VectorEnv`.
        options: as `gymnasium.make` takes them, such as `continuous=False`.
    """
    import gymnasium

    from worldmodels.environments.carracing.gym import ID

    if cars == 1:
        return gymnasium.make(ID, **options)
    return gymnasium.make_vec(ID, num_envs=cars, **options)
