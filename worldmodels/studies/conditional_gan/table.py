"""The measures of all trainings as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

from worldmodels.scores import tables
from worldmodels.scores.statistics import MeanOfSeeds
from worldmodels.studies.conditional_gan.findings import Bar, Found, Judged

Rows = list[tuple[str, ...]]


def labels(found: Sequence[Found], judge: Judged, which: str) -> Rows:
    """Return head and rows of `gan_test` or `gan_train`, with chance and real ones."""
    first = getattr(found[0].scores[0], which)
    head = ("model", *(name.replace("_", " ") for name in found[0].names), "all")
    rows = [(one.name, *map(share, one.each(which))) for one in found]
    known = [*(f"{100 * x:.1f}" for x in (*judge.each, judge.all))]
    chance = [*(f"{100 * x:.1f}" for x in (*first.chance, first.chance_all))]
    return [head, *rows, ("real ones, held out", *known), ("chance", *chance)]


def distances(found: Sequence[Found]) -> Rows:
    """Return head and rows of what is measured without asking for labels."""
    head = (
        "model", "Frechet distance", "sliced Wasserstein", "diversity: features",
        "diversity: pixels", "nearest training picture",
    )  # fmt: skip
    rows = [
        (
            one.name,
            number(one.beside("frechet")),
            number(one.sliced, 3),
            number(one.beside("features", "ratio"), 2),
            number(one.beside("pixels", "ratio"), 2),
            number(one.over([s.copies.distance.drawn for s in one.scores])),
        )
        for one in found
    ]
    first = found[0]
    real = (
        "real ones, held out",
        number(first.beside("frechet", "real")),
        number(first.sliced_real, 3),
        "1",
        "1",
        number(first.over([s.copies.distance.real for s in first.scores])),
    )
    return [head, *rows, real]


def floors(bars: Sequence[Bar]) -> Rows:
    """Return head and rows of measures beside their floors and aims."""

    def met(bar: Bar, at: float | None) -> tuple[str, str]:
        if at is None:
            return "", ""
        sign = "at most " if bar.most else "at least "
        return sign + f"{at:g}", "met" if bar.reached(at) else "missed"

    return [
        ("measure", "value", "floor", "", "aim", ""),
        *(
            (
                bar.name.replace("_", " "),
                f"{bar.value:.3f}" if bar.value < 2 else f"{bar.value:.1f}",
                *met(bar, bar.floor),
                *met(bar, bar.aim),
            )
            for bar in bars
        ),
    ]


def costs(found: Sequence[Found]) -> Rows:
    """Return head and rows of what each model took."""
    head = (
        "model", "weights: G", "D", "updates", "pictures in each", "minutes",
        "lowest estimate of a norm over it",
    )  # fmt: skip
    return [
        head,
        *(
            (
                one.name,
                f"{one.parameters['generator']:,}",
                f"{one.parameters['discriminator']:,}",
                f"{one.updates:,}",
                str(one.batch_size),
                f"{one.minutes:.1f}",
                f"{one.sigma:.2f}",
            )
            for one in found
        ),
    ]


def share(value: MeanOfSeeds) -> str:
    """Return a mean share in per cent, with its interval."""
    return number(MeanOfSeeds(*_scaled(value, 100)), 1)


def _scaled(value: MeanOfSeeds, factor: float) -> tuple[Any, Any]:
    ends = value.interval and tuple(factor * end for end in value.interval)
    return factor * value.mean, ends


def number(value: MeanOfSeeds, digits: int = 1) -> str:
    """Return a mean with its interval."""
    if value.interval is None:
        return f"{value.mean:.{digits}f}"
    low, high = value.interval
    return f"{value.mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


TITLES = {
    "gan_test": "GAN-test: labels that the judge tells in drawn pictures, %",
    "gan_train": "GAN-train: labels of real held-out pictures that a classifier tells "
    "which learnt from drawn ones, %",
    "distances": "Distances from training pictures, and diversity over that of real "
    "ones",
    "floors": "Floors and aims",
    "costs": "What each took",
}


def all_rows(
    found: Sequence[Found], judge: Judged, bars: Sequence[Bar]
) -> dict[str, Rows]:
    """Return all tables by name, each with its head; without bars no floors."""
    tables_of = {
        "gan_test": labels(found, judge, "gan_test"),
        "gan_train": labels(found, judge, "gan_train"),
        "distances": distances(found),
    }
    if bars:
        tables_of["floors"] = floors(bars)
    return tables_of | {"costs": costs(found)}


def legend(found: Sequence[Found]) -> str:
    """Return what the numbers are."""
    seeds = found[0].seeds
    if len(seeds) == 1:
        return f"One training of each model, with seed {seeds[0]}."
    return (
        f"Means over the trainings of seeds {', '.join(map(str, seeds))}; in brackets "
        "Student's 95 % interval over them."
    )


def text(rows: dict[str, Rows], found: Sequence[Found]) -> str:
    """Return all tables to read in a terminal."""
    lines = []
    for name, given in rows.items():
        lines += [TITLES[name], *tables.aligned(given), ""]
    return "\n".join([*lines, legend(found)]) + "\n"


def data(found: Sequence[Found], judge: Judged, bars: Sequence[Bar]) -> dict[str, Any]:
    """Return all measures as JSON values, by model and seed."""
    return {
        "judge": {"each": judge.each.tolist(), "all": judge.all},
        "floors": [
            {
                "measure": bar.name, "value": bar.value, "floor": bar.floor,
                "aim": bar.aim, "met": bar.reached(bar.floor),
            }
            for bar in bars
        ],
        "models": [
            {
                "model": one.model, "labels": one.labels, "loss": one.loss,
                "spectral": one.spectral, "updates": one.updates,
                "minutes": one.minutes, "sigma": one.sigma, "names": list(one.names),
                "trainings": [
                    {"seed": seed, **_measures(score)}
                    for seed, score in zip(one.seeds, one.scores, strict=True)
                ],
            }
            for one in found
        ],
    }  # fmt: skip


def _measures(score: Any) -> dict[str, Any]:
    told = {
        name: {
            leaf: value.tolist() if hasattr(value, "tolist") else value
            for leaf, value in getattr(score, name)._asdict().items()
        }
        for name in ("gan_test", "gan_train")
    }
    beside = {
        name: getattr(score, name)._asdict()
        for name in ("frechet", "features", "pixels")
    }
    sliced = {k: v.tolist() for k, v in score.sliced._asdict().items()}
    nearest = score.copies.distance._asdict()
    return told | beside | {"sliced_wasserstein": sliced, "nearest": nearest}
