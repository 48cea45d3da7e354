"""Functions to minimise, and one generation of minimising them."""

import jax
import numpy as np


def sphere(x):
    return (x**2).sum(-1)


def ellipsoid(x):
    """Condition number 1e6."""
    return (10 ** (6 * np.arange(x.shape[-1]) / (x.shape[-1] - 1)) * x**2).sum(-1)


def rosenbrock(x):
    head, tail = x[..., :-1], x[..., 1:]
    return (100 * (tail - head**2) ** 2 + (1 - head) ** 2).sum(-1)


def generation(es, key, state, objective):
    """Tell one generation of minimising `objective`."""
    population, state = es.ask(jax.random.fold_in(key, es.generation(state)), state)
    return es.tell(state, population, -objective(population))
