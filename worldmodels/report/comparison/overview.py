"""The comparison of runs as a page, and as a few tables for a terminal."""

from collections.abc import Sequence

import numpy as np

import worldmodels
from worldmodels.report import page
from worldmodels.report.comparison import costs, scores, settings, versions
from worldmodels.report.comparison.runs import Compared, missing
from worldmodels.report.comparison.scores import Scores
from worldmodels.report.page import Picture, escape
from worldmodels.runtime.printable import printable
from worldmodels.runtime.wording import duration
from worldmodels.scores import tables

TITLE = "Runs compared"  # what a page of this command begins with

_STYLE = """
.verdict { font-size: 1.15rem; max-width: 50rem; padding: .8rem 1.1rem; margin: 1rem 0;
  border-left: 4px solid var(--blue); }
"""


def text(compared: Compared, found: Scores) -> str:
    """Return the comparison as tables to read in a terminal."""
    parts = []
    differ = settings.differing(compared)
    if differ:
        parts += [
            "settings that differ",
            *_aligned(_settings_head(compared), differ),
            "",
        ]
    else:
        parts += ["no setting differs", ""]
    if found.last:
        head = scores.head(compared)
        parts += [f"{compared.score} after the last round"]
        parts += [*_aligned(head, scores.rows(found.last, found)), ""]
        if found.earlier:
            parts += ["after earlier rounds"]
            parts += [*_aligned(head, scores.rows(found.earlier, found)), ""]
    took = (f"{n} {duration(costs.total(r))}" for n, r in compared.runs)
    parts += [f"one training took: {', '.join(took)}", ""]
    parts += [*missing(compared), *scores.verdicts(compared, found)]
    return "\n".join(map(printable, parts))


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return tables.aligned([head, *rows])


def _settings_head(compared: Compared) -> tuple[str, ...]:
    return ("setting", *(name for name, _ in compared.runs))


def html(compared: Compared, found: Scores) -> str:
    """Return the whole page."""
    from worldmodels.report.comparison import curves  # matplotlib, which is slow

    names = [name for name, _ in compared.runs]
    sections = [
        ("verdict", "Did it help?", _verdict(compared, found)),
        ("settings", "Settings", _settings(compared)),
        ("scores", "Scores", _scores(compared, found)),
        ("curves", "Curves", curves.section(compared)),
        ("cost", "Cost", _cost(compared)),
        ("versions", "Versions and machine", _versions(compared)),
    ]
    title = f"{TITLE}: {', '.join(names[:-1])} and {names[-1]}"
    of = f" on {escape(compared.game.title)}" if compared.game else ""
    lead = f"What differs between {len(names)} runs{of}, and whether it helped. The "
    lead += f"others are compared with <b>{escape(names[0])}</b>."
    footer = f"Made by worldmodels {worldmodels.__version__}."
    return page.document(title, lead, sections, footer, page.OF_CHARTS + _STYLE)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"


def _verdict(compared: Compared, found: Scores) -> str:
    told = [
        f'<p class="verdict">{escape(verdict)}</p>\n'
        for verdict in scores.verdicts(compared, found)
    ]
    cards = []
    for name, _ in compared.runs:
        of = next((s for s in found.last if s.name == name), None)
        if of is not None:
            low, high = of.interval
            interval = f"95 % interval {low:.1f} to {high:.1f}"
            cards.append((name, f"{of.means.mean():.1f}", interval))
    left = map(_paragraph, missing(compared))
    return "".join([*told, page.facts(cards) if cards else "", *left])


def _settings(compared: Compared) -> str:
    rows = settings.differing(compared)
    if not rows:
        return _paragraph("No setting that a store records differs.")
    return page.wide_table(_settings_head(compared), rows)


def _scores(compared: Compared, found: Scores) -> str:
    if not found.last:
        return _paragraph("No run has been evaluated yet.")
    head, place = scores.head(compared), compared.place
    text = (
        f"Mean {compared.score} on unseen {place}s after the last round of each run. "
        "The interval is Student's over the means of the seeds where a run has "
        f"several; of one training it is a BCa bootstrap over {place}s. std: the "
        f"standard deviation between {place}s, the mean over seeds."
    )
    numbers = range(3, len(head))
    parts = [
        _paragraph(text),
        page.wide_table(head, scores.rows(found.last, found), numbers),
    ]
    if (picture := _gaps(compared, found)) is not None:
        parts.append(picture.html())
    if found.earlier:
        earlier = scores.rows(found.earlier, found)
        told = "Each is compared with the first run's round of the same number."
        parts += ["<h3>After earlier rounds</h3>\n", _paragraph(told)]
        parts.append(page.wide_table(head, earlier, numbers))
    return "".join(parts)


def _gaps(compared: Compared, found: Scores) -> Picture | None:
    from worldmodels.report.comparison import figures

    (first, _), *_ = compared.runs
    numbers = {name: n for n, (name, _) in enumerate(compared.runs)}
    shown = [gap for last in found.last if (gap := found.gap(last)) is not None]
    if not shown:
        return None
    told = "; ".join(
        f"{gap.name} is better on {int(np.sum(gap.returns > 0))} of {len(gap.tests)}, "
        f"by {gap.difference.mean:+.1f} in the mean"
        for gap in shown
    )
    drawn = [
        (f"{g.name} less {first}", numbers[g.name], g.returns,
         g.difference.mean, g.difference.interval)
        for g in shown
    ]  # fmt: skip
    place = compared.place
    return Picture(
        figures.gaps(drawn, compared.score, place), "image/svg+xml",
        f"Differences from {first} on each of the same unseen {place}s: {told}.",
        f"<b>{place.capitalize()} by {place}</b>, what a run scores more than "
        f"{escape(first)}. Line: the mean; band: its 95 % interval. {escape(told)}.",
    )  # fmt: skip


def _cost(compared: Compared) -> str:
    text = (
        "Wall time as the stores record it, all rounds together, of one training: the "
        "mean over a run's seeds. Memory: the most that a job of the stage had, where "
        "Snakemake has measured it. On disk: the stores in the run's folder. Times "
        "of machines that differ, or that did other things beside, say little."
    )
    head, *rows = costs.table(compared)
    return _paragraph(text) + page.wide_table(head, rows, range(1, len(head)))


def _versions(compared: Compared) -> str:
    differ, same = versions.versions(compared)
    head = ("", *(name for name, _ in compared.runs))
    told = "These differ." if differ else "All are the same."
    return (
        _paragraph(told)
        + (page.wide_table(head, differ) if differ else "")
        + (page.details("The same in all", page.wide_table(head, same)) if same else "")
    )
