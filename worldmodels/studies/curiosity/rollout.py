"""A rollout: T steps of B environments by the policy, and what episodes earned."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity.agent import EXTRINSIC, Agent
from worldmodels.studies.curiosity.networks import Params
from worldmodels.studies.curiosity.worlds import World

CHUNK = 64  # steps of an episode that the published code learns from together
EARLY = 5  # first steps of an episode, whose share of ups is measured
_KEY_WORDS = 2  # of a level's key


class Flight(NamedTuple):
    """Episodes under way, [B] each."""

    won: jax.Array  # extrinsic reward so far
    length: jax.Array  # int32, steps so far
    early: jax.Array  # int32, steps among the first EARLY in which something was done
    late: jax.Array  # int32, steps after them in which something was done
    tail: jax.Array  # int32, steps since something was done


class Place(NamedTuple):
    """Where the environments are."""

    state: Any
    seen: jax.Array  # [B, ..., stack C], what the policy sees now
    flight: Flight


class Rollout(NamedTuple):
    """Steps [T, B]."""

    seen: jax.Array  # [T, B, ..., stack C], before the action
    frame: jax.Array  # [T, B, ..., C], after it: the last one of an episode included
    action: jax.Array
    log_prob: jax.Array
    values: jax.Array  # [T, B, 2], of what was seen
    reward: jax.Array  # as the environment gave it
    dead: jax.Array  # bool
    cut: jax.Array  # bool, by the limit of steps alone
    at_cut: jax.Array  # extrinsic value of the frame after a step that was cut, else 0
    flight: Flight  # after the step


def begin(world: World, keys: jax.Array, stack: int, dtype: str) -> Place:
    """Begin B episodes, from typed keys [B]; returns are added up in `dtype`."""
    state = world.reset(keys)
    seen = agents.stacked(world.observe(state), stack)
    return Place(state, seen, no_flight(len(keys), dtype))


def no_flight(count: int, dtype: Any) -> Flight:
    """Return the numbers of episodes that begin."""
    zero = jnp.zeros(count, np.int32)
    return Flight(jnp.zeros(count, dtype), zero, zero, zero, zero)


def gather(
    params: Params, agent: Agent, world: World, place: Place, key: jax.Array,
    steps: int, limit: jax.Array,
) -> tuple[Place, Rollout]:  # fmt: skip
    """Play `steps` steps; an episode that ends is followed by one in a new level.

    Args:
        limit: steps after which an episode is cut.
    """
    words = agent.actions.words + _KEY_WORDS
    # One draw for all: a call of threefry for each step compiles for seconds.
    bits = jax.random.bits(key, (steps, len(place.seen), words), np.uint32)

    def step(place: Place, bits: jax.Array) -> tuple[Place, Rollout]:
        said = agents.heads(params, agent, place.seen)
        action = agent.actions.draw(said.outputs, params, bits[:, _KEY_WORDS:])
        log_prob = agent.actions.log_prob(said.outputs, params, action)
        applied = agent.actions.applied(action)
        state, reward, dead, cut = world.step(place.state, applied, limit)
        frame, done = world.observe(state), dead | cut
        flight = advanced(place.flight, reward, world.idle(applied))
        going_on = agents.pushed(place.seen, frame, jnp.zeros_like(done))
        at_cut = jax.lax.cond(
            cut.any(),
            lambda: agents.values(params, agent, going_on)[:, EXTRINSIC],
            lambda: jnp.zeros_like(said.values[:, EXTRINSIC]),
        )
        made = Rollout(
            place.seen, frame, action, log_prob, said.values, reward, dead, cut,
            jnp.where(cut, at_cut, 0), flight,
        )  # fmt: skip
        keys = jax.random.wrap_key_data(bits[:, :_KEY_WORDS])
        state, first = world.renew(state, keys, done, frame)
        seen = agents.pushed(place.seen, first, done)
        none = no_flight(len(done), flight.won.dtype)
        flight = jax.tree.map(lambda new, old: jnp.where(done, new, old), none, flight)
        return Place(state, seen, flight), made

    return jax.lax.scan(step, place, bits)


def advanced(flight: Flight, reward: jax.Array, idle: jax.Array) -> Flight:
    """Return the numbers of episodes after one more step."""
    first, did = flight.length < EARLY, (~idle).astype(np.int32)
    return Flight(
        flight.won + reward,
        flight.length + 1,
        flight.early + did * first,
        flight.late + did * ~first,
        jnp.where(idle, flight.tail + 1, 0),
    )


def chunks(length: jax.Array) -> jax.Array:
    """Return the numbers of the published code's chunks of steps, int32 [T, B].

    A chunk is of one episode, and has `CHUNK` steps or fewer.

    Args:
        length: of the episode with the step, int32 [T, B].
    """
    return jnp.cumsum((length - 1) % CHUNK == 0, axis=0, dtype=np.int32)


def episodes(made: Rollout) -> dict[str, jax.Array]:
    """Return sums over the episodes that ended in a rollout, by name, and their number.

    Shares of ups are sums as well: of each episode its share. The tail is of those that
    died alone.
    """
    done = made.dead | made.cut
    flight = made.flight
    length = flight.length.astype(flight.won.dtype)

    def total(values: jax.Array, where: jax.Array = done) -> jax.Array:
        return jnp.where(where, values, 0).sum()

    return {
        "episodes": done.sum(),
        "deaths": made.dead.sum(),
        "return": total(flight.won),
        "length": total(length),
        "early": total(flight.early / jnp.minimum(length, EARLY)),
        "late": total(flight.late / jnp.maximum(length - EARLY, 1)),
        "tail": total(flight.tail, made.dead),
    }
