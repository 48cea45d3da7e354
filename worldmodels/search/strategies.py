"""Any of evosax's distribution-based strategies as an optimiser of C, by its name.

`controller.strategy` is the name of evosax's file: `sep_cma_es`, `snes`, `open_es` ...
(`names`). `cma_es` is not evosax's own but the corrected one of `cma_es`.

Which one: CMA-ES learns every covariance of the parameters and is the best where that
is cheap. At more than about 2,000 parameters (C with a hidden layer, or a large M) its
D x D matrices take over: use `sep_cma_es`, which learns the D variances alone, needs no
learning rate and takes milliseconds at 10,000. `benchmarks/evolution.py` measures both.

What is ours here, the same for all:

- fitness is maximised and must be finite; evosax minimises;
- `sigma` is the first step size, as far as the strategy has one: evosax's `std_init`,
  `std_schedule` or `radius_max`. All else is as evosax has it;
- a strategy that goes by ranks gets each rank once: see `optimiser.ranks`;
- a strategy that descends along an estimated gradient of the fitness itself gets it
  standardised, so that its steps do not depend on the scale of the game's returns;
- one that unrolls parts of an episode (`persistent_es`, `noise_reuse_es`) has whole
  episodes here.

Population-based algorithms (genetic, swarms) are left out: they have no mean, and the
best candidate of a generation is the luckiest, not the best. So a strategy whose mean
is the best candidate so far (`hill_climbing`, `gradientless_descent`,
`simulated_annealing`) is here, but should not be used where fitness is noisy. `rm_es`
is as evosax 0.3 has it: its step size falls to 0.001 at once.
"""

import importlib
import inspect
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from evosax.algorithms.distribution_based.base import DistributionBasedAlgorithm
from evosax.core import fitness_shaping
from jax.typing import ArrayLike

from worldmodels.runtime.errors import UserError
from worldmodels.search.cma_es import CMAES
from worldmodels.search.names import CMA_ES
from worldmodels.search.optimiser import (
    Arrays,
    Optimiser,
    check_size,
    check_stored,
    first_mean,
    ranks,
)

_BY_RANK = (
    fitness_shaping.weights_fitness_shaping_fn,
    fitness_shaping.centered_rank_fitness_shaping_fn,
)
_UNSHAPED = fitness_shaping.identity_fitness_shaping_fn
_STANDARDISED = fitness_shaping.standardize_fitness_shaping_fn
_KEY = "tell_key"  # among the stored arrays; no strategy has one of that name


def by_name(
    strategy: str,
    population: int,
    dimension: int,
    sigma: float,
    parents: int | None = None,
) -> Optimiser:
    """Return the optimiser that `controller.strategy` names.

    Args:
        parents: mu of CMA-ES; the others have their own.

    Raises:
        UserError: for sizes that it cannot have.
    """
    if strategy == CMA_ES:
        return CMAES(population, dimension, sigma, parents)
    return Evosax(strategy, population, dimension, sigma)


class StrategyState(NamedTuple):
    """All that the search knows; stored whole, it resumes exactly."""

    of_evosax: Any  # the strategy's own state, a pytree of arrays
    tell_key: jax.Array  # uint32 [2], what `tell` draws with: simulated_annealing does


@dataclass(frozen=True)
class Evosax:
    """An `Optimiser`: a strategy of evosax, P candidates of D parameters.

    Raises:
        UserError: for a value that no search, or not this one, can have.
    """

    strategy: str
    population: int
    dimension: int
    sigma_0: float

    group = "search"

    def __post_init__(self) -> None:
        check_size(self.population, self.dimension, self.sigma_0)
        try:
            jax.eval_shape(self._first_generation)
        except (AssertionError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.strategy} cannot have a population of {self.population} for "
                f"{self.dimension} parameters ({_first_line(error)}); most such "
                "strategies draw in pairs: make controller.population even"
            ) from error

    @property
    def _made(self) -> "_Made":
        return _made(self.strategy, self.population, self.dimension, self.sigma_0)

    def _first_generation(self) -> StrategyState:
        state = self.initial(np.zeros(self.dimension, np.float32))
        population, state = self.ask(jax.random.key(0), state)
        return self.tell(state, population, jnp.zeros(self.population))

    def initial(self, mean: ArrayLike) -> StrategyState:
        """Return the state before the first generation, in the dtype of `mean` [D].

        Raises:
            UserError: when `mean` is not D finite numbers.
        """
        mean = first_mean(mean, self.dimension)
        algorithm, params = self._made
        # Of all strategies cr_fm_nes alone draws here: its first direction in space.
        state = algorithm.init(jax.random.key(0), mean, params)
        state = _first_step(self.strategy, state, self.sigma_0)

        def array(leaf: ArrayLike) -> jax.Array:
            leaf = jnp.asarray(leaf)
            floating = jnp.issubdtype(leaf.dtype, jnp.floating)
            return jnp.array(leaf, mean.dtype if floating else leaf.dtype)

        key = jax.random.key_data(jax.random.key(0))
        return StrategyState(jax.tree.map(array, state), key)

    def ask(
        self, key: jax.Array, state: StrategyState
    ) -> tuple[jax.Array, StrategyState]:
        """Return candidates [P, D] and the state to tell their fitness to."""
        population, state = _ask(*self._made, key, state)
        if population.shape != (self.population, self.dimension):
            raise ValueError(f"it draws {len(population)} candidates")
        return population, state

    def tell(
        self, state: StrategyState, population: ArrayLike, fitness: ArrayLike
    ) -> StrategyState:
        """Return the next state, given the fitness [P] of `population` [P, D].

        The larger fitness is the better. It must be finite: see `check_fitness`.
        """
        return _tell(*self._made, state, population, fitness)

    def mean(self, state: StrategyState) -> jax.Array:
        """Return the mean of the distribution [D], which is selected and reported."""
        return state.of_evosax.mean

    def sigma(self, state: StrategyState) -> jax.Array | None:
        """Return the step size [], of all parameters the root mean square, if any."""
        std = getattr(state.of_evosax, "std", None)
        return None if std is None else jnp.sqrt(jnp.mean(jnp.square(std)))

    def generation(self, state: StrategyState) -> int:
        """Return how many generations the state has been told."""
        return int(state.of_evosax.generation_counter)

    def to_arrays(self, state: StrategyState) -> Arrays:
        """Return the state as named arrays, for a store."""
        named = _named(state.of_evosax)
        return {name: np.asarray(x) for name, x in named.items()} | {
            _KEY: np.asarray(state.tell_key)
        }

    def from_arrays(self, arrays: Arrays) -> StrategyState:
        """Return the state that `to_arrays` took apart, bit for bit.

        Raises:
            UserError: when an array is missing or the shapes do not belong together.
        """
        like = jax.eval_shape(lambda: self.initial(np.zeros(self.dimension)))
        named = _named(like.of_evosax)
        shapes = {name: leaf.shape for name, leaf in named.items()}
        check_stored(arrays, shapes | {_KEY: like.tell_key.shape})
        leaves = [jnp.asarray(arrays[name]) for name in named]
        state = jax.tree.unflatten(jax.tree.structure(like.of_evosax), leaves)
        return StrategyState(state, jnp.asarray(arrays[_KEY]))


class _Made(NamedTuple):
    """A strategy of evosax, ready to be asked."""

    algorithm: DistributionBasedAlgorithm
    params: Any  # its constants, arrays among them


@lru_cache
def _made(strategy: str, population: int, dimension: int, sigma: float) -> _Made:
    # One instance a search: it is the static argument that compiled code is found by.
    # evosax makes arrays here, which must not become tracers of a caller's jit.
    kind = strategy_class(strategy)
    takes = inspect.signature(kind).parameters
    options = {}
    if "std_schedule" in takes:
        options["std_schedule"] = optax.constant_schedule(sigma)
    with jax.ensure_compile_time_eval():
        algorithm = kind(population, jnp.zeros(dimension), **options)
        if "optimizer" in takes and algorithm.fitness_shaping_fn is _UNSHAPED:
            algorithm.fitness_shaping_fn = _STANDARDISED
        params = algorithm.default_params
        return _Made(algorithm, params.replace(**_in_our_units(params, sigma)))


def _in_our_units(params: Any, sigma: float) -> dict[str, float]:
    """Return those of evosax's constants that are set here."""
    ours = {}
    if hasattr(params, "std_init"):
        ours["std_init"] = sigma
    if hasattr(params, "radius_max"):  # of gradientless_descent
        ours["radius_max"] = sigma
        ours["radius_min"] = sigma * params.radius_min / params.radius_max
    if hasattr(params, "K"):  # of T steps in an episode K are unrolled at a time
        ours["K"] = params.T
    return ours


def strategy_class(strategy: str) -> type[DistributionBasedAlgorithm]:
    """Return evosax's class of a name: the one that the file of that name defines."""
    module = importlib.import_module(f"evosax.algorithms.distribution_based.{strategy}")
    (kind,) = (
        found
        for found in vars(module).values()
        if inspect.isclass(found)
        and issubclass(found, DistributionBasedAlgorithm)
        and found.__module__ == module.__name__
    )
    return kind


def _first_step(strategy: str, state: Any, sigma: float) -> Any:
    """Return evosax's first state with `sigma` where its `std_init` does not reach."""
    if strategy == "xnes":  # B, a root of C without sigma, is std_init * I there
        return state.replace(B=jnp.eye(len(state.B), dtype=state.B.dtype))
    if strategy.startswith("iamalgam"):  # C is I there, and comes on top of sigma
        return state.replace(C=(sigma / 10) ** 2 * state.C)
    return state


def _named(state: Any) -> dict[str, Any]:
    """Return the leaves of a state by their paths: `opt_state.0.mu`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in leaves
    }


def _like(state: Any, before: Any) -> Any:
    """Return a state in the types of the one before: programs are compiled once."""
    return jax.tree.map(
        lambda x, old: jax.lax.convert_element_type(x, old.dtype), state, before
    )


@partial(jax.jit, static_argnums=0)
def _ask(
    algorithm: DistributionBasedAlgorithm,
    params: Any,
    key: jax.Array,
    state: StrategyState,
) -> tuple[jax.Array, StrategyState]:
    of_ask, of_tell = jax.random.split(key)
    with jax.default_matmul_precision("highest"):
        population, after = algorithm.ask(of_ask, state.of_evosax, params)
    after = _like(after, state.of_evosax)
    population = population.astype(after.mean.dtype)
    return population, StrategyState(after, jax.random.key_data(of_tell))


@partial(jax.jit, static_argnums=0)
def _tell(
    algorithm: DistributionBasedAlgorithm,
    params: Any,
    state: StrategyState,
    population: ArrayLike,
    fitness: ArrayLike,
) -> StrategyState:
    population = jnp.asarray(population, state.of_evosax.mean.dtype)
    fitness = jnp.asarray(fitness)
    ranked = algorithm.fitness_shaping_fn in _BY_RANK
    loss = (ranks(fitness) if ranked else -fitness).astype(population.dtype)
    key = jax.random.wrap_key_data(state.tell_key)
    with jax.default_matmul_precision("highest"):
        after, _ = algorithm.tell(key, population, loss, state.of_evosax, params)
    return StrategyState(_like(after, state.of_evosax), state.tell_key)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
