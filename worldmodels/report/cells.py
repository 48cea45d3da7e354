"""The page that compares recurrent cells of M: answer, learning, foresight, scores."""

from collections.abc import Mapping, Sequence

from worldmodels.experiment.cells import AS_LARGE, CELLS, DNC, LSTM
from worldmodels.report import cell_figures, page
from worldmodels.report.page import Picture, escape
from worldmodels.runtime.wording import count
from worldmodels.scores import cell_tables
from worldmodels.scores.cells import CellComparison, gap, mean
from worldmodels.scores.making import Making, sentence
from worldmodels.stores.artifact import Artifact


def html(
    found: CellComparison,
    stores: Mapping[str, Sequence[Artifact]],
    making: Sequence[Making],
) -> str:
    """Return the page of a comparison of cells.

    Args:
        stores: that it was read from, by cell.
        making: with what they were made.
    """
    sections = [
        ("answer", "Answer", _answer(found, making)),
        ("learning", "How M learnt", _learning(found)),
        ("foresight", "What M foresees", _foresight(found)),
        ("scores", "What C scores", _scores(found)),
        ("differences", "Differences", _differences(found)),
    ]
    trainings = count(len(found.seeds), "seed")
    lead = escape(
        "The recurrent cell of M is changed and nothing else: an LSTM, an LSTM with as "
        "many parameters as the DNC's M, and a DNC, each trained with "
        f"{trainings}. The cells of a seed have the same latents and held-out "
        f"episodes, and every C is tested on the same unseen {found.game.place}s."
    )
    version = next(iter(stores.values()))[0].attributes["version"]
    title = f"Recurrent cells of M on {found.game.title}, over {trainings}"
    return page.document(
        title, lead, sections, f"Made by worldmodels {version}.", page.OF_CHARTS
    )


def _answer(found: CellComparison, making: Sequence[Making]) -> str:
    alike = all(made.alike for made in making)
    warning = "" if alike else f"<p><b>{escape(sentence(making))}</b></p>\n"
    head = cell_tables.HEAD
    table = page.wide_table(head, cell_tables.rows(found), range(1, len(head)))
    legend = f"<p>{escape(' '.join(cell_tables.legend(found)))}</p>\n"
    answer = f"<p><b>{escape(cell_tables.answer(found))}</b></p>\n"
    return answer + warning + table + legend


def _learning(found: CellComparison) -> str:
    curves = {name: cell.learning for name, cell in found.cells.items()}
    updates = found.cells[LSTM].learning.shape[1]
    picture = Picture(
        cell_figures.learning(curves), "image/svg+xml",
        f"M's NLL by update, up to update {updates:,}, a line for each cell.",
        "<b>M's NLL by update</b>, on the minibatch that it learnt from next, which is "
        "the same for all cells of a seed. Lines: the mean of the seeds, up to the "
        "last update that all have; bands: from the lowest to the highest seed.",
    )  # fmt: skip
    return picture.html()


def _foresight(found: CellComparison) -> str:
    measures = [found.measure(f"nll_{steps}") for steps in found.horizons]
    gaps = {
        cell: [gap(measure, cell, LSTM) for measure in measures]
        for cell in (AS_LARGE, DNC)
    }
    told = "; ".join(
        f"{CELLS[cell]} " + ", ".join(f"{mean(m, cell).mean:.3f}" for m in measures)
        for cell in CELLS
    )
    ahead = ", ".join(map(str, found.horizons))
    picture = Picture(
        cell_figures.horizons(
            found.horizons, {n: c.ahead for n, c in found.cells.items()}, gaps
        ),
        "image/svg+xml",
        f"NLL {ahead} open-loop steps on: {told}.",
        "<b>NLL by horizon</b>, of held-out episodes: M dreams on under the recorded "
        "actions and is scored on what came. Left: the mean of the seeds, with a band "
        "from the lowest to the highest. Right: the differences from the LSTM, seed by "
        "seed, with 95 % intervals.",
    )
    return picture.html()


def _scores(found: CellComparison) -> str:
    titles = {"dreamt": "in its own dream", "played": f"in {found.game.home}"}
    panels = {titles[m.key]: m for m in found.measures if m.key in titles}
    told = "; ".join(
        f"{title}: "
        + ", ".join(f"{CELLS[c]} {mean(measure, c).mean:.1f}" for c in CELLS)
        for title, measure in panels.items()
    )
    solved = cell_tables.solved(found)
    line = "" if solved is None else f" Broken line: {solved:.0f}, where it is solved."
    picture = Picture(
        cell_figures.scores(panels, found.game.score, solved), "image/svg+xml",
        f"Mean {found.game.score} of each cell, {told}.",
        f"<b>Scores of C</b>, over the same {found.tests} {found.game.place}s. "
        "Diamonds: the mean of the seeds with its 95 % interval; dots above: the "
        f"seeds.{line}",
    )  # fmt: skip
    return picture.html()


def _differences(found: CellComparison) -> str:
    head = cell_tables.GAPS_HEAD
    table = page.wide_table(head, cell_tables.gap_rows(found), range(1, len(head)))
    text = (
        "Each is a mean over the seeds of the differences between two trainings of one "
        "seed, which share everything but M and C. Of an NLL or a loss less is better."
    )
    return f"<p>{escape(text)}</p>\n{table}"
