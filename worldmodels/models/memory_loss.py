"""What M learns: a loss over rows of episodes; M's state is carried along each row.

The next z costs its negative log-likelihood (World Models, appendix A.2). Death costs
its cross-entropy, in which deaths weigh more (the original's code for TakeCover). The
reward, which the paper does not predict, costs its squared error, divided by the
variance of all rewards. A squared error is least at the mean, and a dream's return is a
sum of means. CarRacing pays -0.1 a frame and 1000/N a tile: with a loss that forgives
large errors M would learn to expect no tile at all.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import vision
from worldmodels.models.memory import Memory, Params, State
from worldmodels.models.memory_costs import Number, Targets


class Scale(NamedTuple):
    """What errors of death and the reward count in the loss."""

    death_weight: float = 1.0  # of a step with death, beside 1 of one without
    reward_variance: float = 1.0  # of all rewards: a squared error that costs 1


PLAIN = Scale()


def loss(
    params: Params,
    batch: dict[str, jax.Array],
    key: jax.Array,
    state: State,
    *,
    model: Memory,
    scale: Scale = PLAIN,
) -> tuple[jax.Array, tuple[dict[str, jax.Array], State]]:
    """Return the loss of S steps of B rows of episodes, and the state after them.

    It is the mean NLL over (row, step, dimension) in nats, plus the mean weighted
    cross-entropy of death in nats, plus the share of the reward's variance that is not
    explained, where M has these heads. z is sampled anew from V's posterior, so that M
    never sees the same noise twice. Step t reads (z_t, a_t). It is scored on z_{t+1}
    (or the mean of its posterior: `Memory.target`) where the episode has one, and on
    what its action led to.

    Args:
        batch: "mu", "logvar" [B, S+1, Z] and "actions" [B, S, A]; bool [B, S] "first"
            and "last" of an episode, and "inside" one; with a death head "terminated"
            [B, S], with a reward head "rewards" [B, S].
        state: [B, ...] before the first step, forgotten where an episode begins.
    """
    by_time = {name: jnp.swapaxes(x, 0, 1) for name, x in batch.items()}
    mu, logvar, a = (
        by_time[name].astype(model.dtype) for name in ("mu", "logvar", "actions")
    )
    z = vision.sample(key, mu, logvar)  # [S+1, B, Z]
    targets = model.targets(z, mu)[1:]
    targets, count = _targets(by_time, targets, model, scale)
    variables = {"params": params}
    h, state = model.apply(
        variables, z[:-1], a, by_time["first"], state, method="unfold"
    )
    total, parts = model.apply(variables, h, targets, scale.death_weight, method="cost")
    metrics = {"loss": total / count, "nll": parts.nll / count}
    if model.death_head:
        metrics["death"] = parts.death / count
    if model.reward_head:
        metrics["reward"] = parts.reward / count
    return metrics["loss"], (metrics, state)


def _targets(
    by_time: dict[str, jax.Array], z: jax.Array, model: Memory, scale: Scale
) -> tuple[Targets, jax.Array]:
    """Return what M is scored on, and the number of latents among it.

    An episode that ran out of time did not end in death, nor does it show that its last
    step was survived: of that step only the reward is known.
    """
    inside, last = by_time["inside"], by_time["last"]
    known = inside & ~last
    # A batch of one-frame episodes has nothing to predict: 0, not 0 / 0.
    count = jnp.maximum(known.sum() * model.latent_size, 1)

    def number(value: jax.Array, counts: jax.Array, weight: jax.Array | float):
        """Weigh a number so that its sum / count is its mean over what counts."""
        share = (count / jnp.maximum(counts.sum(), 1)).astype(model.dtype)
        weight = jnp.where(counts, share * weight, 0).astype(model.dtype)
        return Number(value.astype(model.dtype), weight)

    death = reward = None
    if model.death_head:
        died = by_time["terminated"]
        weight = jnp.where(died, scale.death_weight, 1.0)
        death = number(died, known | (inside & died), weight)
    if model.reward_head:
        reward = number(by_time["rewards"], inside, 1 / scale.reward_variance)
    return Targets(z, known, death, reward), count
