"""A driver of 130 numbers that sees 8x8 pixels, evolved in the simulator alone.

    python examples/evolve.py [GENERATIONS] [POPULATION] [STEPS]

OpenAI's evolution strategy, from evosax. A generation drives one track, a fresh one.
"""

import sys

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import Open_ES

from worldmodels import simulator


def act(weights: jax.Array, frames: jax.Array) -> jax.Array:
    """Return actions [B, 3] of drivers [B, 130] on frames [B, 64, 64, 3]."""
    green = frames[..., 1].reshape(-1, 8, 8, 8, 8).mean((2, 4)) / 128 - 1
    matrix, bias = weights[:, :128].reshape(-1, 64, 2), weights[:, 128:]
    out = jnp.tanh(jnp.einsum("bi,bio->bo", green.reshape(-1, 64), matrix) + bias)
    steer, pedal = out.T
    return jnp.stack([steer, jnp.maximum(pedal, 0), jnp.maximum(-pedal, 0)], axis=1)


def returns(population: jax.Array, key: jax.Array, steps: int) -> jax.Array:
    """Drive all candidates [P, 130] on the same fresh track and return returns [P]."""
    shared = jnp.zeros(len(population), int)
    state, frames = simulator.start(simulator.draw(key), shared)

    def step(carry, _):
        state, frames, driving = carry
        action = act(population, frames)
        state, frames, reward, terminated, _ = simulator.step(state, action)
        return (state, frames, driving & ~terminated), jnp.where(driving, reward, 0)

    carry = state, frames, shared == 0
    return jax.lax.scan(step, carry, length=steps)[1].sum(0)


def main(generations: int = 80, population: int = 32, steps: int = 200) -> None:
    """Evolve, and print the population's mean returns."""
    adam, std = optax.adam(0.1), optax.constant_schedule(0.2)
    strategy = Open_ES(population, jnp.zeros(130), optimizer=adam, std_schedule=std)
    params = strategy.default_params
    state = strategy.init(jax.random.key(0), jnp.zeros(130), params)
    drive = jax.jit(returns, static_argnames="steps")
    for generation in range(generations):
        ask, track, tell = jax.random.split(jax.random.key(1 + generation), 3)
        candidates, state = strategy.ask(ask, state, params)
        scores = drive(candidates, track, steps)
        state, _ = strategy.tell(tell, candidates, -scores, state, params)
        print(f"generation {generation}: {scores.mean():.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
