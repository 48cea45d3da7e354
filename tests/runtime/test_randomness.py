"""Episode seeds that cannot overlap, and keys that mean one thing each."""

import itertools

import jax
import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import (
    MAX_EPISODES,
    MAX_ROUNDS,
    MAX_SEED,
    Purpose,
    engine_seed,
    episode_keys,
    episode_seeds,
    generator_for,
    key_for,
    purpose_of,
    seed_words,
    step_keys,
)

EXTREMES = list(
    itertools.product((0, 1, MAX_SEED - 1, MAX_SEED), (0, 1, MAX_ROUNDS - 1))
)


def test_engine_seeds_fill_32_bits_and_keep_purposes_and_episodes_apart():
    highest = set()
    for purpose in Purpose:
        for seed, round_number in EXTREMES:
            ends = [
                episode_seeds(purpose, seed, round_number, start, 500)
                for start in (0, MAX_EPISODES - 500)
            ]
            engine = [engine_seed(seed) for seed in np.concatenate(ends)]
            assert len(set(engine)) == 1000
            assert all(type(number) is int for number in engine)
            assert {number >> 30 for number in engine} == {purpose}
            highest |= {number.bit_length() for number in engine}
    assert max(highest) == 32
    # Rounds and seeds do not share them either, but where hashes meet.
    first = [
        engine_seed(episode_seeds(Purpose.TRAINING, seed, round_number, 0, 1)[0])
        for seed in range(100)
        for round_number in range(10)
    ]
    assert len(set(first)) == len(first)
    assert engine_seed(2**80 + 7) < 2**32  # a person's seed may be anything


def test_ranges_are_disjoint_to_their_last_episodes():
    """The ends of all ranges interleave nowhere: first, last, first, last, ..."""
    ends = []
    for purpose in Purpose:
        for seed, round_number in EXTREMES if purpose is not Purpose.TEST else [(0, 0)]:
            first, second = episode_seeds(purpose, seed, round_number, 0, 2)
            (last,) = episode_seeds(purpose, seed, round_number, MAX_EPISODES - 1, 1)
            assert second == first + 1
            assert last == first + MAX_EPISODES - 1
            ends.append((int(first), int(last)))
    flat = list(itertools.chain.from_iterable(sorted(ends)))
    assert flat == sorted(set(flat))


def test_purpose_is_read_off_a_seed():
    for purpose, (seed, round_number) in itertools.product(Purpose, EXTREMES):
        for start in (0, MAX_EPISODES - 1):
            (found,) = episode_seeds(purpose, seed, round_number, start, 1)
            assert purpose_of(found) is purpose
    for nonsense in (-1, 4 << 52):
        with pytest.raises(ValueError, match="not a valid Purpose"):
            purpose_of(nonsense)


def test_seed_zero_gives_seeds_like_any_other():
    seeds = episode_seeds(Purpose.ROLLOUT, 0, 0, 5, 3)
    np.testing.assert_array_equal(seeds, [5, 6, 7])
    assert seeds.dtype == np.int64
    # 3 << 52 in front, and below a signed 64-bit integer's end.
    (top,) = episode_seeds(Purpose.TEST, 0, 0, MAX_EPISODES - 1, 1)
    assert top == 3 * 2**52 + 2**28 - 1


def test_test_tracks_are_the_same_for_everyone():
    base = episode_seeds(Purpose.TEST, 0, 0, 10, 20)
    for seed, round_number in EXTREMES:
        found = episode_seeds(Purpose.TEST, seed, round_number, 10, 20)
        np.testing.assert_array_equal(found, base)


@pytest.mark.parametrize("purpose", set(Purpose) - {Purpose.TEST})
def test_other_tracks_depend_on_seed_and_round(purpose):
    found = {int(episode_seeds(purpose, s, r, 0, 1)[0]) for s, r in EXTREMES}
    assert len(found) == len(EXTREMES)


def test_shards_continue_one_another():
    whole = episode_seeds(Purpose.ROLLOUT, 7, 2, 0, 30)
    parts = [episode_seeds(Purpose.ROLLOUT, 7, 2, start, 10) for start in (0, 10, 20)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 0, 0, 1), "seed is -1; it must lie between 0 and 65535"),
        ((MAX_SEED + 1, 0, 0, 1), "seed is 65536"),
        ((0, -1, 0, 1), "round is -1; it must lie between 0 and 255"),
        ((0, MAX_ROUNDS, 0, 1), "round is 256"),
        ((0, 0, -1, 1), "episodes -1 to 0"),
        ((0, 0, MAX_EPISODES, 1), "episodes 268435456 to 268435457"),
        ((0, 0, MAX_EPISODES - 1, 2), "between 0 and 268435456"),
        ((0, 0, 3, -1), "episodes 3 to 2"),
    ],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_what_does_not_fit_is_refused(purpose, arguments, words):
    with pytest.raises(UserError, match=words):
        episode_seeds(purpose, *arguments)


USES = [
    (0, 0, "vision"),
    (1, 0, "vision"),
    (0, 1, "vision"),
    (0, 0, "memory"),
    (0, 0, "vision", 0),
    (0, 0, "vision", 1),
    (0, 0, "vision", 0, 0),
    (0, 0, "vision", 0, 1),
    (0, 0, "vision", 1, 0),
    (MAX_SEED, MAX_ROUNDS - 1, "vision"),
]


def test_keys_differ_by_seed_round_meaning_and_index():
    data = [tuple(jax.random.key_data(key_for(*use)).tolist()) for use in USES]
    assert len(set(data)) == len(USES)
    assert key_for(*USES[0]).shape == ()


def test_generators_differ_by_seed_round_meaning_and_index():
    drawn = [int(generator_for(*use).integers(2**62)) for use in USES]
    assert len(set(drawn)) == len(USES)


def test_the_same_use_gives_the_same_randomness_forever():
    """Golden values: a change here silently changes every experiment."""
    key = key_for(1, 2, "vision updates", 3)
    assert jax.random.key_data(key).tolist() == [1152231281, 361241431]
    drawn = generator_for(1, 2, "vision batches", 3).permutation(8).tolist()
    assert drawn == [6, 1, 7, 3, 4, 0, 2, 5]


EPISODES = np.array([0, 1, 2**32, 2**32 + 1, 3 * 2**52 + 2**28 - 1])


def test_a_seed_is_two_words():
    words = seed_words(EPISODES)
    assert words.dtype == np.uint32
    assert words.shape == (5, 2)
    high, low = words.astype(np.int64).T
    np.testing.assert_array_equal(high * 2**32 + low, EPISODES)


def test_episodes_meanings_and_steps_have_keys_of_their_own():
    words = seed_words(EPISODES)
    keys = [episode_keys(words, meaning) for meaning in ("policy", "track")]
    keys += [step_keys(words, np.full(5, step)) for step in (0, 1, 999)]
    data = np.concatenate([jax.random.key_data(key) for key in keys])
    assert len(np.unique(data, axis=0)) == 5 * 5


def test_keys_of_episodes_are_the_same_forever_and_in_any_precision():
    """Golden values; an episode's do not depend on those beside it."""
    words, steps = seed_words(EPISODES), np.arange(5)
    found = jax.random.key_data(step_keys(words, steps))
    assert found[4].tolist() == [1015042001, 1212871501]
    alone = jax.random.key_data(step_keys(words[4:], steps[4:]))
    np.testing.assert_array_equal(alone[0], found[4])
    with jax.enable_x64(True):
        double = jax.random.key_data(jax.jit(step_keys)(words, steps))
    np.testing.assert_array_equal(double, found)
