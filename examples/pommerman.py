"""Agents against three cautious ones in Pommerman: who wins how often, and a film.

    python examples/pommerman.py [GAMES] [STEPS] [FILM]

A game that is not over after STEPS steps counts as a draw.
"""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels import film, pommerman


def bomber(keys: jax.Array, state) -> jax.Array:
    """As the cautious agents, but lay a bomb on one step of four in which they stop."""
    now = jax.vmap(jax.random.split)(keys)
    actions = pommerman.cautious(now[:, 0], state)
    bold = jax.vmap(jax.random.bernoulli, in_axes=(0, None))(now[:, 1], 0.25)
    return jnp.where(bold[:, None] & (actions == 0), 5, actions)


@partial(jax.jit, static_argnames=("policy", "steps"))
def play(policy, keys: jax.Array, steps: int):
    """Return boards [T, 11, 11, B], rewards [T, B], and whether it is over [T, B]."""
    state, _ = pommerman.reset(keys)

    def step(state, time):
        now = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, time)
        actions = pommerman.cautious(now, state)
        actions = actions.at[:, 0].set(policy(now, state)[:, 0])
        state, _, rewards, over, _ = pommerman.step(state, actions)
        return state, (state.board, rewards[:, 0], over | (rewards[:, 0] < 0))

    return jax.lax.scan(step, state, jnp.arange(steps))[1]


def main(games: int = 256, steps: int = 400, out: str = "pommerman.gif") -> None:
    """Play, print a table and write a film of the first game."""
    keys = jax.random.split(jax.random.key(0), games)
    for policy in (pommerman.uniform, pommerman.cautious, bomber):
        boards, rewards, over = map(np.asarray, play(policy, keys, steps))
        ended, last = over.any(0), np.where(over.any(0), over.argmax(0), steps - 1)
        result = rewards[last, np.arange(games)] * ended
        won, lost = (f"{(sign * result > 0).mean():.0%}" for sign in (1, -1))
        mean = f"{last.mean() + 1:.0f} steps"
        print(f"{policy.__name__}: won {won}, lost {lost}, {mean}", flush=True)
    shown = pommerman.paint(boards[: last[0] + 1, :, :, 0])
    film(out, shown, rate=8, scale=2)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
