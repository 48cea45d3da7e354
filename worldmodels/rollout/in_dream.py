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
from worldmodels.models.dream import Dream, DreamState
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
    seed: jax.Array  # uint32 [B, 2], the dream's: high and low word
    carry: Any  # [B, ...]
    state: DreamState  # [B, ...]
    total: jax.Array  # [B], return so far
    alive: jax.Array  # bool [B]


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
    carries, words = filled((carries, seed_words(np.asarray(seeds))), spread.rows)
    alive = np.arange(spread.rows) < count  # those that fill up the groups never are
    steps = np.int32(steps)
    found = _totals(mesh, spread.size, dream, actor, carries, words, alive, steps)
    return np.asarray(found)[:count]


@partial(jax.jit, static_argnums=(0, 1))
def _totals(mesh: Mesh, size: int, *shared: Any) -> jax.Array:
    """Spread the dreamers over the devices; `shared` are the arguments of `_share`."""
    everywhere, split = PartitionSpec(), PartitionSpec(mesh.axis_names)
    return jax.shard_map(
        partial(_share, size),
        mesh=mesh,
        in_specs=(everywhere, everywhere, split, split, split, everywhere),
        out_specs=split,
        check_vma=False,
    )(*shared)


def _share(
    size: int,
    dream: Dream,
    actor: Actor,
    carries: Any,
    words: jax.Array,
    alive: jax.Array,
    steps: jax.Array,
) -> jax.Array:
    """Let one device's dreamers dream to their ends, `size` at a time."""

    def segment(before: tuple[Dreamers, jax.Array]) -> tuple[Dreamers, jax.Array]:
        dreamers, time = before
        end = jnp.minimum(time + _SEGMENT, steps)

        def group(n: jax.Array, dreamers: Dreamers) -> Dreamers:
            some = jax.tree.map(
                lambda x: jax.lax.dynamic_slice_in_dim(x, n * size, size), dreamers
            )
            some = jax.lax.fori_loop(time, end, partial(step, dream, actor), some)
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

    begun = begin(dream, carries, words, alive), jnp.zeros_like(steps)
    dreamers, _ = jax.lax.while_loop(unfinished, segment, begun)
    return jnp.zeros_like(dreamers.total).at[dreamers.place].set(dreamers.total)


def _living_first(dreamers: Dreamers) -> Dreamers:
    order = jnp.argsort(~dreamers.alive, stable=True)
    return jax.tree.map(lambda x: x[order], dreamers)


def begin(dream: Dream, carries: Any, words: jax.Array, alive: jax.Array) -> Dreamers:
    """Put B dreamers at the beginnings of their dreams."""
    state = jax.vmap(dream.reset)(episode_keys(words, "dream"))
    total = jnp.zeros(alive.shape, dream.model.dtype)
    return Dreamers(jnp.arange(len(words)), words, carries, state, total, alive)


def step(dream: Dream, actor: Actor, time: jax.Array, dreamers: Dreamers) -> Dreamers:
    """Let every dreamer act once, at `time` steps from its beginning."""
    keys = step_keys(dreamers.seed, jnp.full_like(dreamers.place, time))
    done = jax.vmap(partial(_act, dream, actor))(dreamers.carry, dreamers.state, keys)
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
    dream: Dream, actor: Actor, carry: Any, state: DreamState, key: jax.Array
) -> Done:
    of_actor, of_dream = jax.random.split(key)
    carry, action = actor.act(carry, state, of_actor)
    state, reward, died = dream.step(state, action, of_dream)
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
        done = _act(dream, actor, carry, state, key)
        seen = DreamtSteps(state.z, done.action, done.reward, alive)
        return (done.carry, done.state, alive & ~done.died), seen

    start = dream.reset(episode_keys(words[None], "dream")[0])
    begun = carry, start, jnp.bool(True)
    return jax.lax.scan(step, begun, jnp.arange(steps))[1]
