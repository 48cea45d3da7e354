"""Step probe: linear probes of one model's vectors, by Adam and by ridge regression.

The rollouts are observed shard by shard: once for the means and standard deviations by
time step, once an epoch for the probes, and once for their scores. A store keeps, for
each vector, the errors [lag, score] of Adam's probe on the rollouts that it learnt
from, which is what the seed reports, and those of both probes on other rollouts, by
rollout.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from worldmodels.runtime.randomness import generator_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.studies.dsprites import archive, observed, probes, provenance, rollouts
from worldmodels.studies.dsprites.observed import Observer, Vectors
from worldmodels.studies.dsprites.probes import LAGS, SCORES, Probe
from worldmodels.studies.dsprites.resumable import accumulate
from worldmodels.studies.dsprites.settings import Settings
from worldmodels.studies.dsprites.steps import STUDY
from worldmodels.training import running_statistics

STEP = "probe"
_CHECKED = 5  # of so many rollouts one compares the strengths of ridge
_KEPT = 2**29  # bytes of vectors that are not made again for each pass
_START = max(LAGS)  # the first step that all lags have

State = dict[str, dict[str, Any]]  # by the names of vectors


def run(
    *,
    settings: Settings,
    model: str,
    train: Path | None,
    pictures: Path | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Fit and score the probes of a model, or of a control, and publish their store.

    Raises:
        UserError: for a model that does not fit its store, or a full disk.
    """
    store = None if train is None else open_artifact(train, STUDY.kind("train"))
    inputs = {} if store is None else {"train": [store]}
    source = archive.source(pictures)
    config = provenance.recorded(STEP, settings, model, pictures)
    sizes, observe = observed.observer(model, settings, store, source)
    job = Job(settings, sizes, _observed(settings, sizes, observe))
    with (
        publication.create(
            out,
            STUDY.kind(STEP),
            config=config,
            inputs=inputs,
            stage_version=STUDY.steps[STEP].version,
        ) as written,
        open_checkpoint(checkpoint, provenance.identity(STEP, config, inputs)) as saved,
    ):
        state = accumulate(
            job.initial(),
            job.pieces,
            job.add,
            checkpoint=saved,
            title=f"dsprites probe {model}",
            log=log,
            interval=checkpoint_seconds,
        )
        written.seconds_before = saved.seconds_before
        for vector, found in state.items():
            for name in ("adam_learnt", "adam", "ridge"):
                axes = ["lag", "score"] if name == "adam_learnt" else None
                axes = axes or ["rollout", "lag", "score"]
                written.write(f"{vector}/{name}", found[name], axes)


FURTHEST = 5.0  # standard deviations that a probe sees a number from its mean


@dataclass(frozen=True)
class Job:
    """All pieces of the work, in their order; each is one shard of rollouts."""

    settings: Settings
    sizes: dict[str, int]  # of the vectors
    vectors: Callable[[int, bool], Vectors]  # by shard, and whether it is held out

    @property
    def learnt(self) -> int:
        """How many shards probes learn from."""
        return -(-self.settings.probes.rollouts // self.settings.probes.shard)

    @property
    def held_out(self) -> int:
        """How many shards they are scored on besides."""
        return -(-self.settings.probes.held_out // self.settings.probes.shard)

    @property
    def pieces(self) -> int:
        """How many pieces there are: statistics, then epochs, then scores."""
        epochs = self.settings.probes.epochs
        return self.learnt * (1 + epochs + 1) + self.held_out

    def initial(self) -> State:
        """Return the state before the first piece."""
        steps, held = self.settings.probes.steps, self.settings.probes.held_out
        adam = probes.optimizer(self.settings.probes.learning_rate)
        scores = len(LAGS), len(SCORES)
        return {
            vector: {
                "statistics": running_statistics.empty((steps, size)),
                "probe": (probe := probes.initial(size, self.settings.dtype)),
                "moments": adam.init(probe),
                "fit": probes.no_rows(size),
                "check": probes.no_rows(size),
                "solved": Probe(*(np.zeros_like(part) for part in probe)),
                "adam_learnt": np.zeros(scores),
                "adam": np.zeros((held, *scores)),
                "ridge": np.zeros((held, *scores)),
            }
            for vector, size in self.sizes.items()
        }

    def add(self, state: State, number: int) -> State:
        """Return the state after a piece."""
        passed, shard = divmod(number, self.learnt)
        epochs = self.settings.probes.epochs
        if passed > epochs + 1:  # held out: there may be more of these shards
            passed, shard = epochs + 2, number - self.learnt * (epochs + 2)
        held_out = passed > epochs + 1
        vectors = self.vectors(shard, held_out)
        places = _places(self.settings, shard, held_out)[:, :-1]
        wanted = probes.targets(places, self.settings.dtype)
        work = self._measured if passed == 0 else self._fitted
        if passed > epochs:
            work = self._scored
        return {
            vector: work(found, np.asarray(vectors[vector]), wanted, passed, shard)
            for vector, found in state.items()
        }

    def _measured(self, found, x, wanted, passed, shard):
        some = running_statistics.of(x)
        return found | {
            "statistics": running_statistics.combined(found["statistics"], some)
        }

    def _fitted(self, found, x, wanted, passed, shard):
        x = _normalised(found, x)
        if passed == 1:
            numbers = shard * self.settings.probes.shard + np.arange(len(x))
            checked = numbers % _CHECKED == _CHECKED - 1
            found = found | {
                name: probes.added(found[name], _gram(x[some], wanted[some]))
                for name, some in (("fit", ~checked), ("check", checked))
            }
        rng = generator_for(self.settings.seed, 0, "dsprites rows", passed, shard)
        order = rng.permutation(x.shape[0] * x.shape[1])
        size = self.settings.probes.batch_size
        order = order[: len(order) // size * size].reshape(-1, size)
        probe, moments = probes.learn(
            self.settings.probes.learning_rate,
            Probe(*found["probe"]),
            found["moments"],
            _rows(x)[order],
            _rows(wanted)[order],
        )
        return found | {"probe": probe, "moments": moments}

    def _scored(self, found, x, wanted, passed, shard):
        sizes, x = self.settings.probes, _normalised(found, x)
        adam = probes.errors(_told(found["probe"], x), wanted)
        if passed == sizes.epochs + 1:
            if shard == 0:
                sums = found["fit"], found["check"]
                solved = probes.ridge(*sums, self.settings.dtype)
                found = found | {"solved": solved}
            share = adam.sum(axis=0) / sizes.rollouts
            return found | {"adam_learnt": found["adam_learnt"] + share}
        ridge = probes.errors(_told(found["solved"], x), wanted)
        first = shard * sizes.shard
        for name, errors in (("adam", adam), ("ridge", ridge)):
            every = np.array(found[name])
            every[first : first + len(errors)] = errors
            found = found | {name: every}
        return found


def _observed(
    settings: Settings, sizes: dict[str, int], observe: Observer
) -> Callable[[int, bool], Vectors]:
    """Return what makes the vectors of a shard, and keeps them where all fit."""

    def vectors(shard: int, held_out: bool) -> Vectors:
        return observe(_places(settings, shard, held_out))

    numbers = settings.probes
    rows = (numbers.rollouts + numbers.held_out) * numbers.steps
    return cache(vectors) if 4 * rows * sum(sizes.values()) <= _KEPT else vectors


def _places(settings: Settings, shard: int, held_out: bool) -> np.ndarray:
    """Return the sprites of a shard's rollouts, [R, T + 1]."""
    sizes = settings.probes
    use, count = ("probing", sizes.rollouts)
    if held_out:
        use, count = ("probed", sizes.held_out)
    numbers = range(shard * sizes.shard, min((shard + 1) * sizes.shard, count))
    return np.stack(
        [rollouts.sprites_of(settings.seed, use, n, sizes.steps + 1) for n in numbers]
    )


def _normalised(found: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """Return vectors [R, T, F] by the statistics of their steps that have all lags.

    A unit that is saturated in all rollouts that were learnt from has next to no
    deviation there. Where another rollout moves it, it would be millions of them away,
    and one such number would decide what a probe says.
    """
    x = found["statistics"].normalised(x)[:, _START:]
    return np.clip(x, -FURTHEST, FURTHEST)


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _gram(x: np.ndarray, y: np.ndarray) -> probes.Gram:
    return probes.gram(_rows(x), _rows(y))


def _told(probe: Probe, x: np.ndarray) -> np.ndarray:
    return x @ np.asarray(probe.kernel) + np.asarray(probe.bias)
