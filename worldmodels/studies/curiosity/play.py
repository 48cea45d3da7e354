"""Whole episodes of unseen levels: what a policy scores, and one to look at."""

from functools import partial
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.runtime.randomness import (
    Purpose,
    episode_keys,
    episode_seeds,
)
from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import distillation, rollout
from worldmodels.studies.curiosity.agent import AGENT, PREDICTOR
from worldmodels.studies.curiosity.networks import Params
from worldmodels.studies.curiosity.rollout import Flight
from worldmodels.studies.curiosity.setup import Setup
from worldmodels.training.running_moments import Moments


class Ended(NamedTuple):
    """Episodes that are over, [N]."""

    flight: Flight
    died: jax.Array  # bool; else they were cut


class Scores(NamedTuple):
    """Episodes of N levels, each played twice."""

    drawn: Ended  # actions as the policy draws them
    likeliest: Ended  # its likeliest actions


class Episode(NamedTuple):
    """Steps of one episode [T]: what was done in each, and what was seen after it."""

    picture: jax.Array  # uint8
    action: jax.Array
    reward: jax.Array
    bonus: jax.Array  # not scaled
    values: jax.Array  # [T, 2], before the action
    over: jax.Array  # bool, whether the episode had ended before


def levels(count: int) -> np.ndarray:
    """Return the seeds of the unseen levels, int64 [N]; no training plays them."""
    return episode_seeds(Purpose.TEST, 0, 0, 0, count)


@partial(jax.jit, static_argnames="setup")
def score(
    params: Params, key: jax.Array, words: jax.Array, limit: jax.Array, setup: Setup
) -> Scores:
    """Play each level twice, until the player dies or `limit` steps are made."""
    count, agent = len(words), setup.agent
    level = episode_keys(jnp.concatenate([words, words]), "curiosity level")
    place = rollout.begin(setup.world, level, setup.stack, agent.body.dtype)
    none = jnp.zeros(2 * count, bool)

    def going(now) -> jax.Array:
        _, alive, step = now
        return alive.any() & (step < limit)

    def play(now):
        place, alive, step = now
        said = agents.heads(params[AGENT], agent, place.seen)
        shape = count, agent.actions.words
        bits = jax.random.bits(jax.random.fold_in(key, step), shape, np.uint32)
        drawn = agent.actions.draw(said.outputs[:count], params[AGENT], bits)
        action = jnp.concatenate([drawn, agent.actions.likeliest(said.outputs[count:])])
        applied = agent.actions.applied(action)
        state, reward, dead, _ = setup.world.step(place.state, applied, limit)
        after = rollout.advanced(place.flight, reward, setup.world.idle(applied))
        flight = jax.tree.map(partial(jnp.where, alive), after, place.flight)
        seen = agents.pushed(place.seen, setup.world.observe(state), none)
        return rollout.Place(state, seen, flight), alive & ~dead, step + 1

    begun = place, ~none, jnp.zeros((), np.int32)
    place, alive, _ = jax.lax.while_loop(going, play, begun)
    drawn, likeliest = (
        jax.tree.map(itemgetter(part), Ended(place.flight, ~alive))
        for part in (slice(None, count), slice(count, None))
    )
    return Scores(drawn, likeliest)


@partial(jax.jit, static_argnames=("steps", "setup"))
def watch(
    params: Params, target: Params, seen: Moments, key: jax.Array, words: jax.Array,
    steps: int, setup: Setup,
) -> Episode:  # fmt: skip
    """Play one level, whose seed's words are [1, 2], by draws.

    Args:
        seen: moments of the frames that RND's networks read.
    """
    agent, world = setup.agent, setup.world
    level = episode_keys(words, "curiosity level")
    begun = rollout.begin(world, level, setup.stack, agent.body.dtype)

    def play(now, step):
        place, over = now
        said = agents.heads(params[AGENT], agent, place.seen)
        shape = 1, agent.actions.words
        bits = jax.random.bits(jax.random.fold_in(key, step), shape, np.uint32)
        action = agent.actions.draw(said.outputs, params[AGENT], bits)
        applied = agent.actions.applied(action)
        state, reward, dead, _ = world.step(place.state, applied, steps)
        frame = world.observe(state)
        bonus = distillation.errors(params[PREDICTOR], target, agent.pair, frame, seen)
        made = Episode(world.picture(state), applied, reward, bonus, said.values, over)
        stack = agents.pushed(place.seen, frame, jnp.zeros_like(dead))
        return (place._replace(state=state, seen=stack), over | dead), made

    start = begun, jnp.zeros(1, bool)
    _, found = jax.lax.scan(play, start, jnp.arange(steps))
    return jax.tree.map(lambda x: x[:, 0], found)
