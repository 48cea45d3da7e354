"""Random policies for the rollouts of round 0, and noise for later rounds.

Each slot has a driver of its own, made from its episode's seed and computed by itself:
an episode is the same, bit for bit, in any slot of any pool. (No BLAS: the order of its
sums depends on the number of threads.) Pure numpy, for the parent process.
"""

from typing import Protocol

import numpy as np

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW
from worldmodels.environments.episodes import Episode, EpisodePolicy
from worldmodels.errors import UserError

# The environment draws its track from the bare seed; our streams must differ from it.
_DRIVER_STREAM, _NOISE_STREAM = 1, 2
_A = len(ACTION_LOW)


class Driver(Protocol):
    """A policy for one episode; made from the generator of its episode."""

    def choose(self, frame: np.ndarray) -> np.ndarray:
        """Choose an action [A] on seeing a frame, uint8 [64, 64, 3]."""

    def remember(self, action: np.ndarray) -> None:
        """Take note of the action [A] that is applied in the end."""


class White:
    """Uniform within the bounds, each step anew."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng

    def choose(self, frame: np.ndarray) -> np.ndarray:
        return self._rng.uniform(ACTION_LOW, ACTION_HIGH)

    def remember(self, action: np.ndarray) -> None:
        pass


class Brownian:
    """a += N(0, 1) * sqrt(1/50), clipped to the bounds; it starts uniformly in them."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._action = rng.uniform(ACTION_LOW, ACTION_HIGH)

    def choose(self, frame: np.ndarray) -> np.ndarray:
        step = self._rng.standard_normal(_A) * np.sqrt(1 / 50)  # sqrt(dt), 50 frames/s
        return np.clip(self._action + step, ACTION_LOW, ACTION_HIGH)

    def remember(self, action: np.ndarray) -> None:
        self._action = action


class Network:
    """A random linear controller on the features of random V and M, as the original's.

    Departure: V is a random projection of every fourth pixel and M a random echo-state
    layer, where the original drew the weights of its convolutional V and of its LSTM.
    The features are alike: 32 of z, sampled with unit noise, and 256 of a bounded h.
    """

    Z, N, STRIDE = 32, 256, 4

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        pixels = 3 * (64 // self.STRIDE) ** 2
        inputs = self.N + self.Z + _A
        # Weights of variance 1/inputs keep the features of order one.
        self._vision = _normal(rng, (self.Z, pixels)) / np.float32(np.sqrt(pixels))
        self._memory = _normal(rng, (self.N, inputs)) / np.float32(np.sqrt(inputs))
        spread = rng.uniform() * 0.01  # how wildly this episode is driven
        controller = rng.standard_cauchy((_A, self.Z + self.N + 1)) * spread
        self._controller = controller.astype(np.float32)
        self._z = np.zeros(self.Z, np.float32)
        self._h = np.zeros(self.N, np.float32)

    def choose(self, frame: np.ndarray) -> np.ndarray:
        pixels = frame[:: self.STRIDE, :: self.STRIDE].ravel() / np.float32(255)
        self._z = _product(self._vision, pixels) + _normal(self._rng, self.Z)
        features = np.concatenate([self._z, self._h, np.ones(1, np.float32)])
        a = np.tanh(_product(self._controller, features))
        return np.array([a[0], (a[1] + 1) / 2, max(a[2], 0)], np.float32)

    def remember(self, action: np.ndarray) -> None:
        inputs = np.concatenate([self._h, self._z, action])
        self._h = np.tanh(_product(self._memory, inputs))


def _normal(rng: np.random.Generator, shape) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def _product(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.einsum("oi,i->o", matrix, vector)


class SlotPolicy:
    """An `EpisodePolicy` of independent drivers, one a slot."""

    def __init__(self, driver: type, slots: int):
        self._driver = driver
        self._drivers: list[Driver | None] = [None] * slots

    def start(self, slot: int, episode: Episode) -> None:
        rng = np.random.default_rng([episode.seed, _DRIVER_STREAM])
        self._drivers[slot] = self._driver(rng)

    def act(
        self, frames: np.ndarray, active: np.ndarray, noise: np.ndarray | None = None
    ) -> np.ndarray:
        actions = np.zeros((len(self._drivers), _A), np.float32)
        for slot in np.flatnonzero(active):
            driver = self._drivers[slot]
            action = driver.choose(frames[slot])
            if noise is not None:
                action = np.clip(action + noise[slot], ACTION_LOW, ACTION_HIGH)
            actions[slot] = action
            driver.remember(actions[slot])
        return actions


_DRIVERS = {"network": Network, "brownian": Brownian, "white": White}


def random_policy(name: str, slots: int) -> EpisodePolicy:
    """Return the random policy of that name for S slots.

    Raises:
        UserError: for an unknown name.
    """
    if name not in _DRIVERS:
        raise UserError(
            f"random policy {name!r} does not exist; choose one of: "
            f"{', '.join(_DRIVERS)}"
        )
    return SlotPolicy(_DRIVERS[name], slots)


class _NoisyPolicy:
    """Another policy and the generators of its noise."""

    def __init__(self, policy: EpisodePolicy, std: float):
        self._policy = policy
        self._std = np.float32(std)
        self._generators: dict[int, np.random.Generator] = {}

    def start(self, slot: int, episode: Episode) -> None:
        seed = [episode.seed, _NOISE_STREAM]
        self._generators[slot] = np.random.default_rng(seed)
        self._policy.start(slot, episode)

    def act(
        self, frames: np.ndarray, active: np.ndarray, noise: np.ndarray | None = None
    ) -> np.ndarray:
        total = np.zeros((len(frames), _A), np.float32)
        for slot in np.flatnonzero(active):
            total[slot] = self._std * _normal(self._generators[slot], _A)
        return self._policy.act(
            frames, active, total if noise is None else total + noise
        )


def with_noise(policy: EpisodePolicy, std: float) -> EpisodePolicy:
    """Add Gaussian noise to the actions, for exploration in later rounds' rollouts.

    The noise, of standard deviation `std` in each action's own unit, comes from the
    episode's seed. It goes into `policy.act`, which clips the sum and remembers it:
    M has to see the actions that were applied.
    """
    return _NoisyPolicy(policy, std)
