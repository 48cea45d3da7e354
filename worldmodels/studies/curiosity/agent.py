"""The agent: a policy and two values on what it sees, and RND's networks beside it."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.curiosity import networks
from worldmodels.studies.curiosity.actions import Actions, Numbers
from worldmodels.studies.curiosity.distillation import Pair
from worldmodels.studies.curiosity.networks import Body, Params

EXTRINSIC, INTRINSIC = 0, 1  # the two values, and all that is of two streams
AGENT, PREDICTOR = "agent", "predictor"  # what learns
_SMALL_GAIN = 0.01  # of the policy's head: at first all actions are as likely


@dataclass(frozen=True)
class Agent:
    """The forms of all networks.

    Attributes:
        body: of the policy.
        shared: whether the values read the policy's features; else they have a body of
            their own.
        scale: by what observations are multiplied.
    """

    body: Body
    pair: Pair
    actions: Actions
    shared: bool
    scale: float


class Heads(NamedTuple):
    """What the agent says of observations [...]."""

    outputs: jax.Array  # [..., A], of the policy
    values: jax.Array  # [..., 2]


def initial(agent: Agent, rng: np.random.Generator) -> tuple[Params, Params]:
    """Return fresh weights of what learns, and those of the target."""
    body, dtype, shapes = agent.body, agent.body.dtype, networks.layers(agent.body)
    own = {
        "body": networks.initial(rng, shapes, dtype),
        "policy": networks.layer(
            rng, (body.units, agent.actions.outputs), _SMALL_GAIN, dtype
        ),
        "values": networks.layer(rng, (body.units, 2), 1.0, dtype),
    }
    own["policy"]["bias"][:] = agent.actions.start
    if not agent.shared:
        own["value_body"] = networks.initial(rng, shapes, dtype)
    if isinstance(agent.actions, Numbers):
        own["log_std"] = np.full(agent.actions.outputs, -0.5, dtype)
    target, predictor = (
        networks.initial(rng, networks.layers(part), dtype) for part in agent.pair
    )
    return {AGENT: own, PREDICTOR: predictor}, target


def order(agent: Agent) -> list[str]:
    """Return the first parts of parameters' names, the body before the heads."""
    names = networks.layers(agent.body)
    bodies = ["body"] if agent.shared else ["body", "value_body"]
    own = [f"{body}.{name}" for body in bodies for name in names]
    heads = ["policy", "log_std", "values"]
    predictor = [
        f"{PREDICTOR}.{name}" for name in networks.layers(agent.pair.predictor)
    ]
    return [*(f"{AGENT}.{name}" for name in [*own, *heads]), *predictor]


def heads(params: Params, agent: Agent, seen: jax.Array) -> Heads:
    """Return what the agent says of stacked observations [..., *shape]."""

    def scaled(seen: jax.Array) -> jax.Array:
        return seen.astype(agent.body.dtype) * agent.scale

    features = networks.features(params["body"], agent.body, seen, scaled)
    outputs = networks.linear(params["policy"], features)
    if not agent.shared:
        features = networks.features(params["value_body"], agent.body, seen, scaled)
    return Heads(outputs, networks.linear(params["values"], features))


def values(params: Params, agent: Agent, seen: jax.Array) -> jax.Array:
    """Return both values [..., 2]; of a shared body it is as `heads`."""
    return heads(params, agent, seen).values


def stacked(frames: jax.Array, stack: int) -> jax.Array:
    """Return observations [B, ..., C] of a first step, repeated: [B, ..., stack C]."""
    return jnp.concatenate([frames] * stack, axis=-1)


def pushed(seen: jax.Array, frames: jax.Array, done: jax.Array) -> jax.Array:
    """Return stacks with the newest observation last, and fresh ones where done [B]."""
    channels = frames.shape[-1]
    done = done.reshape(-1, *[1] * (seen.ndim - 1))
    starts = range(channels, seen.shape[-1], channels)
    # Apart, not as one selection: XLA on a CPU would choose for each number alone.
    older = [jnp.where(done, frames, seen[..., n : n + channels]) for n in starts]
    return jnp.concatenate([*older, frames], axis=-1)
