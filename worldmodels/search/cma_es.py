"""C's training: CMA-ES, the paper's evolution strategy (appendix A.4), maximising.

Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772), whose equation
numbers are used below. The updates are evosax's; `_Strategy` and `constants` correct
what evosax 0.3 has wrong or has left behind:

- tied candidates share a rank, and the weights then no longer sum to one: a flat
  fitness shrinks sigma to nothing (`rank_weights`);
- h_sigma counts one generation too many (`_Strategy.h_std`);
- C gets 1e-8 added to its diagonal and its entries clipped at every `ask`, so the
  search depends on the scale of C (`decompose`);
- c_mu lacks the 1/4 of the tutorial's second version, c_1 the factor for small
  populations, c_sigma and chi_n differ from pycma's (`constants`);
- sigma starts at 1 unless told otherwise, fitness is minimised, each instance
  compiles anew, and every `ask` decomposes C.

The cost is that of a full covariance: two D x D matrices and one eigendecomposition
every `generations_between_decompositions`. That takes some 50-100 ms at D = 867 and
seconds at 3,000: beyond about 2,000 parameters another strategy is the better choice.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based import cma_es
from jax.typing import ArrayLike

from worldmodels.runtime.errors import UserError


class State(NamedTuple):
    """All that the search knows; stored whole, it resumes exactly.

    B and D are those of the last decomposition, not a function of C.
    """

    mean: jax.Array  # [D]
    sigma: jax.Array  # [], step size
    path_sigma: jax.Array  # [D], evolution path of the step size
    path_c: jax.Array  # [D], evolution path of the covariance
    C: jax.Array  # [D, D], covariance, without sigma
    B: jax.Array  # [D, D], eigenvectors of C as columns
    D: jax.Array  # [D], square roots of C's eigenvalues
    generation: jax.Array  # [] int32, generations told


@dataclass(frozen=True)
class Evolution:
    """One search: P candidates of D parameters, first step size sigma.

    Raises:
        UserError: for a value that no search can have.
    """

    population: int
    dimension: int
    sigma: float  # the paper's: 0.1

    def __post_init__(self) -> None:
        if self.population < 2:
            raise UserError(
                f"the population is {self.population}; CMA-ES compares candidates and"
                " needs at least 2 (the paper's: 64)"
            )
        if self.dimension < 1:
            raise UserError(
                f"the controller has {self.dimension} parameters to evolve; it needs"
                " at least 1"
            )
        if not 0 < self.sigma < math.inf:
            raise UserError(
                f"sigma is {self.sigma}; the first step size must be positive and"
                " finite (the paper's: 0.1)"
            )

    @property
    def generations_between_decompositions(self) -> int:
        """Return every how many generations C is decomposed (3 at P 64, D 867).

        C learns at rate c_1 + c_mu, so until 1 / (10 D (c_1 + c_mu)) generations have
        passed its axes have hardly turned (tutorial, appendix B.2; pycma's default).
        """
        params = constants(self.population, self.dimension)
        rate = params.c_1 + params.c_mu
        return max(1, math.ceil(1 / (10 * self.dimension * rate)))


def initial(es: Evolution, mean: ArrayLike) -> State:
    """Return the state before the first generation, in the dtype of `mean` [D].

    Raises:
        UserError: when `mean` is not D finite numbers.
    """
    if np.shape(mean) != (es.dimension,) or not np.isfinite(mean).all():
        raise UserError(
            f"the search starts at an array of shape {np.shape(mean)}; it must be"
            f" {es.dimension} finite numbers, one for each parameter of the controller"
        )
    mean = jnp.array(mean, jnp.result_type(mean, 0.0))
    zeros, eye = jnp.zeros_like(mean), jnp.eye(es.dimension, dtype=mean.dtype)
    sigma = jnp.array(es.sigma, mean.dtype)
    ones, generation = jnp.ones_like(mean), jnp.zeros((), jnp.int32)
    return State(mean, sigma, zeros, zeros, eye, eye, ones, generation)


def ask(es: Evolution, key: jax.Array, state: State) -> tuple[jax.Array, State]:
    """Return candidates [P, D] drawn from N(mean, sigma^2 C), and the state."""
    return _ask((es.population, es.dimension), key, state), state


def tell(
    es: Evolution, state: State, population: ArrayLike, fitness: ArrayLike
) -> State:
    """Return the next state, given the fitness [P] of `population` [P, D].

    The larger fitness is the better. It must be finite: see `check_fitness`.
    """
    strategy = _strategy(es.population, es.dimension)
    gap = es.generations_between_decompositions
    return _tell(strategy, gap, state, population, fitness)


def check_fitness(fitness: ArrayLike, where: str) -> None:
    """Refuse a fitness [P] that would spoil the search; call it before `tell`.

    `where` names the generation, for example "generation 12 of round 0".

    Raises:
        UserError: when a candidate's fitness is NaN or infinite.
    """
    fitness = np.asarray(fitness)
    bad = np.flatnonzero(~np.isfinite(fitness))
    if not bad.size:
        return
    named = ", ".join(f"{i} ({fitness[i]})" for i in bad[:8])
    more = f" and {bad.size - 8} more" if bad.size > 8 else ""
    raise UserError(
        f"the fitness of {bad.size} of {fitness.size} candidates in {where} is not"
        f" finite: candidate {named}{more}; look for non-finite rewards or weights of"
        " the vision or memory model, then run again from the last good generation"
    )


def rank_weights(weights: jax.Array, fitness: jax.Array) -> jax.Array:
    """Return each candidate's weight [P]; the best takes `weights[0]`.

    Every rank is used exactly once, ties in the order of the candidates: candidates are
    exchangeable, so this favours no direction.
    """
    return weights[jnp.argsort(jnp.argsort(-fitness, stable=True))]


def decompose(C: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return B [D, D] and D [D] of C = B diag(D^2) B^T; C [D, D] is symmetric.

    Rounding can leave an eigenvalue at or below zero, which would make D NaN or the
    path infinite; the floor is relative, so the search does not depend on C's scale.
    """
    eigenvalues, B = jnp.linalg.eigh(C, symmetrize_input=False)
    floor = jnp.finfo(C.dtype).eps * eigenvalues[-1]
    return B, jnp.sqrt(jnp.maximum(eigenvalues, floor))


def state_to_arrays(state: State) -> dict[str, np.ndarray]:
    """Return the state as named arrays, for a store."""
    return {name: np.asarray(value) for name, value in state._asdict().items()}


def state_from_arrays(arrays: dict[str, np.ndarray]) -> State:
    """Return the state that `state_to_arrays` took apart, bit for bit.

    Raises:
        UserError: when an array is missing or the shapes do not belong together.
    """
    missing = [name for name in State._fields if name not in arrays]
    if missing:
        raise UserError(
            f"the stored search lacks {', '.join(missing)}; it cannot be resumed:"
            " remove it to start the controller's training again"
        )
    n = arrays["mean"].size
    shapes = State((n,), (), (n,), (n,), (n, n), (n, n), (n,), ())
    for name, shape in shapes._asdict().items():
        if arrays[name].shape != shape:
            raise UserError(
                f"the stored search's {name} has shape {arrays[name].shape} where its"
                f" mean needs {shape}; it is damaged: remove it to start again"
            )
    return State(*(jnp.asarray(arrays[name]) for name in State._fields))


@lru_cache
def constants(population: int, dimension: int) -> cma_es.Params:
    """Return the strategy's constants, as pycma has them, in double precision.

    Scalars are Python floats, so that they take the state's dtype.
    """
    n = dimension
    raw = math.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
    positive, negative = raw[raw > 0], raw[raw < 0]  # Eq. (49)
    mu_eff = float(positive.sum() ** 2 / (positive**2).sum())  # Eq. (8)
    mu_eff_minus = float(negative.sum() ** 2 / (negative**2).sum())
    c_c = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n)  # Eq. (56)
    # Departure: from Eq. (57), as pycma: slower below six candidates.
    c_1 = min(1, population / 6) * 2 / ((n + 1.3) ** 2 + mu_eff)
    rank_mu = 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff)
    c_mu = min(1 - c_1, rank_mu)  # Eq. (58)
    alpha = min(
        1 + c_1 / c_mu,  # Eq. (50): negative weights do not decay C
        1 + 2 * mu_eff_minus / (mu_eff + 2),  # Eq. (51)
        (1 - c_1 - c_mu) / (n * c_mu),  # Eq. (52): C stays positive definite
    )
    scale = np.where(raw > 0, 1 / positive.sum(), alpha / -negative.sum())  # Eq. (53)
    # Departure: from Eq. (55), as pycma: 3 where the tutorial has 5.
    c_std = (mu_eff + 2) / (n + mu_eff + 3)
    d_std = 1 + 2 * max(0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_std  # Eq. (55)
    chi_n = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    return cma_es.Params(
        std_init=math.nan,  # `initial` takes the search's own sigma
        std_min=0.0,
        std_max=math.inf,
        weights=raw * scale,
        mu_eff=mu_eff,
        c_mean=1.0,  # Eq. (54)
        c_std=c_std,
        d_std=d_std,
        c_c=c_c,
        c_1=c_1,
        c_mu=c_mu,
        chi_n=chi_n,  # E|N(0, I)|, exact where the tutorial has a series
    )


class _Strategy(cma_es.CMA_ES):
    """evosax's updates, corrected; see the module's docstring."""

    @property
    def _default_params(self) -> cma_es.Params:
        return constants(self.population_size, self.num_dims)

    def h_std(self, norm_p_std, generation_counter, params):
        """Return h_sigma: false while the step size's path is too long.

        `generation_counter` is that of this generation, from one; evosax adds one more.
        The bound is pycma's, within 2 % of the tutorial's (1.4 + 2 / (n + 1)) chi_n.
        """
        n = self.num_dims
        settled = 1 - (1 - params.c_std) ** (2 * generation_counter)
        return norm_p_std**2 / settled < (2 + 4 / (n + 1)) * n


@lru_cache
def _strategy(population: int, dimension: int) -> _Strategy:
    # One instance a size: it is the static argument that compiled code is found by.
    # evosax makes arrays here, which must not become tracers of a caller's jit.
    with jax.ensure_compile_time_eval():
        return _Strategy(population, jnp.zeros(dimension))


@partial(jax.jit, static_argnums=0)
def _ask(shape: tuple[int, int], key: jax.Array, state: State) -> jax.Array:
    z = jax.random.normal(key, shape, state.mean.dtype)  # Eq. (38)
    y = jnp.matmul(z * state.D, state.B.T, precision="highest")  # Eq. (39)
    return state.mean + state.sigma * y  # Eq. (40)


@partial(jax.jit, static_argnums=(0, 1))
def _tell(
    strategy: _Strategy, gap: int, state: State, population: ArrayLike, fitness
) -> State:
    params = strategy.default_params
    params = params.replace(weights=jnp.array(params.weights, state.mean.dtype))
    weights = rank_weights(params.weights, jnp.asarray(fitness))
    population = jnp.asarray(population, state.mean.dtype)
    # The whitening is useless in the reduced precision that GPUs default to.
    with jax.default_matmul_precision("highest"):
        new = strategy._tell(None, population, weights, _to_evosax(state), params)
    C = (new.C + new.C.T) / 2
    generation = state.generation + 1
    B, D = jax.lax.cond(
        generation % gap == 0, decompose, lambda _: (state.B, state.D), C
    )
    return State(new.mean, new.std, new.p_std, new.p_c, C, B, D, generation)


def _to_evosax(state: State) -> cma_es.State:
    # Departure: evosax also keeps the best candidate ever seen; we do not, because it
    # is the luckiest, not the best: the mean is what is selected and reported.
    return cma_es.State(
        best_solution=state.mean,
        best_fitness=math.inf,
        generation_counter=state.generation,
        mean=state.mean,
        std=state.sigma,
        p_std=state.path_sigma,
        p_c=state.path_c,
        C=state.C,
        B=state.B,
        D=state.D,
    )
