"""When a search is over: as pycma says it, generation by generation."""

import cma
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.searches import ellipsoid, sphere

from worldmodels.search import stopping
from worldmodels.search.cma_es import CMAES

# pycma's names of ours.
NAMES = {
    "tolfun": "fitness", "tolfunhist": "history", "tolx": "step",
    "tolfacupx": "growth", "tolconditioncov": "condition", "tolflatfitness": "flat",
    "noeffectcoord": "no_effect", "noeffectaxis": "no_effect",
}  # fmt: skip


def away(x):
    """Downhill without end."""
    return -x.sum(-1)


def coarse(x):
    return np.floor(sphere(x) / 4)


def far(x):
    """An optimum so far off that floats are coarse there."""
    return ((x - 1e9) ** 2).sum(-1)


@pytest.mark.parametrize(
    ("objective", "dimension", "population", "sigma"),
    [
        (sphere, 2, 64, 0.3), (ellipsoid, 4, 16, 0.3), (away, 3, 12, 0.1),
        (coarse, 2, 8, 0.01), (far, 2, 16, 1e6),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("float64")
def test_a_search_is_over_when_and_why_pycma_says(
    objective, dimension, population, sigma
):
    """Both learn from pycma's candidates, and their whole state is the same."""
    options = {"popsize": population, "seed": 3, "verbose": -9, "tolstagnation": 0}
    options |= {
        "AdaptSigma": cma.sigma_adaptation.CMAAdaptSigmaCSA,
        "tolxstagnation": 0,
    }
    theirs = cma.CMAEvolutionStrategy(dimension * [0.5], sigma, options)
    es = CMAES(population, dimension, sigma)
    state = es.initial(np.full(dimension, 0.5))
    watch = stopping.initial(population, dimension, np.float64(sigma))
    watched, reasons = jax.jit(stopping.watched), jax.jit(stopping.reasons)
    while not theirs.stop():
        candidates = np.array(theirs.ask())
        losses = objective(candidates)
        theirs.tell(list(candidates), list(losses))
        # pycma bounds c_sigma above P = 2 D, so its own state is judged.
        state = state._replace(
            mean=jnp.array(theirs.mean), sigma=jnp.array(theirs.sigma),
            C=jnp.array(theirs.sm.C), D=jnp.array(theirs.sm.D),
            B=jnp.array(theirs.sm.B), path_c=jnp.array(theirs.pc),
            generation=jnp.array(theirs.countiter),
        )  # fmt: skip
        watch = watched(watch, -jnp.asarray(losses))
        found = np.asarray(reasons(watch, state, -jnp.asarray(losses)))
        assert found.any() == bool(theirs.stop()), theirs.countiter
    ours = {name for name, holds in zip(stopping.REASONS, found, strict=True) if holds}
    assert ours == {NAMES[name] for name in theirs.stop()}


def test_a_search_that_goes_on_is_not_over():
    es = CMAES(8, 3, 0.3)
    state = es.initial(np.ones(3, np.float32))
    watch = stopping.initial(8, 3, np.float32(0.3))
    watched, reasons = jax.jit(stopping.watched), jax.jit(stopping.reasons)
    for number in range(12):
        candidates, state = es.ask(jax.random.key(number), state)
        fitness = -sphere(candidates)
        state = es.tell(state, candidates, fitness)
        watch = watched(watch, fitness)
        assert not reasons(watch, state, fitness).any()
