"""What drives a batch of cars: the interface, random policies, and noise.

A policy is a pure function of its mind, of frames and of keys, batched over B cars, so
it runs inside a jitted loop as well as beside environments of another kind. What it
remembers of one car's episode, be it weights, is in that car's row of the mind.

World Models, section 2.4 step 1: the rollouts of round 0 are driven at random. Section
5: later rounds explore with noise on the trained agent's actions.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from worldmodels.environments.games import Game
from worldmodels.models.controller import bounded, squash
from worldmodels.runtime.errors import UserError

_LONGEST = 10  # steps that a held action is held at most


class Policy(Protocol):
    """What drives B cars; a pytree, so that its weights are arguments of programs."""

    def act(
        self, mind: Any, frames: jax.Array, keys: jax.Array
    ) -> tuple[Any, jax.Array]:
        """Return the next mind and actions [B, A] within the bounds.

        Args:
            mind: a pytree with B rows.
            frames: [B, H, W, 3] in 0..255.
            keys: [B] typed keys, for this step alone.
        """

    def remember(self, mind: Any, actions: jax.Array) -> Any:
        """Return the mind after the actions [B, A] that were applied."""


class RandomPolicy(Policy, Protocol):
    """A policy that is drawn, not learnt."""

    def initial(self, keys: jax.Array) -> Any:
        """Return the minds of episodes with these keys [B], before the first frame."""


@jax.tree_util.register_static
@dataclass(frozen=True)
class White:
    """Uniform within the bounds, each step anew; it has no mind."""

    game: Game

    def initial(self, keys: jax.Array) -> tuple[()]:
        return ()

    def act(
        self, mind: tuple[()], frames: jax.Array, keys: jax.Array
    ) -> tuple[tuple[()], jax.Array]:
        return mind, _uniform(keys, self.game)

    def remember(self, mind: tuple[()], actions: jax.Array) -> tuple[()]:
        return mind


@jax.tree_util.register_static
@dataclass(frozen=True)
class Brownian:
    """a += N(0, 1) * sqrt(dt), clipped to the bounds; it starts uniformly in them.

    dt is a frame's time in seconds: in CarRacing 1/50. The mind is the action [B, A]
    that was applied last. A step of a gymnasium world's number is in halves of its
    range. Where an action is a choice, every choice has a number in [0, 1] that walks
    so: the mind is these numbers, and the largest is chosen.
    """

    game: Game

    def initial(self, keys: jax.Array) -> jax.Array:
        return _between(keys, self.game)

    def act(
        self, mind: jax.Array, frames: jax.Array, keys: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        deviation = self.game.frames_per_second**-0.5  # sqrt(dt)
        steps = _normal(keys, mind.shape[1:]) * deviation
        if self.game.discrete:
            mind = jnp.clip(mind + steps, 0, 1)
            return mind, bounded(mind, self.game)
        if any(action.squash == "scaled" for action in self.game.actions):
            steps *= (self.game.high - self.game.low) / 2
        return mind, bounded(mind + steps, self.game)

    def remember(self, mind: jax.Array, actions: jax.Array) -> jax.Array:
        return mind if self.game.discrete else actions


class HeldMind(NamedTuple):
    """What B players hold on to."""

    action: jax.Array  # float32 [B, A]
    left: jax.Array  # int32 [B], steps that it will still be held


@jax.tree_util.register_static
@dataclass(frozen=True)
class Held:
    """A uniform action, held for 1 to 10 steps, as many as not; then the next."""

    game: Game

    def initial(self, keys: jax.Array) -> HeldMind:
        shape = len(keys), len(self.game.actions)
        return HeldMind(jnp.zeros(shape, jnp.float32), jnp.zeros(len(keys), jnp.int32))

    def act(
        self, mind: HeldMind, frames: jax.Array, keys: jax.Array
    ) -> tuple[HeldMind, jax.Array]:
        of_action, of_time = jax.vmap(jax.random.split, out_axes=1)(keys)
        times = jax.vmap(
            lambda key: jax.random.randint(key, (), 1, _LONGEST + 1, jnp.int32)
        )(of_time)
        over = mind.left == 0
        action = jnp.where(over[:, None], _uniform(of_action, self.game), mind.action)
        return HeldMind(action, jnp.where(over, times, mind.left) - 1), action

    def remember(self, mind: HeldMind, actions: jax.Array) -> HeldMind:
        return mind


class NetworkMind(NamedTuple):
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
    def initial(self, keys: jax.Array) -> NetworkMind:
        return jax.vmap(self._draw)(keys)

    def _draw(self, key: jax.Array) -> NetworkMind:
        """Return one episode's networks and its empty state."""
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
        return NetworkMind(
            # Weights of variance 1/inputs keep the features of order one.
            vision / pixels**0.5,
            memory / inputs**0.5,
            controller * spread,  # how wildly this episode is driven
            jnp.zeros(self.latent_size, jnp.float32),
            jnp.zeros(self.memory_size, jnp.float32),
        )

    def act(
        self, mind: NetworkMind, frames: jax.Array, keys: jax.Array
    ) -> tuple[NetworkMind, jax.Array]:
        seen = frames[:, :: self.stride, :: self.stride].reshape(len(frames), -1)
        pixels = seen.astype(jnp.float32) / 255
        z = _product(mind.vision, pixels) + _normal(keys, (self.latent_size,))
        one = jnp.ones((len(z), 1), jnp.float32)
        features = jnp.concatenate([z, mind.h, one], axis=-1)
        raw = _product(mind.controller, features)
        return mind._replace(z=z), jax.vmap(partial(squash, game=self.game))(raw)

    def remember(self, mind: NetworkMind, actions: jax.Array) -> NetworkMind:
        inputs = jnp.concatenate([mind.h, mind.z, actions], axis=-1)
        return mind._replace(h=jnp.tanh(_product(mind.memory, inputs)))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("policy",),
    meta_fields=("std", "game"),
)
@dataclass(frozen=True)
class Noisy:
    """Another policy, with Gaussian noise on its actions; the mind is the other's.

    What comes of it is bounded, and it is what `remember` has to be given: M has to
    see the actions that were applied.
    """

    policy: Policy
    std: float  # standard deviation in each action's own unit
    game: Game

    def act(
        self, mind: Any, frames: jax.Array, keys: jax.Array
    ) -> tuple[Any, jax.Array]:
        of_policy, of_noise = jax.vmap(jax.random.split, out_axes=1)(keys)
        mind, actions = self.policy.act(mind, frames, of_policy)
        noise = self.std * _normal(of_noise, actions.shape[1:])
        return mind, bounded(actions + noise, self.game)

    def remember(self, mind: Any, actions: jax.Array) -> Any:
        return self.policy.remember(mind, actions)


_RANDOM = {"network": Network, "brownian": Brownian, "white": White, "held": Held}


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
    """Return each car's matrix [B, O, I] times its vector [B, I], whatever the others.

    In this order of the axes it is as fast as the matrices come from memory.
    """
    return jnp.einsum("boi,bi->bo", matrices, vectors)
