"""Policies: the interface, the random policies of round 0, and noise on another's.

A policy is a pure function of its carry, of frames and of keys, batched over B
episodes, so it runs inside a jitted loop as well as beside environments of another
kind. All that it remembers of one episode, drawn weights included, is in that episode's
row of the carry.

World Models, section 3.2 step 1: the rollouts of round 0 are driven at random. Noise on
the actions of a trained agent is not in the paper; it lets later rounds explore.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from worldmodels.environments.games import Game
from worldmodels.models.controller import bounded, squash
from worldmodels.runtime.errors import UserError

_LONGEST = 10  # steps that an action is held at most


class Policy(Protocol):
    """Plays B episodes; a pytree, so that its weights are arguments of programs."""

    def act(
        self, carry: Any, frames: jax.Array, keys: jax.Array
    ) -> tuple[Any, jax.Array]:
        """Return the next carry and actions [B, A] within the bounds.

        Args:
            carry: what the policy remembers, a pytree with B rows.
            frames: [B, H, W, 3] in 0..255.
            keys: [B] typed keys, for this step alone.
        """

    def remember(self, carry: Any, actions: jax.Array) -> Any:
        """Return the carry after the actions [B, A] that were applied."""


class RandomPolicy(Policy, Protocol):
    """A policy that is drawn, not learnt."""

    def initial(self, keys: jax.Array) -> Any:
        """Return the carry [B, ...] of episodes with these keys [B], at their start."""


@jax.tree_util.register_static
@dataclass(frozen=True)
class White:
    """Uniform within the bounds, each step anew; it remembers nothing."""

    game: Game

    def initial(self, keys: jax.Array) -> tuple[()]:
        return ()

    def act(
        self, carry: tuple[()], frames: jax.Array, keys: jax.Array
    ) -> tuple[tuple[()], jax.Array]:
        return carry, _uniform(keys, self.game)

    def remember(self, carry: tuple[()], actions: jax.Array) -> tuple[()]:
        return carry


@jax.tree_util.register_static
@dataclass(frozen=True)
class Brownian:
    """a += N(0, 1) * sqrt(dt), clipped to the bounds; it starts uniformly in them.

    dt is a frame's time in seconds: in CarRacing 1/50. The carry is the action [B, A]
    that was applied last. A step of a gymnasium world's number is in halves of its
    range. Where an action is a choice, every choice has a number in [0, 1] that walks
    so: the carry is these numbers, and the largest is chosen.
    """

    game: Game

    def initial(self, keys: jax.Array) -> jax.Array:
        return _between(keys, self.game)

    def act(
        self, carry: jax.Array, frames: jax.Array, keys: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        deviation = self.game.frames_per_second**-0.5  # sqrt(dt)
        steps = _normal(keys, carry.shape[1:]) * deviation
        if self.game.discrete:
            carry = jnp.clip(carry + steps, 0, 1)
            return carry, bounded(carry, self.game)
        if any(action.squash == "scaled" for action in self.game.actions):
            steps *= (self.game.high - self.game.low) / 2
        return carry, bounded(carry + steps, self.game)

    def remember(self, carry: jax.Array, actions: jax.Array) -> jax.Array:
        return carry if self.game.discrete else actions


class HeldCarry(NamedTuple):
    """An action in each of B episodes, and when the next is drawn."""

    action: jax.Array  # float32 [B, A]
    repeat: jax.Array  # int32 [B], 1 to 10
    step: jax.Array  # int32 [B], steps since the episode's start


@jax.tree_util.register_static
@dataclass(frozen=True)
class Held:
    """A uniform action; a new one at every step that `repeat` divides.

    The released code's policy for TakeCover: with the action a new repeat is drawn,
    uniform in 1..10. An action lasts 3.67 steps on average and not 5.5, because the
    step at which it is drawn need not be a multiple of the new repeat.
    """

    game: Game

    def initial(self, keys: jax.Array) -> HeldCarry:
        count = len(keys)
        action = jnp.zeros((count, len(self.game.actions)), jnp.float32)
        return HeldCarry(
            action, jnp.ones(count, jnp.int32), jnp.zeros(count, jnp.int32)
        )

    def act(
        self, carry: HeldCarry, frames: jax.Array, keys: jax.Array
    ) -> tuple[HeldCarry, jax.Array]:
        drawn, repeats = _actions_and_times(keys, self.game)
        now = carry.step % carry.repeat == 0
        action = jnp.where(now[:, None], drawn, carry.action)
        repeat = jnp.where(now, repeats, carry.repeat)
        return HeldCarry(action, repeat, carry.step + 1), action

    def remember(self, carry: HeldCarry, actions: jax.Array) -> HeldCarry:
        return carry


class HeldUniformCarry(NamedTuple):
    """An action in each of B episodes, and how long it is still held."""

    action: jax.Array  # float32 [B, A]
    left: jax.Array  # int32 [B], steps


@jax.tree_util.register_static
@dataclass(frozen=True)
class HeldUniform:
    """A uniform action, held for 1 to 10 steps, each equally likely; then the next.

    An action lasts 5.5 steps on average. In stores this policy is called "held", as it
    was in earlier versions, and the released code's "held_released".
    """

    game: Game

    def initial(self, keys: jax.Array) -> HeldUniformCarry:
        action = jnp.zeros((len(keys), len(self.game.actions)), jnp.float32)
        return HeldUniformCarry(action, jnp.zeros(len(keys), jnp.int32))

    def act(
        self, carry: HeldUniformCarry, frames: jax.Array, keys: jax.Array
    ) -> tuple[HeldUniformCarry, jax.Array]:
        drawn, times = _actions_and_times(keys, self.game)
        over = carry.left == 0
        action = jnp.where(over[:, None], drawn, carry.action)
        return HeldUniformCarry(action, jnp.where(over, times, carry.left) - 1), action

    def remember(self, carry: HeldUniformCarry, actions: jax.Array) -> HeldUniformCarry:
        return carry


def _actions_and_times(keys: jax.Array, game: Game) -> tuple[jax.Array, jax.Array]:
    """Return an action [B, A] and a number of steps, 1 to 10, [B], for each key [B]."""
    of_action, of_time = jax.vmap(jax.random.split, out_axes=1)(keys)
    times = jax.vmap(
        lambda key: jax.random.randint(key, (), 1, _LONGEST + 1, jnp.int32)
    )(of_time)
    return _uniform(of_action, game), times


class NetworkCarry(NamedTuple):
    """The networks of B episodes, 0.4 MB each, and their state."""

    vision: jax.Array  # float32 [B, Z, pixels]
    memory: jax.Array  # float32 [B, N, N + Z + A]
    controller: jax.Array  # float32 [B, A, Z + N + 1]
    z: jax.Array  # float32 [B, Z], seen last
    h: jax.Array  # float32 [B, N]


@jax.tree_util.register_static
@dataclass(frozen=True)
class Network:
    """A random linear controller on the features of random V and M, as the original's.

    Departure: V is a random projection of every fourth pixel and M a random echo-state
    layer, where the original drew the weights of its convolutional V and of its LSTM.
    The features are alike: 32 of z, sampled with unit noise, and 256 of a bounded h.
    """

    game: Game
    latent_size: int = 32  # Z
    memory_size: int = 256  # N
    stride: int = 4  # between the pixels that are seen

    @jax.jit
    def initial(self, keys: jax.Array) -> NetworkCarry:
        return jax.vmap(self._draw)(keys)

    def _draw(self, key: jax.Array) -> NetworkCarry:
        """Return one episode's networks and its state, zeros."""
        of_vision, of_memory, of_controller, of_spread = jax.random.split(key, 4)
        pixels = 3 * (self.game.view.size // self.stride) ** 2
        action_size = len(self.game.actions)
        inputs = self.memory_size + self.latent_size + action_size
        features = self.latent_size + self.memory_size + 1
        vision = jax.random.normal(of_vision, (self.latent_size, pixels), jnp.float32)
        memory = jax.random.normal(of_memory, (self.memory_size, inputs), jnp.float32)
        shape = action_size, features
        controller = jax.random.cauchy(of_controller, shape, jnp.float32)
        spread = 0.01 * jax.random.uniform(of_spread, (), jnp.float32)
        return NetworkCarry(
            # Weights of variance 1/inputs keep the features of order one.
            vision / pixels**0.5,
            memory / inputs**0.5,
            controller * spread,  # how wildly this episode is driven
            jnp.zeros(self.latent_size, jnp.float32),
            jnp.zeros(self.memory_size, jnp.float32),
        )

    def act(
        self, carry: NetworkCarry, frames: jax.Array, keys: jax.Array
    ) -> tuple[NetworkCarry, jax.Array]:
        seen = frames[:, :: self.stride, :: self.stride].reshape(len(frames), -1)
        pixels = seen.astype(jnp.float32) / 255
        z = _product(carry.vision, pixels) + _normal(keys, (self.latent_size,))
        one = jnp.ones((len(z), 1), jnp.float32)
        features = jnp.concatenate([z, carry.h, one], axis=-1)
        raw = _product(carry.controller, features)
        return carry._replace(z=z), jax.vmap(partial(squash, game=self.game))(raw)

    def remember(self, carry: NetworkCarry, actions: jax.Array) -> NetworkCarry:
        inputs = jnp.concatenate([carry.h, carry.z, actions], axis=-1)
        return carry._replace(h=jnp.tanh(_product(carry.memory, inputs)))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("policy",),
    meta_fields=("std", "game"),
)
@dataclass(frozen=True)
class Noisy:
    """Another policy, with Gaussian noise on its actions; the carry is the other's.

    Actions are clipped to the bounds after the noise. `remember` takes these: M reads
    the actions that were applied.
    """

    policy: Policy
    std: float  # standard deviation in each action's own unit
    game: Game

    def act(
        self, carry: Any, frames: jax.Array, keys: jax.Array
    ) -> tuple[Any, jax.Array]:
        of_policy, of_noise = jax.vmap(jax.random.split, out_axes=1)(keys)
        carry, actions = self.policy.act(carry, frames, of_policy)
        noise = self.std * _normal(of_noise, actions.shape[1:])
        return carry, bounded(actions + noise, self.game)

    def remember(self, carry: Any, actions: jax.Array) -> Any:
        return self.policy.remember(carry, actions)


_RANDOM = {
    "network": Network,
    "brownian": Brownian,
    "white": White,
    "held": Held,
    "held_uniform": HeldUniform,
}


def random_policy(name: str, game: Game) -> RandomPolicy:
    """Return the random policy of that name, for a game.

    Raises:
        UserError: for an unknown name.
    """
    if name not in _RANDOM:
        raise UserError(
            f"random policy {name!r} does not exist; choose one of: "
            f"{', '.join(_RANDOM)}"
        )
    return _RANDOM[name](game)


def _normal(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Return a draw [B, *shape] for each of the keys [B]."""
    return jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32))(keys)


def _uniform(keys: jax.Array, game: Game) -> jax.Array:
    """Return an action [B, A] for each of the keys [B], all as likely as each other."""
    numbers = _between(keys, game)
    return bounded(numbers, game) if game.discrete else numbers


def _between(keys: jax.Array, game: Game) -> jax.Array:
    """Return numbers [B, A] between the bounds for each of the keys [B]."""
    low, high = jnp.asarray(game.low), jnp.asarray(game.high)

    def draw(key: jax.Array) -> jax.Array:
        return jax.random.uniform(key, low.shape, jnp.float32, low, high)

    return jax.vmap(draw)(keys)


def _product(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """Return each episode's matrix [B, O, I] times its vector [B, I].

    A row does not depend on the others. In this order of the axes it takes as long as
    reading the matrices from memory.
    """
    return jnp.einsum("boi,bi->bo", matrices, vectors)
