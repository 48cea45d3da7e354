"""Driving in the simulator: all candidates on all tracks, in one jitted program.

A car is one candidate on one track. Simulator, V, M and C of all cars advance together
inside one loop, so nothing leaves the device but what is asked for: returns, or the
record of rollouts. The cars are spread over all devices of the machine: its GPUs, or
its cores, each of which drives its share by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec

from worldmodels.environments.carracing import rendering, simulator, tracks
from worldmodels.environments.carracing.simulator import World
from worldmodels.environments.games import V3
from worldmodels.environments.processes.episodes import Episode, EpisodeResult
from worldmodels.models.agent import Agent, AgentPolicy, Weights, ready
from worldmodels.rollout.grouping import Rows, filled, shares
from worldmodels.rollout.policies import Policy
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys

# Cars that one core drives at a time: their frames and activations stay in its cache.
CARS_A_CORE = 64
# Cars that are recorded together: 16 MB of frames each, of 1,000 steps.
_CARS_RECORDED = 32


class Cars(NamedTuple):
    """What each of B cars drives, in one episode."""

    track: jax.Array  # int32 [B], index into the world
    seed: jax.Array  # uint32 [B, 2], the episode's: high and low word
    limit: jax.Array  # int32 [B], steps at most; 0 for one that fills up a batch
    carry: Any  # the policy's state at the start, [B, ...]


class CarStates(NamedTuple):
    """B cars on their way, after `time` steps."""

    car: simulator.RaceState
    carry: Any
    frame: jax.Array  # uint32 [B, 64, 64], packed: what is seen now
    total: jax.Array  # float32 [B], return so far
    driving: jax.Array  # bool [B], whose episode is not over
    time: jax.Array  # int32 []


class RecordedSteps(NamedTuple):
    """T steps of B cars; what follows an episode's end means nothing."""

    frame: jax.Array  # uint32 [T, B, 64, 64], packed: seen
    action: jax.Array  # float32 [T, B, A], applied
    reward: jax.Array  # float32 [T, B]
    terminated: jax.Array  # bool [T, B], by the game
    driving: jax.Array  # bool [T, B], before the step


def devices() -> Mesh:
    """Return all devices of this machine, as a mesh that cars are spread over."""
    return jax.make_mesh(
        (jax.local_device_count(),), ("cars",), axis_types=(AxisType.Auto,)
    )


def fresh(seeds: np.ndarray, start: str = "line", view: str = V3) -> World:
    """Return the tracks [R] of episode seeds, drawn on the device: for learning.

    Args:
        start: where cars begin: at the "line", or "anywhere" on the lap.
        view: what is seen of them, one of `games.VIEWS`.
    """
    return _fresh(start, view, seed_words(seeds))


@partial(jax.jit, static_argnums=(0, 1))
def _fresh(start: str, view: str, words: jax.Array) -> World:
    drawn = jax.vmap(tracks.from_key)(episode_keys(words, "track"))
    if start == "anywhere":
        share = jax.vmap(jax.random.uniform)(episode_keys(words, "start"))
        drawn = jax.vmap(tracks.started)(drawn, share)
    return simulator.build(drawn, view=view)


def exact(seeds: np.ndarray, view: str = V3) -> World:
    """Return the very tracks [R] that gymnasium makes of the seeds: for scores.

    Args:
        view: as `fresh` takes it.
    """
    made = [tracks.from_seed(int(seed)) for seed in seeds]
    return _build(jax.tree.map(lambda *x: np.stack(x), *made), view=view)


_build = jax.jit(simulator.build, static_argnames="view")


def check_complete(world: World, seeds: np.ndarray) -> None:
    """Refuse tracks, of these seeds [R], that are not all there.

    Raises:
        UserError: one needs more room than its tables have.
    """
    complete = np.asarray(world.tiles.complete) & np.asarray(world.texture.complete)
    if not complete.all():
        lost = ", ".join(map(str, seeds[~complete][:8]))
        raise UserError(
            f"the simulator has no room for the tracks of episode seeds {lost}: choose "
            "another seed, or environment.backend: gymnasium"
        )


def play(
    mesh: Mesh,
    agent: Agent,
    weights: Weights,
    build: Callable[..., World],
    population: np.ndarray,
    rows: Rows,
    steps: int,
) -> np.ndarray:
    """Drive an episode a row, N in all, and return their returns [N]: a `PlayRows`.

    Args:
        build: `fresh` or `exact`, what makes the tracks of seeds, in the agent's view.
        population: candidates [P, D].
    """
    distinct, track = np.unique(rows.seed, return_inverse=True)
    if len(distinct) == len(rows.seed):  # each car its own, in the order of the cars
        distinct, track = rows.seed, np.arange(len(rows.seed))
    policy = AgentPolicy(agent, ready(agent, weights))
    population = np.asarray(population, agent.vision.dtype)
    # In numpy: JAX would compile each of these operations by itself.
    cars = Cars(
        track=track.astype(np.int32),
        seed=seed_words(rows.seed),
        limit=np.full(len(track), steps, np.int32),
        carry=policy.initial(population[rows.candidate]),
    )
    world = build(distinct, view=agent.controller.game.view.name)
    check_complete(world, distinct)
    return totals(mesh, policy, world, cars)


def episodes(
    mesh: Mesh,
    policy: Policy,
    carries: Callable[[np.ndarray], Any],
    start: str,
    view: str,
    planned: Sequence[Episode],
) -> Iterator[EpisodeResult]:
    """Drive episodes, all of the same length, and yield each with its frames.

    Args:
        carries: returns what `policy` begins with, [B, ...], on the seeds [B].
        start, view: where cars begin and what is seen, as `fresh` takes them.
    """
    for first in range(0, len(planned), _CARS_RECORDED):
        together = planned[first : first + _CARS_RECORDED]
        seeds = np.array([episode.seed for episode in together])
        cars = Cars(
            track=np.arange(len(seeds), dtype=np.int32),
            seed=seed_words(seeds),
            limit=np.array([episode.steps for episode in together], np.int32),
            carry=carries(seeds),
        )
        world = fresh(seeds, start, view)
        check_complete(world, seeds)
        driven = record(mesh, policy, world, cars, together[0].steps)
        for car, episode in enumerate(together):
            yield _result(first + car, episode, driven, car)


def _result(
    index: int, episode: Episode, driven: RecordedSteps, car: int
) -> EpisodeResult:
    length = int(driven.driving[:, car].sum())
    packed = np.ascontiguousarray(driven.frame[:length, car])
    return EpisodeResult(
        index,
        episode,
        driven.action[:length, car],
        driven.reward[:length, car],
        bool(driven.terminated[length - 1, car]),
        packed.view(np.uint8).reshape(*packed.shape, 4)[..., :3],
    )


def start(world: World, cars: Cars) -> CarStates:
    """Put the cars on their tracks."""
    car = simulator.reset(world, cars.track)
    frame = simulator.observe(world, car)
    total = jnp.zeros(cars.track.shape, jnp.float32)
    return CarStates(car, cars.carry, frame, total, cars.limit > 0, jnp.int32(0))


def advance(
    world: World, policy: Policy, cars: Cars, drive: CarStates
) -> tuple[CarStates, RecordedSteps]:
    """Drive one step: see, act, remember, move.

    An action that is not finite makes the return NaN: broken weights get no score.
    """
    keys = step_keys(cars.seed, jnp.full_like(cars.track, drive.time))
    carry, action = policy.act(drive.carry, rendering.unpack(drive.frame), keys)
    carry = policy.remember(carry, action)
    car, reward, terminated = simulator.step(world, drive.car, action)
    reward = jnp.where(jnp.isfinite(action).all(axis=-1), reward, jnp.nan)
    reward = jnp.where(drive.driving, reward, 0)
    terminated = terminated & drive.driving
    time = drive.time + 1
    after = CarStates(
        car,
        carry,
        simulator.observe(world, car),
        drive.total + reward,
        drive.driving & ~terminated & (time < cars.limit),
        time,
    )
    return after, RecordedSteps(drive.frame, action, reward, terminated, drive.driving)


def totals(mesh: Mesh, policy: Policy, world: World, cars: Cars) -> np.ndarray:
    """Drive every car to the end of its episode and return the returns, [B]."""
    count = len(cars.track)
    spread = shares(count, mesh, CARS_A_CORE)
    own, world, cars = _divided(mesh, world, cars, spread.share)
    return np.asarray(_totals(mesh, spread.size, own, policy, world, cars))[:count]


@partial(jax.jit, static_argnums=(0, 1, 2))
def _totals(
    mesh: Mesh, size: int, own: bool, policy: Policy, world: World, cars: Cars
) -> jax.Array:
    def share(policy: Policy, world: World, cars: Cars) -> jax.Array:
        """Drive one device's cars, `size` at a time."""

        def drive(cars: Cars) -> jax.Array:
            def step(drive: CarStates) -> CarStates:
                return advance(world, policy, cars, drive)[0]

            begin = start(world, cars)
            return jax.lax.while_loop(lambda d: d.driving.any(), step, begin).total

        groups = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), cars)
        return jax.lax.map(drive, groups).reshape(-1)

    return _spread(mesh, own, share, PartitionSpec("cars"))(policy, world, cars)


def record(
    mesh: Mesh, policy: Policy, world: World, cars: Cars, steps: int
) -> RecordedSteps:
    """Drive every car for `steps` steps and return all that happened, in numpy."""
    count = len(cars.track)
    own, world, cars = _divided(mesh, world, cars, shares(count, mesh, count).share)
    records = _record(mesh, steps, own, policy, world, cars)
    return jax.tree.map(lambda x: np.asarray(x)[:, :count], records)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _record(
    mesh: Mesh, steps: int, own: bool, policy: Policy, world: World, cars: Cars
) -> RecordedSteps:
    def share(policy: Policy, world: World, cars: Cars) -> RecordedSteps:
        def step(drive: CarStates, _) -> tuple[CarStates, RecordedSteps]:
            return advance(world, policy, cars, drive)

        return jax.lax.scan(step, start(world, cars), None, length=steps)[1]

    along = PartitionSpec(None, "cars")
    return _spread(mesh, own, share, along)(policy, world, cars)


def _divided(
    mesh: Mesh, world: World, cars: Cars, share: int
) -> tuple[bool, World, Cars]:
    """Fill up the cars, so that each device has `share`, and the tracks with them.

    Returns:
        Whether each car has a track of its own. Then a device has the tracks of its
        cars alone: it would otherwise have a copy of all, 3.3 MB each. And the tracks
        and the cars, whose `track` counts among those that their device has.
    """
    count = len(cars.track)
    own = mesh.size > 1 and np.array_equal(cars.track, np.arange(len(world.count)))
    limit = np.zeros(mesh.size * share, np.int32)  # those that fill up do not drive
    limit[:count] = cars.limit
    cars = filled(cars, len(limit))._replace(limit=limit)
    if own:
        world = filled(world, len(limit))
        cars = cars._replace(track=np.arange(len(limit), dtype=np.int32) % share)
    return own, world, cars


def _spread(mesh: Mesh, own: bool, share: Callable, out: PartitionSpec) -> Callable:
    """Let each device do its share of the cars, on their own tracks or on all."""
    everywhere, split = PartitionSpec(), PartitionSpec("cars")
    return jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(everywhere, split if own else everywhere, split),
        out_specs=out,
        check_vma=False,
    )
