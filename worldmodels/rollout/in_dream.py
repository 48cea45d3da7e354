"""Dreaming: whole populations in M's dream, in one jitted program.

A dreamer is one actor in one dream. All dreamers of a device advance together, as many
at a time as its cache holds, and every few steps the living move up, so that the dead
cost nothing. What a dreamer dreams depends on the dream's seed alone and on what it
does, so all candidates of a generation meet the same luck, and no dreamer another.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from worldmodels.models import memory
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, DreamState, StepNoise
from worldmodels.models.memory import Memory
from worldmodels.rollout.grouping import Rows, filled, shares
from worldmodels.rollout.policies import RandomPolicy
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys

# Dreamers that one core takes at a time: enough for fast products, few enough to keep
# their gates in its cache.
DREAMERS_A_CORE = 128
_SEGMENT = 32  # steps after which the living move up


class Actor(Protocol):
    """What acts in a dream; a pytree, so that its arrays are arguments of programs."""

    def act(
        self, carry: Any, state: DreamState, key: jax.Array
    ) -> tuple[Any, jax.Array]:
        """Return the next carry and the action [A], within the game's bounds.

        Args:
            carry: what the actor knows in this dream.
            key: for this step alone.
        """


class Dreamers(NamedTuple):
    """B actors, each in a dream of its own."""

    place: jax.Array  # int32 [B], among all
    luck: jax.Array  # int32 [B], index of its seed among the device's
    carry: Any  # [B, ...]
    state: DreamState  # [B, ...]
    total: jax.Array  # [B], return so far
    alive: jax.Array  # bool [B]


class Chance(NamedTuple):
    """What of one step is random; it can be drawn ahead."""

    key: jax.Array  # the actor's
    noise: StepNoise  # the dream's


class DreamtSteps(NamedTuple):
    """T steps of one dream; what follows its end means nothing."""

    z: jax.Array  # [T, Z], seen
    action: jax.Array  # [T, A], chosen on it
    reward: jax.Array  # [T]
    alive: jax.Array  # bool [T], before the step


@jax.tree_util.register_static
@dataclass(frozen=True)
class Controlled:
    """C acts on what M remembers; the carry is C's flat vector [D]."""

    controller: Controller
    model: Memory

    def act(
        self, carry: jax.Array, state: DreamState, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        features = memory.features(self.model, state.memory)
        return carry, self.controller.act(carry, state.z, features)


@jax.tree_util.register_static
@dataclass(frozen=True)
class AtRandom:
    """A random policy that reads no frames acts; the carry is its own, of one row."""

    policy: RandomPolicy

    def act(
        self, carry: Any, state: DreamState, key: jax.Array
    ) -> tuple[Any, jax.Array]:
        carry, actions = self.policy.act(carry, None, key[None])
        return self.policy.remember(carry, actions), actions[0]


@jax.tree_util.register_static
@dataclass(frozen=True)
class Recorded:
    """What was done before is done again; the carry is the actions to come [T, A]."""

    def act(
        self, carry: jax.Array, state: DreamState, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return jnp.roll(carry, -1, axis=0), carry[0]


def play(
    mesh: Mesh,
    dream: Dream,
    controller: Controller,
    population: np.ndarray,
    rows: Rows,
    steps: int,
) -> np.ndarray:
    """Let N rows dream, each of its seed, and return the returns [N]: a `PlayRows`.

    Args:
        population: candidates [P, D].
        steps: in a dream at most.
    """
    carries = jnp.asarray(population, dream.model.dtype)[rows.candidate]
    actor = Controlled(controller, dream.model)
    return totals(mesh, dream, actor, carries, rows.seed, steps)


def totals(
    mesh: Mesh, dream: Dream, actor: Actor, carries: Any, seeds: np.ndarray, steps: int
) -> np.ndarray:
    """Let B dreamers with `carries` [B, ...] dream of `seeds` [B]; return returns [B].

    An action that is not finite makes the return NaN: broken weights get no score.
    """
    count = len(seeds)
    spread = shares(count, mesh, DREAMERS_A_CORE)
    carries = filled(carries, spread.rows)
    # In numpy: a seed has 64 bits.
    seeds = np.append(seeds, np.repeat(seeds[:1], spread.rows - count))
    words, luck = _distinct(seeds.reshape(mesh.size, -1))
    alive = np.arange(spread.rows) < count  # those that fill up the groups never are
    steps = np.int32(steps)
    found = _totals(mesh, spread.size, dream, actor, carries, words, luck, alive, steps)
    return np.asarray(found)[:count]


def _distinct(seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the words [D * S, 2] of each device's different seeds, of seeds [D, R].

    And which of its device's S each row has, [D * R]: many candidates dream of one seed
    and share its noise. A device that has fewer of them repeats its first ones.
    """
    each = [np.unique(row, return_inverse=True) for row in seeds]
    most = max(len(different) for different, _ in each)
    padded = [np.resize(different, most) for different, _ in each]
    luck = np.concatenate([place.ravel() for _, place in each])
    return seed_words(np.concatenate(padded)), luck.astype(np.int32)


@partial(jax.jit, static_argnums=(0, 1))
def _totals(mesh: Mesh, size: int, *shared: Any) -> jax.Array:
    """Spread the dreamers over the devices; `shared` are the arguments of `_share`."""
    everywhere, split = PartitionSpec(), PartitionSpec(mesh.axis_names)
    return jax.shard_map(
        partial(_share, size),
        mesh=mesh,
        in_specs=(everywhere, everywhere, split, split, split, split, everywhere),
        out_specs=split,
        check_vma=False,
    )(*shared)


def _share(
    size: int,
    dream: Dream,
    actor: Actor,
    carries: Any,
    words: jax.Array,
    luck: jax.Array,
    alive: jax.Array,
    steps: jax.Array,
) -> jax.Array:
    """Let one device's dreamers dream to their ends, `size` at a time."""

    def segment(before: tuple[Dreamers, jax.Array]) -> tuple[Dreamers, jax.Array]:
        dreamers, time = before
        end = jnp.minimum(time + _SEGMENT, steps)
        chances = _chances(dream, words, time + jnp.arange(_SEGMENT))

        def group(n: jax.Array, dreamers: Dreamers) -> Dreamers:
            def one(t: jax.Array, some: Dreamers) -> Dreamers:
                chance = jax.tree.map(lambda x: x[t - time, some.luck], chances)
                return step(dream, actor, chance, some)

            some = jax.tree.map(
                lambda x: jax.lax.dynamic_slice_in_dim(x, n * size, size), dreamers
            )
            some = jax.lax.fori_loop(time, end, one, some)
            return jax.tree.map(
                lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, n * size, 0),
                dreamers,
                some,
            )

        groups = -(-dreamers.alive.sum() // size)
        dreamers = jax.lax.fori_loop(0, groups, group, _living_first(dreamers))
        return dreamers, end

    def unfinished(before: tuple[Dreamers, jax.Array]) -> jax.Array:
        dreamers, time = before
        return (time < steps) & dreamers.alive.any()

    begun = begin(dream, carries, words, luck, alive), jnp.zeros_like(steps)
    dreamers, _ = jax.lax.while_loop(unfinished, segment, begun)
    return jnp.zeros_like(dreamers.total).at[dreamers.place].set(dreamers.total)


def _chances(dream: Dream, words: jax.Array, times: jax.Array) -> Chance:
    """Return what is random at times [T] in dreams of the seeds [S], [T, S, ...].

    Drawn ahead and once a seed: drawn by every dreamer at every step, it takes a fifth
    of a dream.
    """
    keys = jax.vmap(lambda t: step_keys(words, jnp.full(len(words), t)))(times)
    return jax.vmap(jax.vmap(partial(_chance, dream)))(keys)


def _chance(dream: Dream, key: jax.Array) -> Chance:
    of_actor, of_dream = jax.random.split(key)
    return Chance(of_actor, dream.noise(of_dream))


def _living_first(dreamers: Dreamers) -> Dreamers:
    order = jnp.argsort(~dreamers.alive, stable=True)
    return jax.tree.map(lambda x: x[order], dreamers)


def begin(
    dream: Dream, carries: Any, words: jax.Array, luck: jax.Array, alive: jax.Array
) -> Dreamers:
    """Put B dreamers at the beginnings of their dreams, of the seeds words [S, 2]."""
    states = jax.vmap(dream.reset)(episode_keys(words, "dream"))
    state = jax.tree.map(lambda x: x[luck], states)
    total = jnp.zeros(alive.shape, dream.model.dtype)
    return Dreamers(jnp.arange(len(luck)), luck, carries, state, total, alive)


def step(dream: Dream, actor: Actor, chance: Chance, dreamers: Dreamers) -> Dreamers:
    """Let every dreamer act once, with its own chance [B, ...]."""
    act = jax.vmap(partial(_act, dream, actor))
    done = act(dreamers.carry, dreamers.state, chance)
    return dreamers._replace(
        carry=done.carry,
        state=done.state,
        total=dreamers.total + jnp.where(dreamers.alive, done.reward, 0),
        alive=dreamers.alive & ~done.died,
    )


class Done(NamedTuple):
    """What one dreamer did and what came of it."""

    carry: Any
    action: jax.Array  # [A]
    state: DreamState
    reward: jax.Array  # []
    died: jax.Array  # bool []


def _act(
    dream: Dream, actor: Actor, carry: Any, state: DreamState, chance: Chance
) -> Done:
    carry, action = actor.act(carry, state, chance.key)
    state, reward, died = dream.follow(state, action, chance.noise)
    reward = jnp.where(jnp.isfinite(action).all(), reward, jnp.nan)
    return Done(carry, action, state, reward, died)


@partial(jax.jit, static_argnums=4)
def record(
    dream: Dream, actor: Actor, carry: Any, words: jax.Array, steps: int
) -> DreamtSteps:
    """Let one actor dream for `steps` steps and return all of it.

    Args:
        words: of the dream's seed [2]: the dream that is scored under it.
    """

    def step(before: tuple[Any, DreamState, jax.Array], time: jax.Array):
        carry, state, alive = before
        key = step_keys(words[None], time[None])[0]
        done = _act(dream, actor, carry, state, _chance(dream, key))
        seen = DreamtSteps(state.z, done.action, done.reward, alive)
        return (done.carry, done.state, alive & ~done.died), seen

    start = dream.reset(episode_keys(words[None], "dream")[0])
    begun = carry, start, jnp.bool(True)
    return jax.lax.scan(step, begun, jnp.arange(steps))[1]
