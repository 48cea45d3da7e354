"""The dream: M is the environment that C acts in (World Models, section 4).

A dream begins at the first frame of a recorded episode: z is drawn from V's posterior,
or is its mean where M predicts means, and M remembers nothing. It may also begin at a
later frame, where M remembers what came before. At every step an action
is chosen on z and on M's state before it, M reads (z, action) as when it drives
(`agent`), and the next z is drawn from M's mixture at a temperature tau: the larger
tau, the more uncertain the dream.

The dream pays and ends by M's other heads. Where M predicts death, a step survived is
worth 1, and the step that kills is worth nothing. Where M predicts the reward alone, a
step pays that reward, and nobody dies. An M without these heads can dream, but its
dreams have no return.

There are two rules of death. Drawn: the dreamer dies with the probability that M
states, which `memory` has corrected for the weight of deaths in the loss. So dreamers
die as often as M expects, however unsure it is. Threshold, the released code's rule:
the dreamer dies where that probability is above 1 / (1 + weight), 1/11 at the paper's
weight of 10 (`death_threshold`); the paper's text prefers a cut-off to drawing as more
stable. The temperature acts on neither: it would make a rare death many times as
frequent.

Written for one dream: `jax.vmap` at the call site.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import memory, mixture, vision
from worldmodels.models.memory import Memory, Params, Prediction
from worldmodels.runtime.errors import UserError


class DreamState(NamedTuple):
    """Where a dream is, before an action is chosen."""

    z: jax.Array  # [Z], seen now
    memory: memory.State  # of one row, before M has read (z, action)


class StepNoise(NamedTuple):
    """All that is random in a step of a dream; it can be drawn ahead."""

    z: mixture.Noise  # [Z]
    death: jax.Array  # [] uniform in [0, 1)


class Starts(NamedTuple):
    """V's posterior of S frames: where dreams begin."""

    mu: jax.Array  # [S, Z]
    logvar: jax.Array  # [S, Z]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("params", "starts", "temperature", "death_threshold", "remembered"),
    meta_fields=("model",),
)
@dataclass(frozen=True)
class Dream:
    """M as an environment: `reset`, then `step` by `step`."""

    model: Memory
    params: Params
    starts: Starts
    temperature: jax.Array | float = 1.0  # tau; 0: the likeliest Gaussian's mean
    death_threshold: jax.Array | float | None = None  # log-odds; None: death is drawn
    remembered: memory.State | None = None  # [S, ...] at each start; None: nothing

    def reset(self, key: jax.Array) -> DreamState:
        """Begin a dream at one of the starts."""
        of_start, of_z = jax.random.split(key)
        start = jax.random.randint(of_start, (), 0, len(self.starts.mu))
        dtype = self.model.dtype
        mu, logvar = (jnp.asarray(x, dtype)[start] for x in self.starts)
        if self.remembered is None:
            row = memory.initial_state(self.model, 1)
            remembered = jax.tree.map(lambda x: x[0], row)
        else:
            remembered = jax.tree.map(lambda x: jnp.asarray(x)[start], self.remembered)
        z = vision.sample(of_z, mu, logvar)
        return DreamState(self.model.targets(z, mu), remembered)

    def step(
        self, state: DreamState, action: jax.Array, key: jax.Array
    ) -> tuple[DreamState, jax.Array, jax.Array]:
        """Dream on under the action [A], as a game applies it.

        Returns:
            The next state, the step's reward (NaN: M predicts none), and whether it was
            the dreamer's last.
        """
        return self.follow(state, action, self.noise(key))

    def noise(self, key: jax.Array) -> StepNoise:
        """Return the noise of the step that has this key."""
        of_z, of_death = jax.random.split(key)
        shape, dtype = (self.model.latent_size,), self.model.dtype
        return StepNoise(
            mixture.noise(of_z, shape, dtype),
            jax.random.uniform(of_death, (), dtype),
        )

    def follow(
        self, state: DreamState, action: jax.Array, noise: StepNoise
    ) -> tuple[DreamState, jax.Array, jax.Array]:
        """Do what `step` does, with its noise in place of its key."""
        state, predicted = _advance(
            self.params, self.model, state, action, noise.z, self.temperature
        )
        dtype = self.model.dtype
        return state, *_outcome(noise.death, predicted, self.death_threshold, dtype)


def advance(
    params: Params,
    model: Memory,
    state: DreamState,
    action: jax.Array,
    key: jax.Array,
    temperature: jax.Array | float,
) -> tuple[DreamState, Prediction]:
    """Let M read (z, action [A]); return a draw of what it predicts, and all of it."""
    noise = mixture.noise(key, (model.latent_size,), model.dtype)
    return _advance(params, model, state, action, noise, temperature)


def _advance(params, model, state, action, noise: mixture.Noise, temperature):
    after, predicted = memory.step(params, model, state.memory, state.z, action)
    z = mixture.drawn(predicted.mixture, noise, temperature)
    return DreamState(z, after), predicted


def _outcome(
    uniform: jax.Array,
    predicted: Prediction,
    threshold: jax.Array | float | None,
    dtype: Any,
) -> tuple[jax.Array, jax.Array]:
    """Return what a step is worth and whether it was deadly."""
    if predicted.death is not None:
        if threshold is None:
            died = uniform < jax.nn.sigmoid(predicted.death)
        else:
            died = predicted.death > threshold
        return jnp.where(died, 0, 1).astype(dtype), died
    unknown = jnp.array(jnp.nan, dtype)
    reward = unknown if predicted.reward is None else predicted.reward
    return reward, jnp.bool(False)


def death_threshold(death_weight: float) -> float:
    """Return the log-odds of death above which the released code lets a dreamer die.

    There the head is trained with deaths weighted w times and kills where its logit is
    above 0. Such a logit is x + log w, where x is the log-odds that M states here (see
    `Memory.cost`), so the same steps kill: x > -log w, a probability above 1 / (1 + w).
    """
    return -math.log(death_weight)


def check_pays(model: Memory) -> None:
    """Refuse an M in whose dream C cannot learn.

    Raises:
        UserError: when it predicts neither death nor the reward.
    """
    if not (model.death_head or model.reward_head):
        raise UserError(
            "M predicts neither death nor the reward, so nobody can learn in its "
            "dream: train it with memory.death_head or memory.reward_head"
        )


def imagine(
    params: Params,
    model: Memory,
    state: DreamState,
    actions: jax.Array,
    key: jax.Array,
    temperature: jax.Array | float = 1.0,
) -> jax.Array:
    """Dream on from `state` under given actions [T, A], and return z [T, Z].

    The first is the prediction for the step after `state`. M needs no other head here.
    """

    def step(state: DreamState, at_t: tuple[jax.Array, jax.Array]):
        action, key = at_t
        state, _ = advance(params, model, state, action, key, temperature)
        return state, state.z

    keys = jax.random.split(key, len(actions))
    return jax.lax.scan(step, state, (actions, keys))[1]
