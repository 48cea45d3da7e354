"""A pilot of 9 numbers that reads PixelCopter's state vector, evolved in a minute.

    python examples/copter.py [GENERATIONS] [POPULATION] [STEPS]

CMA-ES, from evosax. A generation flies 16 levels, fresh ones.
"""

import sys

import jax
import jax.numpy as jnp
from evosax.algorithms import CMA_ES

from worldmodels import pixelcopter

LEVELS = 16


def act(weights: jax.Array, vector: jax.Array) -> jax.Array:
    """Return actions [B] of pilots [B, 9] on state vectors [B, 7]."""
    y, momentum, above, below, ahead, block, _ = vector.T / 24
    under = (block > y) * jnp.exp(-ahead)
    seen = [y, 10 * momentum, above, below, ahead, block, under, block * under]
    bias = jnp.ones_like(y)
    return ((weights * jnp.stack([*seen, bias], 1)).sum(1) > 0).astype(int)


def returns(population: jax.Array, key: jax.Array, steps: int) -> jax.Array:
    """Fly candidates [P, 9] through the same fresh levels and return returns [P]."""
    keys = jnp.tile(jax.random.split(key, LEVELS), len(population))
    pilots = jnp.repeat(population, LEVELS, axis=0)
    state, _ = pixelcopter.reset(keys)

    def step(carry, _):
        state, alive = carry
        action = act(pilots, pixelcopter.vector(state))
        state, _, reward, dead, _ = pixelcopter.step(state, action)
        return (state, alive & ~dead), jnp.where(alive, reward, 0)

    carry = state, jnp.ones(len(keys), bool)
    won = jax.lax.scan(step, carry, length=steps)[1].sum(0)
    return won.reshape(-1, LEVELS).mean(1)


def main(generations: int = 60, population: int = 32, steps: int = 400) -> None:
    """Evolve, and print the population's mean returns."""
    strategy = CMA_ES(population, jnp.zeros(9))
    params = strategy.default_params
    state = strategy.init(jax.random.key(0), jnp.zeros(9), params)
    fly = jax.jit(returns, static_argnames="steps")
    for generation in range(generations):
        ask, levels, tell = jax.random.split(jax.random.key(1 + generation), 3)
        candidates, state = strategy.ask(ask, state, params)
        scores = fly(candidates, levels, steps)
        state, _ = strategy.tell(tell, candidates, -scores, state, params)
        print(f"generation {generation}: {scores.mean():.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
