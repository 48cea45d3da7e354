"""Agent 0 against three cautious agents, compiled, as gymnasium's environments play.

`jax_process` says what is done before each program.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.jax_process import prepare
from worldmodels.environments.pommerman import functional, policies
from worldmodels.environments.pommerman.observation import as_dict
from worldmodels.environments.pommerman.state import State

Seen = dict[str, jax.Array]  # what agent 0 sees, with a leading [B]


class Match(NamedTuple):
    """B games and what their other agents draw from."""

    game: State
    keys: jax.Array  # typed, [B]


def begin(seeds: np.ndarray) -> tuple[Match, Seen]:
    """Begin a game for each seed, uint32 [B].

    Raises:
        UserError: this process was forked from one that had used JAX.
    """
    prepare()
    return _begin(seeds)


def step(
    match: Match, actions: np.ndarray, max_steps: int
) -> tuple[Match, Seen, jax.Array, jax.Array, jax.Array]:
    """Make one step with actions [B] of agent 0.

    Returns:
        The match; what agent 0 sees; its rewards, float32 [B]; whether it is dead or
        the last, bool [B]; and whether the game's steps or `max_steps` are made.
    """
    prepare()
    return _step(match, actions, max_steps)


def replace(match: Match, seeds: np.ndarray, done: np.ndarray) -> tuple[Match, Seen]:
    """Begin the games that are done anew, each from its seed."""
    prepare()
    return _replace(match, seeds, done)


@jax.jit
def _begin(seeds: np.ndarray) -> tuple[Match, Seen]:
    boards, keys = _keys(seeds)
    return _seen(Match(functional.reset(boards)[0], keys))


@jax.jit
def _step(
    match: Match, actions: np.ndarray, max_steps: int
) -> tuple[Match, Seen, jax.Array, jax.Array, jax.Array]:
    keys, now = jnp.moveaxis(jax.vmap(jax.random.split)(match.keys), 1, 0)
    acts = policies.cautious(now, match.game).at[:, 0].set(actions.astype(jnp.int8))
    game, _, rewards, over, late = functional.step(match.game, acts)
    over, late = over | ~game.agents.alive[0], late | (game.step >= max_steps)
    return *_seen(Match(game, keys)), rewards[:, 0], over, late


@jax.jit
def _replace(match: Match, seeds: np.ndarray, done: np.ndarray) -> tuple[Match, Seen]:
    boards, keys = _keys(seeds)
    game, _ = functional.renew(match.game, boards, done)
    return _seen(Match(game, jnp.where(done, keys, match.keys)))


def _keys(seeds: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Return the keys of the boards and those of the other agents."""
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(seeds)
    return keys[:, 0], keys[:, 1]


def _seen(match: Match) -> tuple[Match, Seen]:
    seen = as_dict(match.game)
    return match, {name: jnp.moveaxis(each, -1, 0) for name, each in seen.items()}
