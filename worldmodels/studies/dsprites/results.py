"""What the stores of the study say, as numbers for its page and its tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.dsprites import mutual_information, probes
from worldmodels.studies.dsprites.mutual_information import Found, Verdict
from worldmodels.studies.dsprites.probes import LAGS, SCORES
from worldmodels.studies.dsprites.settings import CONTROLS, SIZES, UNTRAINED

METHODS = ("ridge", "adam")
TITLES = {
    "a": "DNC A",
    "b": "DNC B",
    "lstm": "LSTM",
    "input": "the picture itself",
    "random": "random numbers",
}
_VECTORS = ("pixels", "noise", "h", "c", "r", "M")  # their order


class Probed(NamedTuple):
    """Probes of one vector of one model."""

    model: str
    vector: str
    learnt: np.ndarray  # [lag, score] errors of Adam's, on what it learnt from
    errors: Mapping[str, np.ndarray]  # by method, [rollout, lag, score], on others
    gained: Mapping[str, Sequence[Sequence[Summary]]]  # by method, [lag][score]


class Learnt(NamedTuple):
    """A model that has learnt to predict pictures."""

    model: str
    updates: int
    loss: np.ndarray  # [updates] nats a picture
    held_out: float  # nats a picture on unseen rollouts
    baseline: float  # without any input
    pictures: np.ndarray  # uint8 [T, 64, 64] that came
    predicted: np.ndarray  # float [T, 64, 64] probabilities
    seconds: float


class Informed(NamedTuple):
    """The information of one model's memory with x."""

    model: str
    slots: int
    found: Found
    verdict: Verdict
    itself: Found  # x planted as a number
    noise: Found


class Results(NamedTuple):
    """All of the study."""

    learnt: Sequence[Learnt]
    probed: Sequence[Probed]
    informed: Sequence[Informed]
    without_power: Mapping[str, Sequence[float]]


def title(model: str) -> str:
    """Return a model's name for readers."""
    base = model.removesuffix(UNTRAINED)
    return TITLES[base] + (", untrained" if base != model else "")


def read(
    train: Sequence[Artifact],
    probe: Sequence[Artifact],
    information: Sequence[Artifact],
) -> Results:
    """Return all results, the models in the order of `settings.probed`.

    Raises:
        UserError: when a kind of store is missing or two are of one model.
    """
    for kind, stores in (("train", train), ("probe", probe)):
        if not stores:
            raise UserError(f"the page needs stores of the step {kind}; give --{kind}")
    for stores in (train, probe, information):
        names = [store.config["model"] for store in stores]
        if len(set(names)) < len(names):
            raise UserError(f"two stores are of one model: {', '.join(sorted(names))}")
    return Results(
        learnt=[_learnt(store) for store in _ordered(train)],
        probed=[found for store in _ordered(probe) for found in _probed(store)],
        informed=[_informed(store) for store in _ordered(information)],
        without_power=mutual_information.without_power(np.random.default_rng(0)),
    )


def _ordered(stores: Sequence[Artifact]) -> list[Artifact]:
    names = [*CONTROLS, *(name + end for end in (UNTRAINED, "") for name in SIZES)]
    return sorted(stores, key=lambda store: names.index(store.config["model"]))


def _learnt(store: Artifact) -> Learnt:
    loss, shown = store.read("history/loss"), store.read("held_out/pictures")
    side = (len(shown), 64, 64)
    return Learnt(
        model=store.config["model"],
        updates=len(loss),
        loss=loss,
        held_out=float(store.read("held_out/loss")),
        baseline=float(store.read("held_out/baseline")),
        pictures=shown.reshape(side),
        predicted=store.read("held_out/predicted").reshape(side),
        seconds=float(store.attributes["wall_seconds"]),
    )


def _probed(store: Artifact) -> list[Probed]:
    names = {name.split("/")[0] for name in store.names()}
    found = []
    for vector in sorted(names, key=_VECTORS.index):
        errors = {name: store.read(f"{vector}/{name}") for name in METHODS}
        found.append(
            Probed(
                model=store.config["model"],
                vector=vector,
                learnt=store.read(f"{vector}/adam_learnt"),
                errors=errors,
                gained={name: _gained(errors[name]) for name in METHODS},
            )
        )
    return found


def _gained(errors: np.ndarray) -> list[list[Summary]]:
    """Return what is gained over chance, with intervals over rollouts."""
    gained = probes.gained(errors)
    return [
        [summarise(gained[:, lag, score]) for score in range(len(SCORES))]
        for lag in range(len(LAGS))
    ]


def _informed(store: Artifact) -> Informed:
    found = {
        name: Found(
            store.read(f"{name}/plain"),
            store.read(f"{name}/null"),
            float(store.read(f"{name}/entropy")),
        )
        for name in ("memory", "itself", "noise")
    }
    model = store.config["model"]
    return Informed(
        model=model,
        slots=SIZES[model.removesuffix(UNTRAINED)][1]["slots"],
        found=found["memory"],
        verdict=mutual_information.verdict(found["memory"]),
        itself=found["itself"],
        noise=found["noise"],
    )


def data(results: Results) -> dict[str, Any]:
    """Return all numbers of the tables as JSON values."""
    return {
        "chance": dict(zip(SCORES, probes.of_chance().tolist(), strict=True)),
        "lags": list(LAGS),
        "scores": list(SCORES),
        "learnt": [
            {
                "model": found.model,
                "updates": found.updates,
                "held_out_nats": found.held_out,
                "baseline_nats": found.baseline,
                "seconds": found.seconds,
            }
            for found in results.learnt
        ],
        "probes": [
            {
                "model": found.model,
                "vector": found.vector,
                "adam_errors_on_what_it_learnt": found.learnt.tolist(),
            }
            | {
                f"{name}_gained": [[_interval(one) for one in row] for row in rows]
                for name, rows in found.gained.items()
            }
            for found in results.probed
        ],
        "information": [
            {
                "model": found.model,
                "entropy": found.found.entropy,
                "largest": float(found.verdict.corrected.max()),
                "limit": found.verdict.limit,
                "p": found.verdict.p,
                "above_limit": int(
                    (found.verdict.corrected > found.verdict.limit).sum()
                ),
                "numbers": len(found.verdict.corrected),
                "planted": _corrected(found.itself),
                "planted_plain": float(found.itself.plain[0]),
                "noise": _corrected(found.noise),
            }
            for found in results.informed
        ],
        "without_power": {k: list(v) for k, v in results.without_power.items()},
    }


def _corrected(found: Found) -> float:
    return float(mutual_information.verdict(found).corrected[0])


def _interval(found: Summary) -> list[float]:
    """Return the mean with its interval's ends."""
    return [found.mean, found.low, found.high]
