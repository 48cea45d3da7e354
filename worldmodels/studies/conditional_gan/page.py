"""The study's page: what is drawn, how it came about, and what it measures."""

from collections.abc import Sequence

import numpy as np

from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.runtime.randomness import generator_for
from worldmodels.studies.conditional_gan import choices, figures, painting, table
from worldmodels.studies.conditional_gan.findings import Bar, Found
from worldmodels.studies.conditional_gan.painting import Painter
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.table import Rows

_STYLE = page.OF_CHARTS + "\n.rows img { image-rendering: pixelated; }\n"
_LEAD = (
    "A generator draws pictures of random numbers z and of labels y; a discriminator, "
    "whose layers are spectrally normalised, learns to tell them from real ones. Do "
    "the labels steer what is drawn, and what makes them steer?"
)


def html(
    found: Sequence[Found],
    rows: dict[str, Rows],
    bars: Sequence[Bar],
    pictures: Pictures,
    version: str,
) -> str:
    """Return the page of all trainings.

    Args:
        rows: the tables, as `table.all_rows` returns them.
        version: of the package that made the stores.
    """
    main = found[0]
    sections = [
        ("drawn", "What is drawn", _drawn(main, pictures)),
        ("between", "Between labels, and between z", _between(main, pictures)),
        ("along", "Along the training", _along(main)),
        ("measures", "Measures", _measures(found, rows, bars)),
    ]
    if len(found) > 1:
        sections.append(("models", "The other models", _others(found[1:], pictures)))
    sections.append(("copies", "Nothing is copied", _copies(main)))
    footer = f"Made by worldmodels {version}."
    title = "Can labels steer what a GAN draws?"
    return page.document(title, escape(_LEAD), sections, footer, _STYLE)


def _z(count: int, one: Found) -> np.ndarray:
    rng = generator_for(0, 0, "conditional_gan shown")
    latent = one.stores[0].config["network"]["latent_size"]
    return rng.standard_normal((count, latent))


def _grid(one: Found, pictures: Pictures) -> Picture:
    settings = choices.frequent(pictures.labels(pictures.training))
    known = painting.painter(one.stores[0])
    told = figures.described(one.names, settings)
    return Picture(
        figures.grid(known, settings, _z(choices.COLUMNS + 2, one)),
        "image/png",
        f"Drawn pictures; the rows ask for: {'; '.join(told)}.",
        f"<b>{escape(one.name)}</b>, seed {one.seeds[0]}. Rows: the labels that are "
        "asked for, the most frequent settings of the training pictures. Columns: one "
        "z each. The averaged weights draw.",
        told,
    )


def _drawn(main: Found, pictures: Pictures) -> str:
    settings = choices.frequent(pictures.labels(pictures.training))
    learnt = pictures.labels(pictures.training)
    real = [
        pictures.images(pictures.training[(learnt == s).all(axis=1)][:10])
        for s in settings
    ]
    fewest = min(map(len, real))
    beside = Picture(
        figures.rows(*(images[:fewest] for images in real)), "image/png",
        "Real pictures with the same labels.",
        "<b>Real pictures</b> with the same labels, for comparison.",
        figures.described(main.names, settings),
    )  # fmt: skip
    return _grid(main, pictures).html() + beside.html()


def _between(main: Found, pictures: Pictures) -> str:
    learnt = pictures.labels(pictures.training)
    known, z = painting.painter(main.stores[0]), _z(3, main)
    settings = choices.frequent(learnt, 5)
    told = figures.described(main.names, settings)
    numbers = Picture(
        figures.between_z(known, settings, z), "image/png",
        f"Three z, with steps between them, for {'; '.join(told)}.",
        "<b>Between z.</b> From left to right z goes on arcs through three draws, and "
        "the labels of a row stay.",
        told,
    )  # fmt: skip
    return _between_labels(known, choices.toggles(learnt), z[0]) + numbers.html()


def _between_labels(known: Painter, pairs: np.ndarray, z: np.ndarray) -> str:
    """Return the figure; none where all pictures have equal labels."""
    if not len(pairs):
        return ""
    ends = [
        " → ".join(choices.words(known.names, end) for end in pair) for pair in pairs
    ]
    picture = Picture(
        figures.between_labels(known, pairs, z), "image/png",
        f"One z while labels change: {'; '.join(ends)}.",
        "<b>Between labels.</b> One z; from left to right y goes in equal steps from "
        "one setting to another. G never learnt from a y between 0 and 1.",
        ends,
    )  # fmt: skip
    return picture.html()


def _along(main: Found) -> str:
    store = main.stores[0]
    settings, updates = store.read("film/labels"), store.read("film/update")
    told = figures.described(main.names, settings)
    film = Picture(
        figures.along(store.read("film/pictures")), "image/gif",
        f"The grid after {updates[0]:,} to {updates[-1]:,} updates.",
        f"<b>The grid along the training</b>, after {updates[0]:,} to "
        f"{updates[-1]:,} updates, early ones more often.",
        told,
    )  # fmt: skip
    names = [
        name for name in store.names("history") if not name.startswith("history/grad")
    ]
    history = {name.removeprefix("history/"): store.read(name) for name in names}
    curves = Picture(
        figures.curves(history), "image/svg+xml",
        "Losses, D's mean scores and the estimated norm of each layer of D.",
        "<b>Curves.</b> Losses of both networks; D's mean score of real and of drawn "
        "pictures; the estimated largest singular value of each layer of D, which its "
        "kernel is divided by"
        + ("." if main.spectral else ": here it is only measured."),
    )  # fmt: skip
    return film.html() + curves.html()


def _measures(
    found: Sequence[Found], rows: dict[str, Rows], bars: Sequence[Bar]
) -> str:
    parts = [f"<p>{escape(table.legend(found))}</p>\n"]
    if bars:
        missed = [bar.name for bar in bars if not bar.reached(bar.floor)]
        told = (
            f"Missed floors: {', '.join(missed)}." if missed else "All floors are met."
        )
        parts.append(f"<p>{escape(told)}</p>\n")
    for name, (head, *body) in rows.items():
        shown = page.wide_table(head, body, range(1, len(head)))
        parts.append(f"<h3>{escape(table.TITLES[name])}</h3>\n{shown}")
    return "".join(parts)


def _others(found: Sequence[Found], pictures: Pictures) -> str:
    return "".join(_grid(one, pictures).html() for one in found)


def _copies(main: Found) -> str:
    copies = main.scores[0].copies
    drawn, real = copies.distance
    picture = Picture(
        figures.rows(copies.drawn, copies.training), "image/png",
        "Drawn pictures above the nearest training pictures.",
        "<b>Drawn pictures above the nearest training picture of each.</b> The nearest "
        f"one is {drawn:.1f} grey levels away in the median (root of the mean squared "
        f"difference); of a real held-out picture it is {real:.1f}.",
        ("drawn", "nearest"),
    )  # fmt: skip
    return picture.html()
