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
from worldmodels.rollout.policies import RandomPolicy
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys

# Dreamers that one core takes at a time: enough for fast products, few enough to keep
# their gates in its cache.
DREAMERS_A_CORE = 128
_SEGMENT = 32  # steps after which the living move up


class Actor(Protocol):
    """What acts in a dream; a pytree, so that its arrays are arguments of programs."""

    def act(
        self, mind: Any, state: DreamState, key: jax.Array
    ) -> tuple[Any, jax.Array]:
        """Return the next mind and the action [A], within the game's bounds.

        Args:
            mind: what the actor knows in this dream.
            key: for this step alone.
        """


class Dreamers(NamedTuple):
    """B actors, each in a dream of its own."""

    place: jax.Array  # int32 [B], among all
    seed: jax.Array  # uint32 [B, 2], the dream's: high and low word
    mind: Any  # [B, ...]
    state: DreamState  # [B, ...]
    total: jax.Array  # [B], return so far
    alive: jax.Array  # bool [B]


class Record(NamedTuple):
    """T steps of one dream; what follows its end means nothing."""

    z: jax.Array  # [T, Z], seen
    action: jax.Array  # [T, A], chosen on it
    reward: jax.Array  # [T]
    alive: jax.Array  # bool [T], before the step


@jax.tree_util.register_static
@dataclass(frozen=True)
class Controlled:
    """C acts on what M remembers; the mind is C's flat vector [D]."""

    controller: Controller
    model: Memory

    def act(
        self, mind: jax.Array, state: DreamState, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        features = memory.features(self.model, state.memory)
        return mind, self.controller.act(mind, state.z, features)


@jax.tree_util.register_static
@dataclass(frozen=True)
class AtRandom:
    """A random policy acts that looks at no frames; the mind is its own, of one row."""

    policy: RandomPolicy

    def act(
        self, mind: Any, state: DreamState, key: jax.Array
    ) -> tuple[Any, jax.Array]:
        mind, actions = self.policy.act(mind, None, key[None])
        return self.policy.remember(mind, actions), actions[0]


@jax.tree_util.register_static
@dataclass(frozen=True)
class Recorded:
    """What was done before is done again; the mind is the actions to come [T, A]."""

    def act(
        self, mind: jax.Array, state: DreamState, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return jnp.roll(mind, -1, axis=0), mind[0]


def returns(
    mesh: Mesh,
    dream: Dream,
    controller: Controller,
    population: np.ndarray,
    seeds: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Let every candidate [P, D] dream and return its returns, [P, R].

    Args:
        seeds: of dreams that all candidates have, [R] (common random numbers), or of
            each candidate's own, [P, R].
        steps: in a dream at most.
    """
    seeds = np.broadcast_to(seeds, (len(population), np.shape(seeds)[-1]))
    # Rollout by rollout: each device gets a share of every candidate's dreams.
    candidate = np.tile(np.arange(len(population)), seeds.shape[1])
    minds = jnp.asarray(population, dream.model.dtype)[candidate]
    actor = Controlled(controller, dream.model)
    found = totals(mesh, dream, actor, minds, seeds.T.ravel(), steps)
    return found.reshape(seeds.T.shape).T


def totals(
    mesh: Mesh, dream: Dream, actor: Actor, minds: Any, seeds: np.ndarray, steps: int
) -> np.ndarray:
    """Let B dreamers with `minds` [B, ...] dream of `seeds` [B]; return returns [B].

    An action that is not finite makes the return NaN: broken weights get no score.
    """
    count = len(seeds)
    share = -(-count // mesh.size)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    groups = -(-share // DREAMERS_A_CORE) if on_cpu else 1
    size = -(-share // groups)
    # Those that fill up the groups are never alive.
    place = np.arange(mesh.size * groups * size)
    row = np.minimum(place, count - 1)
    minds = jax.tree.map(lambda x: x[row], minds)
    words = seed_words(np.asarray(seeds)[row])
    found = _totals(
        mesh, size, dream, actor, minds, words, place < count, np.int32(steps)
    )
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
    minds: Any,
    words: jax.Array,
    alive: jax.Array,
    steps: jax.Array,
) -> jax.Array:
    """Let one device's dreamers dream to their ends, `size` at a time."""

    def segment(carry: tuple[Dreamers, jax.Array]) -> tuple[Dreamers, jax.Array]:
        dreamers, time = carry
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

    def unfinished(carry: tuple[Dreamers, jax.Array]) -> jax.Array:
        dreamers, time = carry
        return (time < steps) & dreamers.alive.any()

    begun = begin(dream, minds, words, alive), jnp.zeros_like(steps)
    dreamers, _ = jax.lax.while_loop(unfinished, segment, begun)
    return jnp.zeros_like(dreamers.total).at[dreamers.place].set(dreamers.total)


def _living_first(dreamers: Dreamers) -> Dreamers:
    order = jnp.argsort(~dreamers.alive, stable=True)
    return jax.tree.map(lambda x: x[order], dreamers)


def begin(dream: Dream, minds: Any, words: jax.Array, alive: jax.Array) -> Dreamers:
    """Let B dreamers fall asleep."""
    state = jax.vmap(dream.reset)(episode_keys(words, "dream"))
    total = jnp.zeros(alive.shape, dream.model.dtype)
    return Dreamers(jnp.arange(len(words)), words, minds, state, total, alive)


def step(dream: Dream, actor: Actor, time: jax.Array, dreamers: Dreamers) -> Dreamers:
    """Let every dreamer act once, at `time` steps from its beginning."""
    keys = step_keys(dreamers.seed, jnp.full_like(dreamers.place, time))
    done = jax.vmap(partial(_act, dream, actor))(dreamers.mind, dreamers.state, keys)
    return dreamers._replace(
        mind=done.mind,
        state=done.state,
        total=dreamers.total + jnp.where(dreamers.alive, done.reward, 0),
        alive=dreamers.alive & ~done.died,
    )


class Done(NamedTuple):
    """What one dreamer did and what came of it."""

    mind: Any
    action: jax.Array  # [A]
    state: DreamState
    reward: jax.Array  # []
    died: jax.Array  # bool []


def _act(
    dream: Dream, actor: Actor, mind: Any, state: DreamState, key: jax.Array
) -> Done:
    of_actor, of_dream = jax.random.split(key)
    mind, action = actor.act(mind, state, of_actor)
    state, reward, died = dream.step(state, action, of_dream)
    reward = jnp.where(jnp.isfinite(action).all(), reward, jnp.nan)
    return Done(mind, action, state, reward, died)


@partial(jax.jit, static_argnums=4)
def record(
    dream: Dream, actor: Actor, mind: Any, words: jax.Array, steps: int
) -> Record:
    """Let one actor dream for `steps` steps and return all of it.

    Args:
        words: of the dream's seed [2]: the dream that `returns` has of it.
    """

    def step(carry: tuple[Any, DreamState, jax.Array], time: jax.Array):
        mind, state, alive = carry
        key = step_keys(words[None], time[None])[0]
        done = _act(dream, actor, mind, state, key)
        seen = Record(state.z, done.action, done.reward, alive)
        return (done.mind, done.state, alive & ~done.died), seen

    start = dream.reset(episode_keys(words[None], "dream")[0])
    begun = mind, start, jnp.bool(True)
    return jax.lax.scan(step, begun, jnp.arange(steps))[1]
