"""The page of the study: what CMA-ES finds, when, and what others do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.runtime.errors import UserError
from worldmodels.studies.evolution import earlier, figures, table
from worldmodels.studies.evolution.findings import Found, Rate
from worldmodels.studies.evolution.restarted import DOUBLINGS
from worldmodels.studies.evolution.settings import (
    BOX,
    FORMS,
    NEAR,
    SCALAR,
    SEEDS_PARENTS,
    TENSOR,
    parents_of,
)
from worldmodels.studies.films import read_gif

_LEAD = (
    "How often does CMA-ES find the optimum of a function with many minima: by its "
    "first step, by how many parents it has, and by where it starts? And what do "
    "simpler strategies do?"
)
# Films are small, stand side by side and keep their colours by night.
_STYLE = """
.films { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr));
  gap: 0 1.6rem; }
.films figure img { max-width: 400px; min-width: 0; filter: none; }
"""
_FILMS = {
    "found": "The right code, first step 0.3: a search that finds it, if one did.",
    "missed": "The same, from another start: one that does not, if there was one.",
    "fault_found": "The seeds' fault, and the optimum lies along (1, 1).",
    "fault_missed": "The seeds' fault, same start, and the optimum lies along (1, -1).",
}


def html(
    found: Found,
    paths: Mapping[str, np.ndarray],
    films: Mapping[str, bytes],
    version: str,
) -> str:
    """Return the page.

    Args:
        paths: means [F, G, 2] of one search of each function, "es" and "cma".
        films: GIFs by their cases.
        version: of the package that made the stores.
    """
    sections = [
        ("rates", "When it is found", _rates(found)),
        ("films", "Two searches", _films(films, ("found", "missed"))),
        ("fault", "A term that is a number", _fault(found, films)),
        ("beside", "Beside simpler strategies", _beside(found, paths)),
        ("restarts", "Restarts", _restarts(found)),
        ("before", "Beside earlier measurements", _before(found)),
    ]
    title = "Evolution: what CMA-ES finds, and when"
    footer = f"Made by worldmodels {version}."
    return page.document(
        title, escape(_LEAD), sections, footer, page.OF_CHARTS + _STYLE
    )


def _table(rows: table.Rows) -> str:
    return page.wide_table(rows[0], rows[1:], range(1, len(rows[0])))


def _swept(found: Found, form: str, start: str) -> dict[int, list[Rate]]:
    """Return rates of the right code, by first step, of each number of parents."""
    rates: dict[int, list[Rate]] = {}
    for rate in table.swept(found):
        if (rate.case.form, rate.case.start) == (form, start):
            rates.setdefault(rate.case.parents, []).append(rate)
    return {
        parents: sorted(some, key=lambda rate: rate.case.sigma)
        for parents, some in rates.items()
    }


def _rates(found: Found) -> str:
    near = _swept(found, FORMS[0], NEAR)
    by_parents = {
        f"mu {parents}" if parents else "half, others repel": rates
        for parents, rates in near.items()
    }
    of_seeds = parents_of(SEEDS_PARENTS, found.settings)
    others = {
        f"{form}, {'start near' if start == NEAR else 'start in box'}": rates
        for form in FORMS
        for start in (NEAR, BOX)
        if (rates := _swept(found, form, start).get(of_seeds))
    }
    panels = [
        ("Seeds' form, start near, by parents", by_parents),
        (f"Both forms and starts, mu {of_seeds}", others),
    ]
    rows = table.by_sigma(found)
    shares = Picture(
        figures.rates(panels), "image/svg+xml",
        "Share of searches that found the optimum, by first step: "
        + "; ".join(", ".join(row) for row in rows[1:]),
        f"<b>Share of {found.settings.searches} searches that found the optimum</b>, "
        "with Wilson's 95 % interval. The optimum is at (10, 10). Near: starts from "
        "N(0, I); in box: uniform in [-20, 40]².",
    )  # fmt: skip
    shown = next(iter(near.values()))
    shown = near.get(of_seeds, shown)
    curves = Picture(
        figures.courses(shown, found.settings.population), "image/svg+xml",
        "Smallest f so far by evaluations, for each first step.",
        f"<b>Smallest f so far</b>, mu {shown[0].case.parents}, seeds' form, start "
        "near: median and quartiles of all searches. A step that is small against the "
        "distance of the optimum, 14, spends its evaluations among minima on the way.",
    )  # fmt: skip
    text = (
        "The seeds' form of Schaffer's function has saddles and no ring: its floors "
        "are hyperbolas, whose diagonals fall to the optimum. The other form has rings "
        "around it, each a trap on all sides. A first step as large as the distance "
        "to the optimum finds it nearly always, the seeds' 0.3 far less often."
    )
    return (
        f"<p>{escape(text)}</p>\n{shares.html()}{_table(rows)}{curves.html()}"
        f"{_table(table.evaluations(found))}<p>{escape(table.legend(found))}</p>\n"
    )


def _films(films: Mapping[str, bytes], names: tuple[str, ...]) -> str:
    shown = [
        Picture(
            films[name], "image/gif", _FILMS[name],
            f"<b>{escape(_FILMS[name])}</b> Blue: optimum; red: population; green: "
            "mean; the ellipse is two deviations of the distribution. The small "
            "picture follows the mean.",
        ).html()
        for name in names
        if name in films
    ]  # fmt: skip
    return f'<div class="films">{"".join(shown)}</div>\n'


def _fault(found: Found, films: Mapping[str, bytes]) -> str:
    text = (
        "The seeds' code adds p · p, a number, to every entry of C where the tutorial "
        "adds p pᵀ. A matrix of equal entries stretches the distribution along (1, 1), "
        "whatever way the mean went. That is the way from the start to (10, 10): the "
        "fault finds the optimum far more often than the right code does. Mirror an "
        "axis, which is the same task, and it hardly does. The right code has the same "
        "rate both ways."
    )
    pairs = [
        (f"{name}, ({rate.case.optimum[0]:g}, {rate.case.optimum[1]:g}): "
         f"{100 * rate.share.share:.0f} %", rate)
        for rank_one, name in ((TENSOR, "p pᵀ"), (SCALAR, "p · p"))
        for rate in table.of_fault(found, rank_one)
    ]  # fmt: skip
    picture = Picture(
        figures.ends(pairs), "image/svg+xml",
        "Where searches end: " + "; ".join(title for title, _ in pairs),
        "<b>Where the means end.</b> Cross: the start; blue ring: the optimum; green: "
        "searches that found it; red: the others.",
    )  # fmt: skip
    shown = _films(films, ("fault_found", "fault_missed"))
    rows = _table(table.fault(found))
    return f"<p>{escape(text)}</p>\n{picture.html()}{rows}{shown}"


def _beside(found: Found, paths: Mapping[str, np.ndarray]) -> str:
    names = "(1, lambda)-ES, 0.1 box", "CMA-ES, 0.3 box"
    picture = Picture(
        figures.paths(paths["es"], paths["cma"], names, found.beside), "image/svg+xml",
        "Paths of the mean of one search of each function by both strategies.",
        "<b>The mean of one search of each function.</b> Above a (1, λ)-ES, whose "
        f"mean is the best of {found.settings.population} candidates and whose step "
        "never changes; below CMA-ES. Black: start; green: end; blue ring: optimum; in "
        "the titles the share of all searches that found it.",
    )  # fmt: skip
    text = (
        "All begin at the same random whole numbers in the function's box. A step that "
        "never changes is too small to leave a minimum or too large to settle in one. "
        "Schwefel's function is clipped at its box, with the squared distance added. "
        "sep_cma_es and snes learn the deviation of each axis alone."
    )
    rows = _table(table.beside(found.beside))
    told = (
        f"% found within {earlier.EARLY} / within {earlier.LATE} generations, the "
        "latter with its interval."
    )
    return f"<p>{escape(text)}</p>\n{picture.html()}{rows}<p>{escape(told)}</p>\n"


def _restarts(found: Found) -> str:
    budget = found.settings.budget
    picture = Picture(
        figures.restarts(found.chains, budget), "image/svg+xml",
        "Share that found the optimum by evaluations, of three schedules.",
        "<b>Searches that begin again</b>, anywhere in the box, when they are over by "
        f"pycma's tolerances. Same: always {found.settings.population} candidates. "
        f"IPOP doubles them each time, to {2**DOUBLINGS} times as many at most. BIPOP "
        "spends as many evaluations on small populations with small steps.",
    )  # fmt: skip
    return picture.html() + _table(table.restarts(found.chains, budget))


def _before(found: Found) -> str:
    far = table.beyond(found)
    return f"<p>{escape(table.compared(found))}</p>\n" + (_table(far) if far else "")


def read_films(paths: list[Path]) -> dict[str, bytes]:
    """Return GIFs by the names of their files.

    Raises:
        UserError: for one that is missing, no GIF, or of another search.
    """
    found = {}
    for path in paths:
        data = read_gif(path)
        if path.stem not in _FILMS:
            raise UserError(
                f"{path} is no film of this page; give GIFs of the step film, each "
                f"named after its search: {', '.join(_FILMS)}"
            )
        found[path.stem] = data
    return found
