"""Step page: the study's page, and its tables as text and as JSON beside it."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.report.page import OF_CHARTS, Picture, details, document, escape
from worldmodels.report.page import wide_table as table
from worldmodels.runtime.progress import Progress
from worldmodels.scores import tables as written
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import publish_text
from worldmodels.studies.dsprites import figures, probes, published, results, tables
from worldmodels.studies.dsprites.probes import LAGS
from worldmodels.studies.dsprites.results import Results
from worldmodels.studies.dsprites.settings import Settings
from worldmodels.studies.dsprites.steps import STUDY


def run(
    *,
    settings: Settings,
    train: Sequence[Path],
    probe: Sequence[Path],
    information: Sequence[Path],
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`, table.txt and table.json beside it; print the tables.

    Raises:
        UserError: for a bad store, or stores that do not belong together.
    """
    places.file_place(out)  # a folder such as "." has no name beside it
    summary = out.with_name("table.txt")
    places.check_beside(out, summary)
    written.prepare(summary)
    given = {"train": train, "probe": probe, "information": information}
    with Progress("dsprites page", sum(map(len, given.values())), log) as progress:
        stores = {
            step: [open_artifact(path, STUDY.kind(step)) for path in paths]
            for step, paths in given.items()
        }
        found = results.read(**stores)
        progress.update(sum(map(len, given.values())))
    publish_text(out, html(found, stores["train"][0].attributes["version"]))
    written.publish(summary, tables.text(found), results.data(found))


def html(found: Results, version: str) -> str:
    """Return the whole page."""
    sections = [
        ("answer", "What the seed's numbers meant", _meaning()),
        ("pictures", "Predicting the next picture", _pictures(found)),
        ("probes", "What probes read", _probes(found)),
        ("information", "What the memory shares with x", _information(found)),
        ("seed", "Test 1 as the seed's", _as_the_seed(found)),
    ]
    lead = escape(
        "A DNC reads sprites, pixel by pixel, and learns to draw the next one. Does "
        "its memory hold where a sprite is? The seed's author asked so with two tests "
        "and called the first marginal and the second empty. Here both are beside what "
        "chance gives, and beside tests that could have found something."
    )
    footer = f"Made by worldmodels {version}."
    title = "dSprites: what a DNC's memory holds"
    return document(title, lead, sections, footer, OF_CHARTS)


def _paragraphs(*texts: str) -> str:
    return "".join(f"<p>{escape(text)}</p>\n" for text in texts)


def _meaning() -> str:
    """Say what the published figures mean against chance."""
    chance = probes.of_chance()[: len(published.NAMES)]
    gained = {name: 1 - e / chance for name, e in published.TEST_1.items()}
    x, y = (100 * gained["A, reads"][published.NAMES.index(name)] for name in "xy")
    most = 100 * max(gained["B, memory"])
    return _paragraphs(
        f"Test 1 was no marginal result. The best constant answer has a squared error "
        f"of {chance[3]:.5f} in x and y; against it, the reads of the seed's model A "
        f"explain {x:.0f} % of x and {y:.0f} % of y. The memory of its model B "
        f"explains {most:.0f} % of a factor at most.",
        "Test 2 had no power. Its estimates of the mutual information with x stayed "
        f"below {published.TEST_2:g} nats, for the memory and for noise alike. Simple "
        "estimates give noise far more than that, or give everything all of x's "
        "entropy; only of numbers that never change do they give nothing. So the test "
        "says nothing about the memory. The last section of this page has its figures.",
    )


def _pictures(found: Results) -> str:
    models = ", ".join(results.title(one.model) for one in found.learnt)
    curves = Picture(
        figures.curves(found.learnt), "image/svg+xml",
        "Loss of each model by update: "
        + "; ".join(f"{results.title(one.model)} ends at {one.loss[-1]:.0f}"
                    for one in found.learnt)
        + f"; without any input {found.learnt[0].baseline:.0f} nats a picture.",
        "<b>Learning.</b> Cross-entropy of the next picture. The dashed line knows how "
        "often each pixel is lit, and nothing else.",
    )  # fmt: skip
    sprites = Picture(
        figures.sprites(found.learnt), "image/png",
        f"One rollout: the sprites that came, and what was predicted by {models}.",
        "<b>Real and predicted sprites</b> of a rollout that was not learnt from, over "
        "time. A model has seen the sprite before, and how the factors change to this "
        "one.",
        rows=["real", *(results.title(one.model) for one in found.learnt)],
    )  # fmt: skip
    rows = tables.learnt(found.learnt)
    return (
        sprites.html()
        + curves.html()
        + table(tables.LEARNT, rows, range(1, len(tables.LEARNT)))
    )


def _probes(found: Results) -> str:
    text = _paragraphs(
        "A linear layer reads a vector at t and tells the factors of the sprites at t, "
        "5 and 10 steps before. It learns from some rollouts and is scored on others. "
        "0 is chance, the best constant answer, and 1 is faultless: R², and of the "
        "shape the share of chance's errors that is avoided.",
        "Vectors: the LSTM's h and c, the DNC's reads r and its memory M (of A it is "
        "too wide for a probe); the picture itself, which holds all there is to know "
        "of the sprite at t, though a linear layer cannot read all of it; random "
        "numbers. "
        "An untrained model shows what its wiring alone lets through.",
        "The angle of a sprite cannot be seen where its shape is symmetric. As shown: "
        "the cosine and sine of 4, 2 or 1 times the angle, of a square, an ellipse and "
        "a heart.",
    )
    picture = Picture(
        figures.bars(found.probed, "ridge", 0), "image/svg+xml",
        "What ridge regression gains over chance for the sprite at t: "
        + "; ".join(_summary(one) for one in found.probed) + ".",
        "<b>The sprite at t</b>, by ridge regression, with 95 % intervals over the "
        "held-out rollouts. Blue: trained; grey: untrained; brown: controls. Bars "
        "below -0.2 end there.",
    )  # fmt: skip
    parts = [
        details(
            f"All figures: {tables.back(lag)}",
            table(tables.HELD_OUT, tables.held_out(found.probed, n), range(3, 9)),
        )
        for n, lag in enumerate(LAGS)
    ]
    return text + picture.html() + "".join(parts)


def _summary(one: results.Probed) -> str:
    x, y = (one.gained["ridge"][0][probes.SCORES.index(name)].mean for name in "xy")
    return f"{results.title(one.model)} {one.vector} x {x:.2f}, y {y:.2f}"


def _information(found: Results) -> str:
    text = _paragraphs(
        "Only x changes, at random. Each number of the memory and x are cut into bins "
        "of equal content, their mutual information is counted within each sequence, "
        "and the mean over permutations of x is taken off. p is the probability that "
        "chance alone makes the largest of all numbers so large. A planted number that "
        "is x itself must have all of x's entropy, and noise none.",
    )
    if not found.informed:
        return text
    picture = Picture(
        figures.information(found.informed), "image/svg+xml",
        "Mutual information with x by slot: "
        + "; ".join(
            f"{results.title(one.model)} at most {one.verdict.corrected.max():.3f}, by "
            f"chance {one.verdict.limit:.3f}"
            for one in found.informed
        ) + " nats.",
        "<b>Mutual information with x by slot</b>, of each slot's best number, and "
        "what the largest of all numbers reaches by chance.",
    )  # fmt: skip
    rows = tables.information(found.informed)
    head = tables.INFORMATION
    power = tables.without_power(found)
    return (
        text
        + picture.html()
        + table(head, rows, range(1, len(head)))
        + _paragraphs(
            "Estimates without power, of 500 steps: whatever a memory holds, they give "
            "these nats. Raw numbers as labels are each seen once, so that any of them "
            "tells x; few counts in many bins share information by chance."
        )
        + table(tables.WITHOUT_POWER, power, range(1, 4))
    )


def _as_the_seed(found: Results) -> str:
    text = _paragraphs(
        "Errors of Adam's probe on the rollouts that it learnt from, as the seed "
        "reports them, with the gain over chance in brackets. Of the shape the share "
        "of wrong answers, else the squared error. The seed's models learnt from 37.5 "
        "million steps each; the first section says from how many these did.",
    )
    parts = [table(tables.TEST_1, tables.test_1(found.probed, 0), range(1, 6))]
    for n, lag in enumerate(LAGS):
        if lag:
            rows = tables.test_1(found.probed, n)
            content = table(tables.TEST_1, rows, range(1, 6))
            parts.append(details(tables.back(lag).capitalize(), content))
    return text + "".join(parts)
