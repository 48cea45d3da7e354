"""What M foresees of episodes that it never learnt from, to compare one M with another.

As `assessment`, on the same latents with the same noise, at more horizons. Besides, the
cross-entropy of death: how well its probability is stated, and not only where it is the
likelier.
"""

from collections.abc import Callable

import jax
import numpy as np

from worldmodels.models.memory import Memory, Params
from worldmodels.training import assessment
from worldmodels.training.assessment import Measures, Seen
from worldmodels.training.datasets import Items

HORIZONS = (1, 2, 5, 10, 20, 50)  # open-loop steps


def forecast(
    params: Params,
    model: Memory,
    load: Callable[[np.ndarray, int], Items],
    length: np.ndarray,
    key: jax.Array,
    progress: Callable[[int], None],
) -> Measures:
    """Return the measures of M on episodes.

    Args:
        load, length, key, progress: as of `assessment.assess`.

    Returns:
        What `assessment.assess` returns, at HORIZONS, and with a death head
        death/nll: mean cross-entropy in nats of the steps that were survived and the
            deaths, each counting as one;
        death/base: that of a forecaster who always states the share of deaths;
        death/steps, death/deaths: how many they are.
    """
    sums = assessment.Sums(len(length), model, HORIZONS)
    deaths = _Deaths()
    for seen in assessment.windows(params, model, load, length, key, HORIZONS):
        sums.add(seen)
        if seen.death is not None:
            deaths.add(seen)
        progress(int(seen.inside.sum()))
    return sums.measures() | (deaths.measures() if model.death_head else {})


class _Deaths:
    """The cross-entropy of death while it is summed up, in double precision."""

    def __init__(self):
        self.nll = 0.0
        self.steps = self.died = 0

    def add(self, seen: Seen) -> None:
        # Of an episode's last step without a death nobody knows whether it was
        # survived, as in the loss.
        died = seen.died[seen.known | seen.died]
        logit = seen.death[seen.known | seen.died].astype(np.float64)
        self.nll += np.logaddexp(0, np.where(died, -logit, logit)).sum()
        self.steps += len(died)
        self.died += int(died.sum())

    def measures(self) -> Measures:
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN: nothing to score
            share = np.array([self.died, self.steps - self.died]) / self.steps
            logs = np.log(share, where=share > 0, out=np.zeros(2))
            return {
                "death/nll": (np.float64(self.nll) / self.steps, ()),
                "death/base": (0.0 - share @ logs, ()),  # and not -0.0
                "death/steps": (np.int64(self.steps), ()),
                "death/deaths": (np.int64(self.died), ()),
            }
