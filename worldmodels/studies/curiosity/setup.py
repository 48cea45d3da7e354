"""What a training's settings make: its world, its networks and its coefficients."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from worldmodels.studies.curiosity import worlds
from worldmodels.studies.curiosity.agent import Agent
from worldmodels.studies.curiosity.arms import ARMS
from worldmodels.studies.curiosity.distillation import Pair
from worldmodels.studies.curiosity.learner import Coefficients, Sizes
from worldmodels.studies.curiosity.networks import Body
from worldmodels.studies.curiosity.settings import Curiosity
from worldmodels.studies.curiosity.worlds import World

_PAPERS_EXTRA = 2  # layers that the paper's predictor has beyond the target
_NO_BOUND = 1e9


class Setup(NamedTuple):
    """What is learnt, by what."""

    world: World
    agent: Agent
    stack: int
    limit: int


def recorded(settings: Curiosity, world: str, arm: str, seed: int) -> dict[str, Any]:
    """Return the settings of one training, which its store records."""
    own = getattr(settings, world).model_dump(mode="json")
    del own["arms"]
    chosen = ARMS[arm]
    found = chosen.changed(own) | {
        "world": world,
        "arm": arm,
        "seed": seed,
        "limit": settings.limit,
        "test_levels": settings.test_levels,
        "extrinsic": float(chosen.extrinsic),
        "intrinsic": float(chosen.intrinsic),
        "faults": list(chosen.faults),
        "reward_clip": chosen.reward_clip,
    }
    own = {"dtype": settings.dtype, "debug": settings.debug}
    usual = {"dtype": "float32", "debug": False}
    return found | {name: own[name] for name in own if own[name] != usual[name]}


def of(config: dict[str, Any]) -> Setup:
    """Return the world and the networks of a training with recorded settings."""
    kind, world = _world(config)
    dtype = config.get("dtype", "float32")
    precision = config.get("precision", "float32") if dtype == "float32" else "float32"
    forms = {"kind": kind, "shape": world.shape, "precision": precision, "dtype": dtype}
    body = Body(stack=config["stack"], units=config["units"], **forms)
    target = Body(stack=1, units=config["embedding"], activated=False, **forms)
    extra = _PAPERS_EXTRA if kind == "convolutions" else 1
    predictor = replace(target, extra=extra)
    # Numbers are read twice, for policy and values, as it is cheap; pictures once.
    shared = kind != "dense"
    pair = Pair(target, predictor)
    agent = Agent(body, pair, world.actions, shared, world.scale)
    return Setup(world, agent, config["stack"], config["limit"])


def sizes(config: dict[str, Any]) -> Sizes:
    """Return the whole numbers that decide the program."""
    return Sizes(
        config["environments"], config["rollout"], config["epochs"],
        config["minibatches"],
    )  # fmt: skip


def coefficients(config: dict[str, Any], iterations: int) -> Coefficients:
    """Return the numbers that all arms' one program is given."""
    dtype = config.get("dtype", "float32")

    def number(value: float) -> np.ndarray:
        return np.asarray(value, dtype)

    return Coefficients(
        extrinsic=number(config["extrinsic"]),
        intrinsic=number(config["intrinsic"]),
        gamma=number(config["gamma"]),
        gamma_intrinsic=number(config["gamma_intrinsic"]),
        trace=number(config["trace"]),
        clip=number(config["clip"]),
        entropy=number(config["entropy"]),
        rate=number(config["learning_rate"]),
        final_rate=number(config["learning_rate"] * config["last_rate"]),
        iterations=np.int32(iterations),
        gradient_clip=number(config["gradient_clip"]),
        reward_scale=number(config["reward_scale"]),
        reward_clip=number(config["reward_clip"] or _NO_BOUND),
        limit=np.int32(config["limit"]),
        stretched=np.bool_(1 in config["faults"]),
        last_lost=np.bool_(2 in config["faults"]),
        late=np.bool_(3 in config["faults"]),
    )


def _world(config: dict[str, Any]) -> tuple[str, World]:
    """Return the kind of body that reads a world, and the world."""
    if config["world"] == "vector":
        return "dense", worlds.copter_vector()
    if config["world"] == "carracing":
        return "patches", worlds.car_pixels("patches")
    return config["network"], worlds.copter_pixels(config["network"])
