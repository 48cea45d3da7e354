"""M: the mixture-density recurrent network (World Models, section 2.2, appendix A.2).

M predicts the next latent: after (z_1, a_1) .. (z_t, a_t) every dimension of z_{t+1}
has a mixture of K Gaussians of its own, p(z_{t+1} | a_t, z_t, h_t). An M that becomes
the environment predicts more from the same h: death_{t+1} (section 4) and the reward.
The recurrent cell that makes h is one of `cells.registry`; the paper's is an LSTM.
An M whose target is the mean of V's posterior still reads samples of it: it learns to
take their noise away.
Everything here is a pure function of parameters, arrays and a key. Parameters are a
dict of named arrays; every function after `initial` takes them with the `Memory` that
gives their shapes.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models import memory_costs, mixture
from worldmodels.models.cells import registry
from worldmodels.models.cells.cell import Cell, State
from worldmodels.models.cells.registry import CellSize
from worldmodels.models.memory_costs import Costs, Targets
from worldmodels.models.mixture import Mixture, nll, sample
from worldmodels.models.precision import FLOAT32, Precision, product

__all__ = [
    "Memory",
    "Mixture",
    "Prediction",
    "State",
    "features",
    "initial",
    "initial_state",
    "nll",
    "observe",
    "remember",
    "sample",
    "step",
]

Params = dict[str, Any]

SAMPLE, MEAN = "sample", "mean"  # of V's posterior: what M predicts
# Of an M whose target is the mean: what M foresees to the last digit would have a
# likelihood without bound. Its standard deviations stay above exp(-3) = 0.05, where
# that of V's prior is 1.
LEAST_LOGSTD = -3.0


class Prediction(NamedTuple):
    """What M expects of the step after (z_t, a_t); None where M has no such head."""

    mixture: Mixture  # [..., Z, K] of z_{t+1}
    death: jax.Array | None  # [...] log-odds of dying by a_t, in nats
    reward: jax.Array | None  # [...] expected reward of a_t, in the game's units


class Linear(NamedTuple):
    """A number that is linear in h."""

    kernel: jax.Array  # [N, 1]
    bias: jax.Array  # [1]

    def __call__(self, h: jax.Array) -> jax.Array:
        """Return the number [...] of h [..., N]."""
        return (h @ self.kernel + self.bias)[..., 0]


class Memory(nn.Module):
    """The shapes of M and, inside `apply`, its weights."""

    latent_size: int = 32  # Z
    action_size: int = 3  # A
    hidden_size: int = 256  # N
    mixtures: int = 5  # K
    death_head: bool = False  # whether it predicts death
    reward_head: bool = False  # whether it predicts the reward
    cell: str = registry.LSTM  # one of `registry.CELLS`
    cell_options: tuple[tuple[str, Any], ...] = ()  # settings of that cell alone
    target: str = SAMPLE  # or MEAN: of V's posterior of the next frame
    dtype: Any = jnp.float32
    precision: Precision = FLOAT32  # of matrix products

    @property
    def recurrent(self) -> Cell:
        """The recurrent cell, without its weights."""
        options = dict(self.cell_options)
        return registry.create(*self._cell, precision=self.precision, **options)

    @property
    def size(self) -> CellSize:
        """The counts of the recurrent cell."""
        return registry.size(*self._cell, **dict(self.cell_options))

    @property
    def least_logstd(self) -> float | None:
        """What bounds the log-stds of the mixtures: see `mixture.floored`."""
        return LEAST_LOGSTD if self.target == MEAN else None

    def targets(self, z: jax.Array, mu: jax.Array) -> jax.Array:
        """Return which M is scored on: samples z of V's posterior, or its means mu."""
        return mu if self.target == MEAN else z

    @property
    def _cell(self) -> tuple[str, int, int]:
        return self.cell, self.latent_size + self.action_size, self.hidden_size

    def setup(self):
        self.cell_params = {
            name: self.param(name, parameter.initial, parameter.shape, self.dtype)
            for name, parameter in self.recurrent.parameters().items()
        }
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        shape = self.size.output, 3 * self.mixtures * self.latent_size
        self.head_kernel = self.param("head_kernel", glorot, shape, self.dtype)
        self.head_bias = self.param("head_bias", zeros, shape[1:], self.dtype)
        # Made last: the others are the same with and without them.
        self.death = self._number("death") if self.death_head else None
        self.reward = self._number("reward") if self.reward_head else None

    def _number(self, name: str) -> Linear:
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        shape = (self.size.output, 1)
        kernel = self.param(f"{name}_kernel", glorot, shape, self.dtype)
        return Linear(kernel, self.param(f"{name}_bias", zeros, (1,), self.dtype))

    @property
    def _of_cell(self) -> Params:
        """The weights of the cell as a dict, which flax has frozen."""
        return dict(self.cell_params)

    def _inputs(self, z: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.concatenate([z, a], axis=-1).astype(self.dtype)

    def remember(self, state: State, z: jax.Array, a: jax.Array) -> State:
        """Return the state [B, ...] after (z [B, Z], a [B, A])."""
        return self.recurrent.step(self._of_cell, state, self._inputs(z, a))[1]

    def unfold(
        self, z: jax.Array, a: jax.Array, first: jax.Array, state: State
    ) -> tuple[jax.Array, State]:
        """Return h [T, B, N] after each of (z [T, B, Z], a [T, B, A]), and the state.

        An episode begins where `first` [T, B]: what was before it is forgotten.
        """
        return self.recurrent.unfold(self._of_cell, self._inputs(z, a), first, state)

    def head(self, h: jax.Array) -> Prediction:
        """Return what h [..., N] predicts."""
        outputs = product(h, self.head_kernel, self.precision) + self.head_bias
        found = mixture.from_outputs(outputs, self.mixtures)
        if (least := self.least_logstd) is not None:
            found = found._replace(logstd=mixture.floored(found.logstd, least))
        return Prediction(
            mixture=found,
            death=self.death(h) if self.death_head else None,
            reward=self.reward(h) if self.reward_head else None,
        )

    def observe(
        self, z: jax.Array, a: jax.Array, first: jax.Array, state: State
    ) -> tuple[State, Prediction]:
        """Return the state and the predictions [T, B, ...] of `unfold`."""
        h, state = self.unfold(z, a, first, state)
        return state, self.head(h)

    def cost(
        self, h: jax.Array, targets: Targets, death_weight: float
    ) -> tuple[jax.Array, Costs]:
        """Return `memory_costs.total` of what h [T, B, N] predicts.

        Deaths are rare: with a weight w > 1 the cross-entropy counts each w times, and
        what minimises it is not the log-odds x of death but x + log w (odds w times as
        high). So the loss sees x + log w, and x itself, which `head` gives to dreams
        and reports alike, is calibrated. This is the only place that knows of it.
        """
        heads = [Linear(self.head_kernel, self.head_bias)]
        if self.death_head:
            bias = self.death.bias + math.log(death_weight)
            heads.append(Linear(self.death.kernel, bias))
        if self.reward_head:
            heads.append(self.reward)
        kernel, bias = (jnp.concatenate(x, axis=-1) for x in zip(*heads, strict=True))
        return memory_costs.total(
            kernel, bias, h, targets, self.precision, self.least_logstd
        )

    def __call__(self, state: State, z: jax.Array, a: jax.Array):
        """Return the next state and what M predicts."""
        x = self._inputs(z, a)
        h, state = self.recurrent.step(self._of_cell, state, x)
        return state, self.head(h)


@partial(jax.jit, static_argnames="model")
def initial(key: jax.Array, model: Memory) -> Params:
    """Return fresh parameters, 422,368 of them at the paper's sizes."""
    z = jnp.zeros((1, model.latent_size), model.dtype)
    a = jnp.zeros((1, model.action_size), model.dtype)
    return model.init(key, initial_state(model, 1), z, a)["params"]


def initial_state(model: Memory, batch: int) -> State:
    """Return the state [B, ...] before the first step."""
    return model.recurrent.initial(batch, model.dtype)


def features(model: Memory, state: State) -> Mapping[str, jax.Array]:
    """Return the vectors of a state that C may read, by name."""
    return model.recurrent.features(state)


def step(
    params: Params, model: Memory, state: State, z: jax.Array, a: jax.Array
) -> tuple[State, Prediction]:
    """Consume (z [B, Z], a [B, A]); return the state and the prediction [B, ...]."""
    return model.apply({"params": params}, state, z, a)


def remember(
    params: Params, model: Memory, state: State, z: jax.Array, a: jax.Array
) -> State:
    """Consume (z [B, Z], a [B, A]) without predicting: all that driving needs."""
    return model.apply({"params": params}, state, z, a, method="remember")


def observe(
    params: Params,
    model: Memory,
    state: State,
    z: jax.Array,
    a: jax.Array,
) -> tuple[State, Prediction]:
    """Consume true latents; return the state and the predictions of each next step.

    Args:
        state: [B, ...] before the first step.
        z: [T, B, Z] true latents.
        a: [T, B, A] actions that were applied.

    Returns:
        The state after the last step, and predictions [T, B, ...].
    """
    first = jnp.zeros(z.shape[:2], bool)
    return model.apply({"params": params}, z, a, first, state, method="observe")
