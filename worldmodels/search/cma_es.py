"""C's training: CMA-ES, the paper's evolution strategy (section 2.3), maximising.

Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772); its equation
numbers stand at the ends of lines. One generation draws x_k = m + sigma y_k with y_k
from N(0, C), ranks the x_k by fitness, and moves the mean m, the step size sigma, the
paths p_sigma and p_c and the covariance C (`_tell`, where all equations are in view).

evosax does the arithmetic, and is given the weight of each candidate's rank where it
expects a fitness: its own way from fitness to weights lets tied candidates share a
rank, so that the weights no longer sum to one and a flat fitness shrinks sigma to
nothing. What else evosax 0.3 has wrong or has left behind is corrected here:

- h_sigma counts one generation too many (`_heaviside`);
- C gets 1e-8 added to its diagonal and its entries clipped at every `ask`, so the
  search depends on the scale of C (`decompose`);
- c_mu lacks the 1/4 of the tutorial's second version, c_1 the factor for small
  populations, c_sigma and chi_n differ from pycma's (`constants`);
- sigma starts at 1 unless it is given, fitness is minimised, each instance compiles
  anew, and every `ask` decomposes C;
- once all candidates are the same number, C falls below the smallest float and the next
  whitening divides by it: from then on all is NaN (`learnt`).

The cost is that of a full covariance: two D x D matrices and one eigendecomposition
every `generations_between_decompositions`. See `strategies` for more than about 2,000
parameters, where `sep_cma_es` is the better choice.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based import cma_es as evosax
from jax.typing import ArrayLike

from worldmodels.search.optimiser import (
    Arrays,
    check_parents,
    check_size,
    check_stored,
    first_mean,
    ranks,
)


class CMAState(NamedTuple):
    """All that the search knows; stored whole, it resumes exactly.

    B and D are those of the last decomposition, not a function of C.
    """

    mean: jax.Array  # [D], m
    sigma: jax.Array  # [], step size
    path_sigma: jax.Array  # [D], evolution path of the step size
    path_c: jax.Array  # [D], evolution path of the covariance
    C: jax.Array  # [D, D], covariance, without sigma
    B: jax.Array  # [D, D], eigenvectors of C as columns
    D: jax.Array  # [D], square roots of C's eigenvalues
    generation: jax.Array  # [] int32, generations told


@dataclass(frozen=True)
class CMAES:
    """An `Optimiser`: P candidates of D parameters, first step size sigma.

    `parents` is mu, how many of the best candidates the mean moves to; the others count
    for nothing. None: half of them, and the worse half has negative weights.

    Raises:
        UserError: for a value that no search can have.
    """

    population: int
    dimension: int
    sigma_0: float  # the paper's: 0.1
    parents: int | None = None

    group = "cma"

    def __post_init__(self) -> None:
        check_size(self.population, self.dimension, self.sigma_0)
        check_parents(self.parents, self.population)

    @property
    def generations_between_decompositions(self) -> int:
        """Return every how many generations C is decomposed (3 at P 64, D 867).

        C learns at rate c_1 + c_mu, so until 1 / (10 D (c_1 + c_mu)) generations have
        passed its axes have hardly turned (tutorial, appendix B.2; pycma's default).
        """
        params = constants(self.population, self.dimension, self.parents)
        rate = params.c_1 + params.c_mu
        return max(1, math.ceil(1 / (10 * self.dimension * rate)))

    def initial(self, mean: ArrayLike, sigma: ArrayLike | None = None) -> CMAState:
        """Return the state before the first generation, in the dtype of `mean` [D].

        Both may be traced, so that many searches are one program: the values of a
        traced mean are not checked.

        Args:
            sigma: the first step size [], instead of the search's own.

        Raises:
            UserError: when `mean` is not D finite numbers.
        """
        mean = first_mean(mean, self.dimension)
        size, dtype = self.dimension, mean.dtype
        zeros, ones = np.zeros(size, dtype), np.ones(size, dtype)
        eye = np.eye(size, dtype=dtype)
        generation = np.zeros((), np.int32)
        if sigma is None:
            sigma = np.array(self.sigma_0, dtype)
        else:
            sigma = jnp.asarray(sigma, dtype)
        return CMAState(mean, sigma, zeros, zeros, eye, eye, ones, generation)

    def ask(self, key: jax.Array, state: CMAState) -> tuple[jax.Array, CMAState]:
        """Return candidates [P, D] drawn from N(m, sigma^2 C), and the state."""
        return _ask((self.population, self.dimension), key, state), state

    def tell(
        self, state: CMAState, population: ArrayLike, fitness: ArrayLike
    ) -> CMAState:
        """Return the next state, given the fitness [P] of `population` [P, D].

        The larger fitness is the better. It must be finite: see `check_fitness`.
        """
        gap = self.generations_between_decompositions
        sizes = self.population, self.dimension, self.parents
        after = _tell(*sizes, gap, state, population, fitness)
        return learnt(state, after, population)

    def mean(self, state: CMAState) -> jax.Array:
        """Return m [D], which is what is selected and reported."""
        return state.mean

    def sigma(self, state: CMAState) -> jax.Array:
        """Return the step size []."""
        return state.sigma

    def generation(self, state: CMAState) -> int:
        """Return how many generations the state has been told."""
        return int(state.generation)

    def to_arrays(self, state: CMAState) -> Arrays:
        """Return the state as named arrays, for a store."""
        return {name: np.asarray(value) for name, value in state._asdict().items()}

    def from_arrays(self, arrays: Arrays) -> CMAState:
        """Return the state that `to_arrays` took apart, bit for bit.

        Raises:
            UserError: when an array is missing or the shapes do not belong together.
        """
        n = self.dimension
        shapes = CMAState((n,), (), (n,), (n,), (n, n), (n, n), (n,), ())
        check_stored(arrays, shapes._asdict())
        return CMAState(*(jnp.asarray(arrays[name]) for name in CMAState._fields))


def rank_weights(weights: jax.Array, fitness: jax.Array) -> jax.Array:
    """Return each candidate's weight [P]; the best takes `weights[0]`."""
    return weights[ranks(fitness)]


def decompose(C: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return B [D, D] and D [D] of C = B diag(D^2) B^T; C [D, D] is symmetric.

    Rounding can leave an eigenvalue at or below zero, which would make D NaN or the
    path infinite; the floor is relative, so the search does not depend on C's scale.
    """
    eigenvalues, B = jnp.linalg.eigh(C, symmetrize_input=False)
    floor = jnp.finfo(C.dtype).eps * eigenvalues[-1]
    return B, jnp.sqrt(jnp.maximum(eigenvalues, floor))


@lru_cache
def constants(
    population: int, dimension: int, parents: int | None = None
) -> evosax.Params:
    """Return the strategy's constants, as pycma has them, in double precision.

    Scalars are Python floats, so that they take the state's dtype.

    Args:
        parents: mu; None: as `CMAES` says.
    """
    n = dimension
    middle = (population if parents is None else 2 * parents) + 1
    raw = math.log(middle / 2) - np.log(np.arange(1, population + 1))  # Eq. (49)
    if parents is not None:
        raw[parents:] = 0
    positive, negative = raw[raw > 0], raw[raw < 0]
    mu_eff = float(positive.sum() ** 2 / (positive**2).sum())  # Eq. (8)
    mu_eff_minus = 0.0
    if len(negative):
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
    below = -negative.sum() if len(negative) else 1.0
    scale = np.where(raw > 0, 1 / positive.sum(), alpha / below)  # Eq. (53)
    # Departure: from Eq. (55), as pycma: 3 where the tutorial has 5.
    c_std = (mu_eff + 2) / (n + mu_eff + 3)
    d_std = 1 + 2 * max(0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_std  # Eq. (55)
    chi_n = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    return evosax.Params(
        std_init=math.nan,  # `initial` takes the search's own
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


@partial(jax.jit, static_argnums=0)
def _ask(shape: tuple[int, int], key: jax.Array, state: CMAState) -> jax.Array:
    z = jax.random.normal(key, shape, state.mean.dtype)  # Eq. (38)
    y = jnp.matmul(z * state.D, state.B.T, precision="highest")  # Eq. (39)
    return state.mean + state.sigma * y  # Eq. (40)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _tell(
    size: int,
    dimension: int,
    parents: int | None,
    gap: int,
    state: CMAState,
    population: ArrayLike,
    fitness: ArrayLike,
) -> CMAState:
    c = constants(size, dimension, parents)
    return updated(rules(size, dimension), c, gap, state, population, fitness)


# The whitening by C^-1/2 is useless in the reduced precision that GPUs default to.
@jax.default_matmul_precision("highest")
def updated(
    es: evosax.CMA_ES,
    c: evosax.Params,
    gap: int,
    state: CMAState,
    population: ArrayLike,
    fitness: ArrayLike,
) -> CMAState:
    """Return the state that the fitness [P] of `population` [P, D] leads to.

    Args:
        es: evosax's rules of update: see `rules`.
        c: the constants, of which numbers may be traced.
        gap: generations between two decompositions of C.
    """
    m, sigma, p_sigma, p_c, C, B, D, generation = state
    generation = generation + 1
    c = c.replace(weights=jnp.array(c.weights, m.dtype))
    w = rank_weights(c.weights, jnp.asarray(fitness))  # where evosax says "fitness"
    x = jnp.asarray(population, m.dtype)
    # y_k = (x_k - m) / sigma;  y_w = sum of w_k y_k over w_k > 0             Eq. (41)
    # m <- m + c_m sigma y_w                                                  Eq. (42)
    m, y, y_w = es.update_mean(x, w, m, sigma, c)
    # p_sigma <- (1 - c_sigma) p_sigma
    #            + sqrt(c_sigma (2 - c_sigma) mu_eff) C^-1/2 y_w              Eq. (43)
    p_sigma = es.update_p_std(p_sigma, B @ ((B.T @ y_w) / D), c)
    length = jnp.linalg.norm(p_sigma)
    # sigma <- sigma exp(c_sigma / d_sigma (|p_sigma| / chi_n - 1))           Eq. (44)
    sigma = es.update_std(sigma, length, c)
    h = _heaviside(length, generation, len(m), c)
    # p_c <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) y_w                 Eq. (45)
    p_c = es.update_p_c(p_c, h, y_w, c)
    # w_k <- w_k n / |C^-1/2 y_k|^2 where w_k < 0                             Eq. (46)
    # rank_mu = sum of w_k y_k y_k^T
    rank_mu = es.rank_mu(w, y, (y @ B) * (1 / D) @ B.T)
    # C <- (1 + c_1 (1 - h) c_c (2 - c_c) - c_1 - c_mu sum of w_k) C
    #      + c_1 p_c p_c^T + c_mu rank_mu                                     Eq. (47)
    C = es.update_C(C, es.delta_h_std(h, c), es.rank_one(p_c), rank_mu, c)
    C = (C + C.T) / 2
    B, D = jax.lax.cond(generation % gap == 0, decompose, lambda _: (B, D), C)
    return CMAState(m, sigma, p_sigma, p_c, C, B, D, generation)


@jax.jit
def learnt(before: CMAState, after: CMAState, population: ArrayLike) -> CMAState:
    """Return `after`, or `before` with its generation counted if it has learnt nothing.

    Candidates [P, D] that are all the same number say nothing of a direction, and C
    would shrink without end; so it would where a fitness is flat for very long. It is
    a program of its own, so that what `updated` computes is not compiled otherwise.
    """
    x = jnp.asarray(population)
    tiny = jnp.finfo(after.C.dtype).tiny
    variances = jnp.minimum(jnp.diagonal(after.C).min(), (after.D**2).min())
    finite = jnp.array([jnp.isfinite(leaf).all() for leaf in after[:-1]]).all()
    sound = finite & (variances >= tiny) & (after.sigma >= tiny) & (x != x[0]).any()
    kept = before._replace(generation=after.generation)
    return jax.tree.map(partial(jnp.where, sound), after, kept)


def _heaviside(
    length: jax.Array, generation: jax.Array, n: int, c: evosax.Params
) -> jax.Array:
    """Return h_sigma: false while the step size's path, so `length` long, is too long.

    `generation` is this one's number, from one; evosax adds one more. The bound is
    pycma's, within 2 % of the tutorial's (1.4 + 2 / (n + 1)) chi_n.
    """
    settled = 1 - (1 - c.c_std) ** (2 * generation)
    return length**2 / settled < (2 + 4 / (n + 1)) * n


@lru_cache
def rules(
    population: int, dimension: int, kind: type[evosax.CMA_ES] = evosax.CMA_ES
) -> evosax.CMA_ES:
    """Return evosax's update rules, of which only the sizes are used.

    Args:
        kind: evosax's, or one with a rule that is another.
    """
    # evosax makes arrays here, which must not become tracers of a caller's jit.
    with jax.ensure_compile_time_eval():
        return kind(population, jnp.zeros(dimension))
