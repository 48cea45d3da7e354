"""The page of the study: what the arms score, how they end, and films of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.studies.curiosity import figures, table
from worldmodels.studies.curiosity.arms import MAIN
from worldmodels.studies.curiosity.findings import Found

Arrays = Mapping[str, np.ndarray]
_LEAD = (
    "PPO learns to fly PixelCopter: from what the game gives, from what a network "
    "cannot predict of its pictures (random network distillation, RND), and from "
    "both. Does it end in going up a few times and then no more, and does curiosity "
    "alone end there too?"
)
# Films stand side by side and keep their colours by night; names stay whole.
_STYLE = """
.films { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr));
  gap: 0 1.6rem; }
.films figure img { max-width: 540px; min-width: 0; filter: none; }
.wide td:first-child { white-space: nowrap; }
"""


def html(
    found: Sequence[Found],
    episodes: Mapping[tuple[str, str], Arrays],
    films: Mapping[tuple[str, str], bytes],
    version: str,
) -> str:
    """Return the page.

    Args:
        episodes: by world and arm the arrays of an episode.
        films: GIFs by world and arm.
        version: of the package that made the stores.
    """
    worlds = table.by_world(found)
    sections = [("scores", "What they score", _scores(worlds))]
    for world, given in worlds.items():
        if world != "carracing":
            sections.append((f"ends-{world}", _heading(world), _ends(given)))
    for world in worlds:
        own = {arm: one for (of, arm), one in episodes.items() if of == world}
        shown = {arm: one for (of, arm), one in films.items() if of == world}
        if own or shown:
            title = f"Episodes: {world}"
            sections.append((f"films-{world}", title, _episodes(world, own, shown)))
    sections.append(("cost", "Cost", _table(table.cost(found))))
    title = "Curiosity: what a reward for the unpredicted adds"
    footer = f"Made by worldmodels {version}."
    style = page.OF_CHARTS + _STYLE
    return page.document(title, escape(_LEAD), sections, footer, style)


def _heading(world: str) -> str:
    return f"How they end: {world}"


def _table(rows: table.Rows) -> str:
    return page.wide_table(rows[0], rows[1:], range(1, len(rows[0])))


def _scores(worlds: Mapping[str, Sequence[Found]]) -> str:
    main = {
        world: [one for one in given if one.arm in MAIN]
        for world, given in worlds.items()
    }
    main = {world: given for world, given in main.items() if given}
    parts = []
    if main:
        told = "; ".join(
            f"{world}, {one.title}: {table.words(one.score)}"
            for world, given in main.items()
            for one in given
        )
        parts.append(
            Picture(
                figures.learning(main), "image/svg+xml",
                f"Returns while they learn; on unseen levels {told}.",
                "<b>Return of the episodes that end</b>, by steps of all environments. "
                "Lines: the mean of the seeds; bands: from the lowest to the highest. "
                "The metronome goes up every 11 steps and sees nothing; the pilot "
                "steers for the middle of the freer gap.",
            ).html()
        )  # fmt: skip
    first = next(iter(worlds.values()))
    parts.append(f"<p>{escape(table.legend(first))}</p>\n")
    for world, given in worlds.items():
        parts.append(f"<h3>{escape(table.TITLES[world])}</h3>\n")
        parts.append(_table(table.scores(given)))
    return "".join(parts)


def _ends(found: Sequence[Found]) -> str:
    main = [one for one in found if one.arm in MAIN]
    others = [one for one in found if one.arm not in MAIN]
    parts = []
    if main:
        parts.append(
            Picture(
                figures.endings(main), "image/svg+xml",
                "How episodes end while the arms learn: the table below has the last.",
                "<b>How episodes end</b>, by million steps of training. The local "
                "optimum has episodes of 25 to 45 steps, and 8 or more steps without "
                "an up before death.",
            ).html()
        )  # fmt: skip
    if others:
        parts.append(
            Picture(
                figures.arms(found), "image/svg+xml",
                "Scores and passages of all arms: the tables have them.",
                "<b>What each arm scores, and when it comes past the optimum</b>; a "
                "dot is a seed. A seed without a dot on the right never did.",
            ).html()
        )  # fmt: skip
    return "".join([*parts, _table(table.ends(found))])


def _episodes(
    world: str, episodes: Mapping[str, Arrays], films: Mapping[str, bytes]
) -> str:
    parts = []
    if episodes:
        most = {arm: float(one["bonus"].max()) for arm, one in episodes.items()}
        told = "; ".join(f"{arm}: at most {value:.2g}" for arm, value in most.items())
        parts.append(
            Picture(
                figures.bonus(episodes), "image/svg+xml",
                f"Bonus and values in an episode of each arm. Bonus: {told}.",
                "<b>Bonus and values over an episode</b> of the first seed, on the "
                "unseen level of the median return, after training. The bonus is in "
                "units of the deviation that it is divided by; it rises where the "
                "predictor has seldom been.",
            ).html()
        )  # fmt: skip
    shown = "".join(
        Picture(
            film, "image/gif", f"The end of an episode of {arm} ({world}).",
            f"<b>{escape(arm)}</b>: the end of that episode.",
        ).html()
        for arm, film in films.items()
    )  # fmt: skip
    return "".join([*parts, f'<div class="films">{shown}</div>\n'])
