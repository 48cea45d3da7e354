"""The one home of randomness: seeds of episodes and keys of trainings.

A single `seed` in the configuration decides everything. Episode seeds live in ranges
that are disjoint by construction: the purpose fills the highest bits, so a controller
can never be selected or scored on a track that it was trained on.
"""

import zlib
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from worldmodels.runtime.errors import UserError

# The command line reads the bounds below, and has to answer at once.
if TYPE_CHECKING:
    from collections.abc import Callable

    import jax
    import numpy as np

_INDEX_BITS = 28
_ROUND_BITS = 8
_SEED_BITS = 16
MAX_SEED = 2**_SEED_BITS - 1
MAX_ROUNDS = 2**_ROUND_BITS
MAX_EPISODES = 2**_INDEX_BITS  # of one purpose in a round
_RUN_BITS = _SEED_BITS + _ROUND_BITS
_ENGINE_BITS = 30  # that an engine's seed has beside those of the purpose


class Purpose(IntEnum):
    """What an episode is for; never reorder, the values are part of every seed."""

    ROLLOUT = 0
    TRAINING = 1
    SELECTION = 2
    TEST = 3


MAX_EPISODE_SEED = (len(Purpose) << (_RUN_BITS + _INDEX_BITS)) - 1


def episode_seeds(
    purpose: Purpose, seed: int, round: int, start: int, count: int
) -> "np.ndarray":
    """Return `count` consecutive episode seeds, int64 [count].

    Test seeds ignore `seed` and `round`, so that every agent is scored on the same
    tracks; all others depend on both.

    Raises:
        UserError: when a part does not fit its bits.
    """
    import numpy as np

    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"seed is {seed}; it must lie between 0 and {MAX_SEED}")
    if not 0 <= round < MAX_ROUNDS:
        raise UserError(f"round is {round}; it must lie between 0 and {MAX_ROUNDS - 1}")
    if not 0 <= start <= start + count <= MAX_EPISODES:
        raise UserError(
            f"episodes {start} to {start + count} of one round are asked for; they "
            f"must lie between 0 and {MAX_EPISODES}"
        )
    if purpose is Purpose.TEST:
        seed, round = 0, 0
    high = ((int(purpose) << _SEED_BITS | seed) << _ROUND_BITS | round) << _INDEX_BITS
    return high + np.arange(start, start + count, dtype=np.int64)


def purpose_of(episode_seed: int) -> Purpose:
    """Return the range that an episode's seed lies in.

    Raises:
        ValueError: when it lies in none.
    """
    return Purpose(int(episode_seed) >> (_RUN_BITS + _INDEX_BITS))


def rounds_of(episode_seeds: "np.ndarray") -> "np.ndarray":
    """Return the round that each episode was driven in, int64 [E]."""
    return episode_seeds // MAX_EPISODES % MAX_ROUNDS


def engine_seed(episode_seed: int) -> int:
    """Return an episode's seed in the 32 bits that a game's engine takes.

    The purpose keeps its bits, so what an engine is scored on stays disjoint from what
    was trained on. The episodes of one purpose, seed and round stay different too;
    those of two are a hash apart.
    """
    run, index = divmod(int(episode_seed), MAX_EPISODES)
    purpose, run = divmod(run, 2**_RUN_BITS)
    place = (zlib.crc32(b"%d" % run) + index) % 2**_ENGINE_BITS
    return purpose % len(Purpose) << _ENGINE_BITS | place


def key_for(seed: int, round: int, meaning: str, *indices: int) -> "jax.Array":
    """Return the typed key of one use of randomness, named by `meaning`.

    `meaning` is a word such as "vision" or "controller"; `indices` count within it.
    Use one meaning with the same number of indices everywhere: the key of ("vision",)
    is the parent of ("vision", 0), and what is split from it may be that child.
    """
    import numpy as np

    words = np.array([round, zlib.crc32(meaning.encode()), *indices], np.uint32)
    return _folding()(seed, words)


@cache
def _folding() -> "Callable[[int, np.ndarray], jax.Array]":
    """Return the one program that makes a key of a seed and of some words [W]."""
    import jax

    @jax.jit
    def fold(seed: "jax.Array", words: "jax.Array") -> "jax.Array":
        key = jax.random.key(seed)
        for word in words:
            key = jax.random.fold_in(key, word)
        return key

    return fold


def generator_for(
    seed: int, round: int, meaning: str, *indices: int
) -> "np.random.Generator":
    """Return the numpy generator of one use of randomness, named by `meaning`."""
    import numpy as np

    entropy = [seed, round, zlib.crc32(meaning.encode())]
    # Not appended to the entropy: numpy takes no notice of zeros at its end.
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=indices))


def seed_words(seeds: "np.ndarray") -> "np.ndarray":
    """Return episode seeds [B] as their high and low words, uint32 [B, 2]."""
    import numpy as np

    return np.stack(np.divmod(seeds, 2**32), axis=-1).astype(np.uint32)


def episode_keys(words: "jax.Array", meaning: str) -> "jax.Array":
    """Return each episode's key [B] for one use, from the words [B, 2] of its seed."""
    import jax

    def key(word: "jax.Array") -> "jax.Array":
        key = jax.random.fold_in(jax.random.key(zlib.crc32(meaning.encode())), word[0])
        return jax.random.fold_in(key, word[1])

    return jax.vmap(key)(words)


def step_keys(words: "jax.Array", steps: "jax.Array") -> "jax.Array":
    """Return the keys [B] of the steps [B] that episodes are at."""
    import jax

    return jax.vmap(jax.random.fold_in)(episode_keys(words, "step"), steps)
