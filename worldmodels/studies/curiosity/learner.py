"""One iteration of the learner, a pure function: a rollout, its bonus, its updates.

The order is the paper's: the policy plays; the bonus of each step is the predictor's
error on the frame after the action, normalised by the statistics of earlier rollouts;
then the statistics take in this rollout's frames; then policy, values and predictor
learn in epochs of minibatches, each of some of the environments.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import distillation, ppo, rollout
from worldmodels.studies.curiosity.advantages import (
    advantages,
    one_late,
    without_last,
)
from worldmodels.studies.curiosity.agent import (
    AGENT,
    EXTRINSIC,
    INTRINSIC,
    PREDICTOR,
    Agent,
)
from worldmodels.studies.curiosity.distillation import Filter
from worldmodels.studies.curiosity.rollout import Place, Rollout
from worldmodels.studies.curiosity.worlds import World
from worldmodels.training import gradients, running_moments
from worldmodels.training.loop import TrainState
from worldmodels.training.running_moments import Moments

_EPSILON = 1e-5  # of Adam
_VALUE_WEIGHT = 0.5
_QUARTER = 4  # the predictor learns from one in so many environments of a minibatch


class Sizes(NamedTuple):
    """What decides the program: whole numbers."""

    environments: int  # B
    steps: int  # T of a rollout
    epochs: int
    minibatches: int  # of an epoch


class Coefficients(NamedTuple):
    """What a program is given: all arms run the same one. A number each, or a truth."""

    extrinsic: Any  # weight of the extrinsic advantages, c_E
    intrinsic: Any  # weight of the intrinsic advantages, c_I
    gamma: Any  # of extrinsic rewards
    gamma_intrinsic: Any
    trace: Any  # lambda
    clip: Any  # epsilon of the ratio
    entropy: Any  # weight of the entropy
    rate: Any  # of Adam at the first iteration
    final_rate: Any  # at the last; it falls in a line
    iterations: Any  # in all
    gradient_clip: Any  # largest norm of a gradient
    reward_scale: Any  # that extrinsic rewards are multiplied by
    reward_clip: Any  # largest extrinsic reward that is learnt from
    limit: Any  # steps of an episode
    stretched: Any  # the fault 1
    last_lost: Any  # the fault 2
    late: Any  # the fault 3


class Carry(NamedTuple):
    """What an iteration changes beside weights and the optimisers' numbers."""

    place: Place  # its keys as numbers: a checkpoint holds no typed keys
    seen: Moments  # of all frames
    filter: Filter
    target: Any  # weights, which stay


def optimizer() -> optax.GradientTransformation:
    """Return Adam without its rate."""
    return optax.scale_by_adam(eps=_EPSILON)


def iterate(
    state: TrainState,
    key: jax.Array,
    given: Coefficients,
    *,
    agent: Agent,
    world: World,
    sizes: Sizes,
    debug: bool = False,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Play a rollout and learn from it; the key is the training's."""
    of_play, of_order = jax.random.split(jax.random.fold_in(key, state.step))
    carry, dtype = state.carry, agent.body.dtype
    place, made = rollout.gather(
        state.params[AGENT],
        agent,
        world,
        carry.place,
        of_play,
        sizes.steps,
        given.limit,
    )
    shape = made.frame.shape
    these = running_moments.of(made.frame.reshape(-1, *shape[2:]), dtype)
    seen = running_moments.combined(carry.seen, these)
    # The first rollout, which an untrained policy plays at random, begins statistics.
    known = jax.tree.map(partial(jnp.where, state.step == 0), seen, carry.seen)
    errors = distillation.errors(
        state.params[PREDICTOR], carry.target, agent.pair, made.frame, known
    )
    bonus, kept = distillation.scaled(errors, carry.filter, given.gamma_intrinsic)
    last = agents.values(state.params[AGENT], agent, place.seen)
    wanted = targets(made, bonus, last, given)
    learnt = {
        "seen": made.seen,
        "action": made.action,
        "frame": made.frame,
        "wanted": wanted,
        "chunk": rollout.chunks(made.flight.length),
    }
    state, metrics = _learn(state, learnt, known, of_order, given, agent, sizes, debug)
    metrics |= rollout.episodes(made) | {
        "bonus": errors.mean(),
        "bonus_scaled": bonus.mean(),
        "value": made.values[..., EXTRINSIC].mean(),
        "value_intrinsic": made.values[..., INTRINSIC].mean(),
    }
    carry = Carry(place, seen, kept, carry.target)
    return state._replace(step=state.step + 1, carry=carry), metrics


def targets(
    made: Rollout, bonus: jax.Array, last: jax.Array, given: Coefficients
) -> ppo.Wanted:
    """Return what is learnt from a rollout.

    Args:
        bonus: [T, B].
        last: both values [B, 2] of what is seen after the rollout.
    """
    later = jnp.concatenate([made.values[1:], last[None]])
    ends = made.dead | made.cut
    reward = made.reward * given.reward_scale
    reward = jnp.clip(reward, -given.reward_clip, given.reward_clip)
    # A cut is no end of the world: what is seen there has a value.
    after = jnp.where(ends, made.at_cut, later[..., EXTRINSIC])
    streams = (
        (reward, after, ends, given.gamma),
        (bonus, later[..., INTRINSIC], jnp.zeros_like(ends), given.gamma_intrinsic),
    )
    found, returns = [], []
    for place, (rewards, then, stops, gamma) in enumerate(streams):
        values = made.values[..., place]
        right = advantages(rewards, values, then, stops, gamma, given.trace)
        wrong = without_last(rewards, values, then, ends, gamma, given.trace)
        found.append(jnp.where(given.last_lost, wrong, right))
        # The fault 2 is of advantages alone: values learn what dying costs.
        total = right + values
        late = one_late(total, last[..., place], stops)
        returns.append(jnp.where(given.late, late, total))
    weighed = given.extrinsic * found[EXTRINSIC] + given.intrinsic * found[INTRINSIC]
    return ppo.Wanted(made.log_prob, weighed, jnp.stack(returns, -1))  # Eq. (7)


def loss(
    params: Any,
    batch: dict[str, Any],
    target: Any,
    known: Moments,
    given: Coefficients,
    agent: Agent,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the loss of one minibatch [T, B / M], and its parts.

    Args:
        known: of the frames that earlier rollouts have seen.
    """
    own, wanted = params[AGENT], batch["wanted"]
    said = agents.heads(own, agent, batch["seen"])
    log_prob = agent.actions.log_prob(said.outputs, own, batch["action"])
    entropy = agent.actions.entropy(said.outputs, own).mean()
    advantage = ppo.standardised(wanted.advantages)
    of_policy = log_prob, wanted.log_prob, advantage, given.clip
    policy = jnp.where(
        given.stretched,
        ppo.stretched_policy_loss(*of_policy, batch["chunk"]),
        ppo.policy_loss(*of_policy),
    )
    of_values = said.values, wanted.returns
    value = jnp.where(
        given.stretched,
        ppo.stretched_value_loss(*of_values, batch["chunk"]),
        ppo.value_loss(*of_values),
    )
    predicted = params[PREDICTOR], target, agent.pair, batch["frame"], known
    error = distillation.errors(*predicted).mean()
    total = policy + _VALUE_WEIGHT * value - given.entropy * entropy + error  # Eq. (10)
    parts = {
        "policy_loss": policy,
        "value_loss": value,
        "entropy": entropy,
        "predictor_loss": error,
        "kl": (wanted.log_prob - log_prob).mean(),
    }
    return total, parts


def _learn(
    state: TrainState, learnt: dict[str, Any], known: Moments, key: jax.Array,
    given: Coefficients, agent: Agent, sizes: Sizes, debug: bool,
) -> tuple[TrainState, dict[str, jax.Array]]:  # fmt: skip
    """Apply all minibatches of all epochs; metrics are means over them."""
    share = state.step / jnp.maximum(given.iterations - 1, 1)
    rate = given.rate + (given.final_rate - given.rate) * jnp.minimum(share, 1)
    rate = rate.astype(agent.body.dtype)
    width = sizes.environments // sizes.minibatches
    drawn = jax.random.bits(key, (2, sizes.epochs, sizes.minibatches), np.uint32)
    order = jnp.argsort(drawn[0], axis=-1).ravel()
    quarters = (drawn[1] % _QUARTER).ravel().astype(np.int32)

    def step(learning: tuple[Any, Any], now: tuple[jax.Array, jax.Array]):
        params, opt_state = learning
        number, quarter = now
        # A slice of environments: to gather rows of pictures would take as long as
        # to learn from them.
        batch = {k: _slice(v, number * width, width) for k, v in learnt.items()}
        some = max(1, width // _QUARTER)
        batch["frame"] = _slice(batch["frame"], quarter * width // _QUARTER, some)
        (total, parts), grads = jax.value_and_grad(loss, has_aux=True)(
            params, batch, state.carry.target, known, given, agent
        )
        parts = {"loss": total} | parts | gradients.metrics(grads)
        if debug:
            parts |= gradients.gradient_norms(grads)
        clipped = {
            name: _clipped(own, given.gradient_clip) for name, own in grads.items()
        }
        changes, opt_state = optimizer().update(clipped, opt_state)
        params = jax.tree.map(lambda p, change: p - rate * change, params, changes)
        return (params, opt_state), parts

    (params, opt_state), parts = jax.lax.scan(
        step, (state.params, state.opt_state), (order, quarters)
    )
    finite = parts.pop(gradients.FINITE).all(axis=0)
    metrics = {name: values.mean() for name, values in parts.items()}
    metrics |= {gradients.FINITE: finite, "rate": rate}
    return state._replace(params=params, opt_state=opt_state), metrics


def _slice(tree: Any, start: jax.Array, width: int) -> Any:
    """Return the part of arrays [T, B, ...] that some environments have."""
    return jax.tree.map(
        lambda x: jax.lax.dynamic_slice_in_dim(x, start, width, axis=1), tree
    )


def _clipped(grads: Any, most: jax.Array) -> Any:
    """Return gradients whose norm together is at most `most`."""
    norm = optax.tree.norm(grads)
    factor = jnp.where(norm > most, most / norm, 1)
    return jax.tree.map(lambda leaf: leaf * factor, grads)


def keys_as_numbers(tree: Any) -> Any:
    """Return a tree whose typed keys are uint32: a checkpoint can hold them."""
    return jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, tree)


def numbers_as_keys(tree: Any, like: Any) -> Any:
    """Return a tree with the typed keys again that the tree `like` has."""
    return jax.tree.map(
        lambda kind, x: jax.random.wrap_key_data(x) if _is_key(kind) else x, like, tree
    )


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def updates(
    given: Coefficients, agent: Agent, world: World, sizes: Sizes, debug: bool
) -> Any:
    """Return a `(state, batches, key) -> (state, metrics)` for `training.loop.fit`.

    One call is one iteration, whatever `batches` holds; each metric comes back as [1].
    """
    step = partial(iterate, agent=agent, world=world, sizes=sizes, debug=debug)
    keys = jax.ShapeDtypeStruct((sizes.environments,), jax.random.key(0).dtype)
    like = jax.eval_shape(world.reset, keys)

    @partial(jax.jit, donate_argnums=0)
    def iteration(state: TrainState, key: jax.Array, given: Coefficients):
        carry = state.carry
        typed = numbers_as_keys(carry.place.state, like)
        carry = carry._replace(place=carry.place._replace(state=typed))
        state, metrics = step(state._replace(carry=carry), key, given)
        plain = keys_as_numbers(state.carry.place.state)
        carry = state.carry._replace(place=state.carry.place._replace(state=plain))
        return state._replace(carry=carry), jax.tree.map(lambda x: x[None], metrics)

    def update(state: TrainState, batches: Any, key: jax.Array):
        del batches
        return iteration(state, key, given)

    return update
