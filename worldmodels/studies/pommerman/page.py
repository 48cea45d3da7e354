"""The study's page: what is right, what it looks like, and what it costs."""

from collections.abc import Sequence

from worldmodels.pictures import grids
from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.pommerman import boards, figures, table
from worldmodels.studies.pommerman.findings import Found, verdict

_LEAD = (
    "Pommerman's whole state is in integers, so a prediction of the next one is right "
    "or wrong, number by number. M predicts the 368 numbers that agent 0 sees and that "
    "change, from all before and from its own action: with an LSTM, with an LSTM of as "
    "many weights as the DNC, and with a DNC. The other agents' actions, the ages of "
    "flames and the ways of bombs are not among the numbers."
)


def html(
    found: Sequence[Found],
    by_heart: Sequence[Found],
    stores: Sequence[Artifact],
    film: bytes,
    version: str,
) -> str:
    """Return the page.

    Args:
        by_heart: what was learnt by heart.
        stores: the scores, whose game is shown.
        film: a GIF of it.
        version: of the package that made the stores.
    """
    sections = [
        ("right", "What is right", _right(found)),
        ("game", "A game", _game(stores, film)),
        ("tables", "All shares", _tables(found)),
        ("heart", "Games learnt by heart", _by_heart(by_heart)),
        ("cost", "Cost", _cost(found)),
    ]
    title = "Pommerman's next state: LSTM and DNC"
    footer = f"Made by worldmodels {version}."
    return page.document(title, escape(_LEAD), sections, footer, page.OF_CHARTS)


def _right(found: Sequence[Found]) -> str:
    names = table.head(found, drawn=False)[2:]
    told = "; ".join(
        f"{row[0]}: " + ", ".join(map(" ".join, zip(names, row[2:], strict=True)))
        for row in table.rows(found, 1, True, drawn=False)
    )
    picture = Picture(
        figures.changed(found), "image/svg+xml",
        f"How much of what changed is right, 1 step ahead, in per cent. {told}.",
        "<b>How much of what changed is right.</b> Bars: the mean over seeds, with "
        "Student's 95 % interval; a copy of the state would be at 0. "
        f"{table.counts(found)} Of position, ammo and bomb's life a line is the floor "
        "and a dotted one the aim. Further ahead models read their own predictions, "
        "and agent 0's actions as they were.",
    )  # fmt: skip
    said = f"{verdict(found)} {table.copying(found)}"
    names = table.floor_head(found)
    floors = page.wide_table(names, table.floors(found), range(1, len(names)))
    return f"<p>{escape(said)}</p>\n{picture.html()}{floors}"


def _game(stores: Sequence[Artifact], film: bytes) -> str:
    models = boards.shown(stores)
    times = ", ".join(map(str, boards.moments(models)))
    picture = Picture(
        grids.png(boards.strip(models)), "image/png",
        f"Boards of one game at steps {times}: the truth, and what was predicted.",
        f"<b>One game at steps {times}</b>, of boards that no model learnt from. "
        "Frames mark the cells that were predicted wrong. The other agents' moves "
        "nobody can know.",
        rows=boards.rows(models),
    )  # fmt: skip
    moving = Picture(
        film, "image/gif", "The same game as a film, step by step.",
        "<b>The same game as a film.</b> From the left: the truth, and what was "
        f"predicted of it {_listed(models[0].ahead)} before, in the model's own "
        "dream.",
        rows=[one.name for one in models],
    )  # fmt: skip
    return picture.html() + moving.html()


def _listed(ahead: Sequence[int]) -> str:
    """Return distances in words."""
    before = ", ".join(map(str, ahead[:-1]))
    last = f"{ahead[-1]} step{'s' if ahead[-1] > 1 else ''}"
    return f"{before} and {last}" if before else last


def _tables(found: Sequence[Found]) -> str:
    names = table.head(found, drawn=False)
    parts = [f"<p>{escape(table.legend(found))}</p>\n"]
    for ahead in found[0].ahead:
        for changed in (False, True):
            shown = table.rows(found, ahead, changed, drawn=False)
            parts.append(f"<h3>{escape(table.title(ahead, changed))}</h3>\n")
            parts.append(page.wide_table(names, shown, range(1, len(names))))
    return "".join(parts)


def _by_heart(found: Sequence[Found]) -> str:
    if not found:
        return "<p>None were.</p>\n"
    names = table.head(found, drawn=False)
    shown = table.rows(found, 1, True, drawn=False)
    text = f"{table.by_heart_title(found)}."
    return f"<p>{escape(text)}</p>\n" + page.wide_table(
        names, shown, range(1, len(names))
    )


def _cost(found: Sequence[Found]) -> str:
    config = found[0].config
    text = (
        f"A training has {config['updates']:,} updates of {config['batch_size']} games "
        "each. A step forwards and back costs about three times one forwards."
    )
    rows = page.wide_table(table.COST, table.costs(found), range(1, len(table.COST)))
    return f"<p>{escape(text)}</p>\n{rows}"
