"""The study's figures as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from worldmodels.scores import tables
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.studies.mixture_density.findings import Found, Network, floors

HEAD = (
    "network", "weights", "NLL, test", "NLL, train", "squared error, test",
    "over the irreducible", "near the data",
)  # fmt: skip
FLOORS = ("floor of toy", "what", "at most", "measured", "worst seed", "")


def rows(found: Found) -> list[tuple[str, ...]]:
    """Return the rows of one toy: what is exact first, then each network."""
    truth = found.truth
    exact = (
        "exactly", "", f"{truth.nll:.3f}", "", number(truth.irreducible), "1",
        f"{truth.near:.3f}",
    )  # fmt: skip
    blind = (
        "best answer without x", "", "", "", number(truth.variance),
        f"{truth.variance / truth.irreducible:.3f}", "",
    )  # fmt: skip
    return [exact, blind, *(_row(found, network) for network in found.networks)]


def _row(found: Found, network: Network) -> tuple[str, ...]:
    least = found.truth.irreducible
    return (
        network.name,
        f"{network.weights:,}",
        *("" if n is None else words(n) for n in (network.nll, network.train_nll)),
        number(float(network.squared.mean())),
        words(network.squared / least),
        _interval(_share(network.near)),
    )


def floor_rows(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Return a row for each floor of each toy."""
    return [
        (
            one.toy,
            floor.what,
            f"{floor.most:.2f}",
            _interval(floor.measured),
            f"{floor.worst:.3f}",
            "met" if floor.met else "MISSED",
        )
        for one in found
        for floor in floors(one)
    ]


def _share(values: np.ndarray) -> MeanOfSeeds:
    """Return the mean of shares [S]; Student's interval does not know their limits."""
    mean, interval = over_seeds(np.asarray(values, np.float64))
    if interval is None:
        return MeanOfSeeds(mean, None)
    return MeanOfSeeds(mean, (max(interval[0], 0.0), min(interval[1], 1.0)))


def words(values: np.ndarray) -> str:
    """Return the mean of values [S], with its interval."""
    return _interval(over_seeds(np.asarray(values, np.float64)))


def _interval(value: MeanOfSeeds) -> str:
    if value.interval is None:
        return f"{value.mean:.3f}"
    low, high = value.interval
    return f"{value.mean:.3f} ({low:.3f} to {high:.3f})"


def number(value: float) -> str:
    """Return a squared error with four digits that count."""
    return f"{value:.4g}"


def legend(found: Sequence[Found]) -> str:
    """Return what the numbers are."""
    config = found[0].stores[0].config
    seeds = ", ".join(map(str, config["seeds"]))
    several = "; in brackets Student's 95 % interval over them"
    return (
        f"Means over seeds {seeds}{several if len(config['seeds']) > 1 else ''}. NLL: "
        "negative log-likelihood, nats a point. Squared error: of a network's mean. "
        "Near the data: share of a network's answers within toy a's band, or within "
        "three standard deviations of toy b's curve. Tested on "
        f"{config['test_points']:,} points that no network has seen; a floor is met "
        "when the mean is."
    )


def text(found: Sequence[Found]) -> str:
    """Return all tables to read."""
    lines = []
    for one in found:
        learnt = one.stores[0].config[one.toy]
        lines += [
            f"toy {one.toy}: {learnt['points']:,} points, {learnt['updates']:,} "
            f"updates of {learnt['batch_size']}",
            "",
            *tables.aligned([HEAD, *rows(one)]),
            "",
        ]
    lines += [*tables.aligned([FLOORS, *floor_rows(found)]), "", legend(found)]
    return "\n".join(lines) + "\n"


def data(found: Sequence[Found]) -> dict[str, Any]:
    """Return all figures as JSON values, lists by seed."""
    return {
        one.toy: {
            "seeds": list(one.stores[0].config["seeds"]),
            "exact": one.truth._asdict(),
            "networks": [_values(network) for network in one.networks],
            "floors": [
                {
                    "what": floor.what,
                    "at_most": floor.most,
                    "mean": floor.measured.mean,
                    "interval": floor.measured.interval,
                    "worst": floor.worst,
                    "met": floor.met,
                }
                for floor in floors(one)
            ],
        }
        for one in found
    }


def _values(network: Network) -> dict[str, Any]:
    values = network._asdict()
    for name in ("loss", "held_out"):
        del values[name]  # long, and in the store
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }
