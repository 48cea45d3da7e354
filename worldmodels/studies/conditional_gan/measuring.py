"""All measures of a set of drawn pictures beside real ones."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.randomness import generator_for
from worldmodels.studies.conditional_gan import classifier, metrics
from worldmodels.studies.conditional_gan.classifier import Classifier, Params
from worldmodels.studies.conditional_gan.metrics import Told
from worldmodels.studies.conditional_gan.scored import Beside, Copies, Scored, Sliced
from worldmodels.studies.conditional_gan.source import Pictures


class Drawn(NamedTuple):
    """Drawn pictures and what was asked for."""

    images: np.ndarray  # uint8 [N, H, W, 3]
    labels: np.ndarray  # uint8 [N, L]


class Judge(NamedTuple):
    """A trained classifier."""

    params: Params
    model: Classifier


def reference(pictures: Pictures, count: int, seed: int) -> np.ndarray:
    """Return the training pictures, by their numbers, whose labels are asked for.

    In random order, each once before any is there twice.
    """
    rng = generator_for(seed, 0, "conditional_gan labels asked")
    passes = -(-count // len(pictures.training))
    orders = [rng.permutation(pictures.training) for _ in range(passes)]
    return np.concatenate(orders)[:count]


def measured(
    drawn: Drawn, pictures: Pictures, judge: Judge, learnt: Judge, seed: int, shown: int
) -> Scored:
    """Measure drawn pictures.

    All sets that are compared are as large: a Frechet distance depends on that.

    Args:
        drawn: whose labels are those of `reference`.
        judge: that learnt from real pictures.
        learnt: that learnt from the drawn ones.
        shown: drawn pictures whose nearest in training are kept.
    """
    rng = generator_for(seed, 0, "conditional_gan measures")
    held = rng.permutation(pictures.held_out)[: len(drawn.images)]
    count = min(len(held), len(pictures.training), len(drawn.images))
    rows, held = reference(pictures, count, seed), held[:count]
    sets = [drawn.images[:count], pictures.images(rows), pictures.images(held)]
    found, seen = classifier.judged(*judge, drawn.images)
    features = [seen[:count], *(classifier.judged(*judge, s)[1] for s in sets[1:])]
    alike = metrics.pairs(drawn.labels[:count], rng)
    return Scored(
        metrics.told(found, drawn.labels),
        _on_real(learnt, sets[2], pictures.labels(held)),
        Beside(*(metrics.frechet(one, features[1]) for one in features[::2])),
        Beside(*(metrics.mean_distance(one, alike) for one in features[:2])),
        Beside(*(metrics.mean_distance(one, alike) for one in sets[:2])),
        _sliced(sets, seed),
        _copies(sets[0], sets[2], pictures, shown),
    )


def _on_real(learnt: Judge, images: np.ndarray, labels: np.ndarray) -> Told:
    return metrics.told(classifier.judged(*learnt, images)[0], labels)


def _sliced(sets: list[np.ndarray], seed: int) -> Sliced:
    drawn, training, held = sets
    found = [
        metrics.sliced_wasserstein(
            one, training, generator_for(seed, 0, "conditional_gan patches")
        )
        for one in (drawn, held)
    ]
    values = (np.array(list(levels.values())) for levels in found)
    return Sliced(np.array(list(found[0])), *values)


def _copies(
    drawn: np.ndarray, held: np.ndarray, pictures: Pictures, shown: int
) -> Copies:
    def learnt() -> Iterator[np.ndarray]:
        for at in range(0, len(pictures.training), pictures.shard):
            yield pictures.images(pictures.training[at : at + pictures.shard])

    both = metrics.nearest(np.concatenate([drawn, held]), learnt())
    medians = (float(np.median(part)) for part in np.split(both.distance, [len(drawn)]))
    nearest = pictures.training[both.row[: len(drawn)][:shown]]
    return Copies(Beside(*medians), drawn[:shown], pictures.images(nearest))
