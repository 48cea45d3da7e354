"""How well M predicts episodes that it never learnt from.

M observes each episode from its beginning, `REACH` steps at a time. There its next step
is scored as in training, on a sample of V's posterior or on its mean. From every such
place but the first, where M has seen nothing yet, M also dreams on under the recorded
actions, and is scored on what really came 1, 5, 10 and 50 steps later.

The density of z_{t+k}, one latent dimension at a time, is the mean of M's mixtures
after `DREAMS` dreamt pasts z_{t+1} .. z_{t+k-1}. Its -log is too large in the mean, by
about variance / (2 * DREAMS * mean^2) of the density over pasts; at k = 1 there is no
dreamt past, and it is exact.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import dream, memory, vision
from worldmodels.models.dream import DreamState
from worldmodels.models.memory import Memory, Params, State
from worldmodels.training.datasets import Items

HORIZONS = (1, 5, 10, 50)  # open-loop steps
REACH = max(HORIZONS)
DREAMS = 32  # pasts over which a density is averaged
# Of death's log-odds in nats: 0, where death becomes the likelier, is an edge.
LOGIT_EDGES = np.array([-np.inf, *np.linspace(-12, 12, 97), np.inf], np.float32)
_TOGETHER = 16  # episodes observed side by side

Measures = dict[str, tuple[np.ndarray, Sequence[str]]]  # values, names of their axes


class Seen(NamedTuple):
    """What M expected of REACH steps of B episodes, and what came of them."""

    episode: np.ndarray  # int [B]
    known: np.ndarray  # bool [B, S] there is a next z
    inside: np.ndarray  # bool [B, S] there is this step
    died: np.ndarray  # bool [B, S]
    rewards: np.ndarray  # [B, S]
    nll: np.ndarray  # [B, S, Z] of the next z, in nats
    death: np.ndarray | None  # [B, S] log-odds
    expected: np.ndarray | None  # [B, S] reward
    ahead: np.ndarray | None  # [B, H, Z] of z after H horizons in nats; None: at first


def assess(
    params: Params,
    model: Memory,
    load: Callable[[np.ndarray, int], Items],
    length: np.ndarray,
    key: jax.Array,
    progress: Callable[[int], None],
) -> Measures:
    """Return the measures of M on episodes, in memory bounded by a few of them.

    Args:
        load: `(episodes, steps) ->` whole episodes as `memory_loss.loss` takes them.
        length: [E] steps in each episode.
        progress: called with the number of steps observed since its last call.

    Returns:
        nll: nats per latent dimension and step; latent_nll [Z] and episode_nll [E] of
            each dimension and episode, over episode_steps [E].
        horizon [H], horizon_nll [H], horizon_starts [H]: open-loop steps, nats per
            latent dimension so many steps on, and from how many places; NaN where no
            episode was long enough.
        death/...: see `_death_measures`, with a death head.
        reward/unexplained: mean squared error by the rewards' variance, with a reward
            head.
    """
    sums = Sums(len(length), model)
    for seen in windows(params, model, load, length, key):
        sums.add(seen)
        progress(int(seen.inside.sum()))
    return sums.measures()


def windows(
    params: Params,
    model: Memory,
    load: Callable[[np.ndarray, int], Items],
    length: np.ndarray,
    key: jax.Array,
    horizons: Sequence[int] = HORIZONS,
) -> Iterator[Seen]:
    """Yield what M expected of episodes, REACH steps of a few of them at a time.

    Args:
        load, length: as of `assess`.
        horizons: open-loop steps, at most REACH each.
    """
    dreamt = partial(_ahead, horizons=tuple(horizons))
    # Longest first: those side by side end at about the same time.
    order = np.argsort(-length, kind="stable")
    for at in range(0, len(order), _TOGETHER):
        episodes = order[at : at + _TOGETHER]
        count = -(-int(length[episodes[0]]) // REACH)
        items = load(episodes, count * REACH)
        state = memory.initial_state(model, len(episodes))
        keys = jax.vmap(partial(jax.random.fold_in, key))(episodes)
        for number in range(count):
            part = _part(items, number)
            shown = part["mu"], part["logvar"], part["actions"]
            at_window = jax.vmap(partial(jax.random.fold_in, data=number))(keys)
            observed = _observe(params, model, state, *shown, at_window)
            ahead = dreamt(params, model, state, *shown, at_window) if number else None
            state = observed[0]
            yield _seen(episodes, part, observed[1:], ahead)


def _part(items: Items, number: int) -> Items:
    """Return one window, REACH steps and the latents after them."""
    begin, end = number * REACH, (number + 1) * REACH
    latents = ("mu", "logvar")
    return {k: v[:, begin : end + (k in latents)] for k, v in items.items()}


def _seen(episodes, part: Items, observed, ahead) -> Seen:
    nll, death, reward, ahead = jax.tree.map(np.asarray, (*observed, ahead))
    return Seen(
        episode=episodes,
        known=part["inside"] & ~part["last"],
        inside=part["inside"],
        died=part["inside"] & part["terminated"],
        rewards=part["rewards"],
        nll=nll,
        death=death,
        expected=reward,
        ahead=ahead,
    )


@partial(jax.jit, static_argnames="model")
def _observe(params, model, state, mu, logvar, actions, keys):
    """Return the state and nll [B, S, Z], death and reward [B, S], teacher-forced."""

    def observe(state: State, mu, logvar, actions, key):
        z = vision.sample(key, mu, logvar)

        def step(state, at_t):
            z, a, target = at_t
            state, predicted = memory.step(params, model, state, z, a)
            nll = memory.nll(predicted.mixture, target)
            return state, (nll, predicted.death, predicted.reward)

        targets = model.targets(z, mu)[1:]
        return jax.lax.scan(step, state, (z[:-1], actions, targets))

    mu, logvar, actions = (x.astype(model.dtype) for x in (mu, logvar, actions))
    state, expected = jax.vmap(observe)(state, mu, logvar, actions, keys)
    return state, *expected


@partial(jax.jit, static_argnames=("model", "horizons"))
def _ahead(params, model, state, mu, logvar, actions, keys, horizons):
    """Return the NLL [B, H, Z] of the latents that came, so many steps on."""

    def past(state, z, actions, targets, key):
        """Return the log-densities [H, Z] after one dreamt past that begins at z."""

        def step(state: DreamState, at_t):
            a, target, key = at_t
            state, predicted = dream.advance(params, model, state, a, key, 1.0)
            return state, -memory.nll(predicted.mixture, target)

        inputs = actions, targets, jax.random.split(key, REACH)
        logdensities = jax.lax.scan(step, DreamState(z, state), inputs)[1]
        return logdensities[np.array(horizons) - 1]

    def pasts(state: State, mu, logvar, actions, key):
        z = vision.sample(key, mu, logvar)  # as in `_observe`
        keys = jax.random.split(jax.random.fold_in(key, 1), DREAMS)
        targets = model.targets(z, mu)[1:]
        of_each = jax.vmap(past, in_axes=(None, None, None, None, 0))
        each = of_each(state, z[0], actions, targets, keys)
        return jnp.log(DREAMS) - jax.nn.logsumexp(each, axis=0)

    mu, logvar, actions = (x.astype(model.dtype) for x in (mu, logvar, actions))
    return jax.vmap(pasts)(state, mu, logvar, actions, keys)


class Sums:
    """The measures while they are summed up, in double precision."""

    def __init__(
        self, episodes: int, model: Memory, horizons: Sequence[int] = HORIZONS
    ):
        self.model = model
        self.horizons = np.array(horizons)
        self.latents = np.zeros((episodes, model.latent_size))
        self.steps = np.zeros(episodes, np.int64)
        self.ahead = np.zeros(len(horizons))
        self.starts = np.zeros(len(horizons), np.int64)
        self.death = np.zeros((2, len(LOGIT_EDGES) - 1), np.int64)  # survived, died
        self.likelihood = np.zeros(len(LOGIT_EDGES) - 1)  # of death, summed
        self.alarms = np.zeros(2, np.int64)
        self.rewards = np.zeros(4)  # how many, their sum, of squares, of errors squared

    def add(self, seen: Seen) -> None:
        """Add what M expected of one window of some episodes."""
        known = seen.known[..., None]
        self.latents[seen.episode] += np.where(known, seen.nll, 0).sum(1, np.float64)
        self.steps[seen.episode] += seen.known.sum(axis=1)
        if seen.ahead is not None:
            reached = seen.known[:, self.horizons - 1]
            nll = seen.ahead.mean(axis=-1, dtype=np.float64)
            self.ahead += np.where(reached, nll, 0).sum(axis=0)
            self.starts += reached.sum(axis=0)
        if seen.death is not None:
            self._add_deaths(seen)
        if seen.expected is not None:
            rewards = seen.rewards[seen.inside].astype(np.float64)
            error = rewards - seen.expected[seen.inside]
            moments = len(rewards), rewards.sum(), rewards @ rewards, error @ error
            self.rewards += moments

    def _add_deaths(self, seen: Seen) -> None:
        for died in (False, True):
            decided = seen.died if died else seen.known & ~seen.died
            logit = seen.death[decided].astype(np.float64)
            self.death[int(died)] += np.histogram(logit, LOGIT_EDGES)[0]
            p = 1 / (1 + np.exp(-logit))
            self.likelihood += np.histogram(logit, LOGIT_EDGES, weights=p)[0]
            self.alarms[int(died)] += (logit > 0).sum()

    def measures(self) -> Measures:
        """Return the measures, as `assess` does."""
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN: nothing to score
            latent = self.latents.sum(axis=0) / self.steps.sum()
            measures = {
                "nll": (latent.mean(), ()),
                "latent_nll": (latent, ["latent"]),
                "episode_nll": (self.latents.mean(axis=1) / self.steps, ["episode"]),
                "episode_steps": (self.steps, ["episode"]),
                "horizon": (self.horizons, ["horizon"]),
                "horizon_nll": (self.ahead / self.starts, ["horizon"]),
                "horizon_starts": (self.starts, ["horizon"]),
            }
            if self.model.death_head:
                measures |= self._death_measures()
            if self.model.reward_head:
                count, total, squares, errors = self.rewards
                unexplained = errors / (squares - total**2 / count)
                measures["reward/unexplained"] = (unexplained, ())
        return measures

    def _death_measures(self) -> Measures:
        """Return how death is foreseen one step ahead, where its log-odds exceed 0.

        recall: share of the deaths that were foreseen.
        false_alarms: deaths foreseen in a thousand steps that were survived.
        survived, died, expected [Q]: steps, deaths and the sum of death's probability
            by its log-odds, between edges [Q + 1].
        """
        survived, died = self.death
        bins = ["bin"]
        return {
            "death/recall": (self.alarms[1] / died.sum(), ()),
            "death/false_alarms": (1000 * self.alarms[0] / survived.sum(), ()),
            "death/edges": (LOGIT_EDGES, ["edge"]),
            "death/survived": (survived, bins),
            "death/died": (died, bins),
            "death/expected": (self.likelihood, bins),
        }
