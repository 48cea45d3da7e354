"""The chapter on C: how it was evolved."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.report import figures, page
from worldmodels.report.page import Picture
from worldmodels.report.rounds import RoundStores
from worldmodels.runtime.wording import count, every
from worldmodels.search.names import CMA_ES


class _Verbs(NamedTuple):
    """The verb for what C does to learn, in three forms."""

    done: str
    doing: str
    does: str


_DRIVES = _Verbs("driven", "driving", "drives")
_DREAMS = _Verbs("dreamt", "dreaming", "dreams")


class _Tests(NamedTuple):
    """The selection episodes of the search's means, T means on S episodes each."""

    generation: np.ndarray  # int [T]
    returns: np.ndarray  # [T, S]


def chapter(round: RoundStores) -> str:
    """Show the evolution of C."""
    blocks = round.stores["controller"]
    fitness = np.concatenate([b.read("fitness").mean(axis=2) for b in blocks])
    tests = _Tests(
        *(
            np.concatenate([block.read(f"selection/{name}") for block in blocks])
            for name in _Tests._fields
        )
    )
    (game, verbs), place = _learnt_game(round), round.place("controller")
    episodes = count(blocks[0].config["rollouts"], game.place)
    tested = round.tested_elsewhere
    published, beside = _published(game)
    means = tests.returns.mean(axis=1)
    picture = Picture(
        figures.fitness(fitness, *tests, _selection(round), game), "image/svg+xml",
        f"Fitness by generation: the population's mean goes from "
        f"{fitness[0].mean():.1f} to {fitness[-1].mean():.1f}, its best reaches "
        f"{fitness.max():.1f}; the search's mean on {_selection(round)}s goes from "
        f"{means[0]:.1f} to {means[-1]:.1f}.{published}",
        f"<b>Fitness by generation.</b> Mean {game.score} over {episodes} a "
        f"generation. All of it, the tested means {'apart' if tested else 'too'}, was "
        f"{verbs.done} in {place}{beside}."
        + (f" The means were tested in {tested}." if tested else ""),
    )  # fmt: skip
    text = _search_text(round, tests, episodes)
    return page.chapter("Controller", text) + picture.html()


def _learnt_game(round: RoundStores) -> tuple[Game, _Verbs]:
    """Return the game in which C learnt, with the verbs for it.

    In M's dream a seed decides a dream, and the original's means, which are of the
    game, are no measure.
    """
    if round.temperature is None:
        return round.game, _DRIVES
    return replace(round.game, place="dream", published=()), _DREAMS


def _selection(round: RoundStores) -> str:
    """Return what a mean is tested on, one of them."""
    game = _learnt_game(round)[0] if round.tested_elsewhere is None else round.game
    return f"selection {game.place}"


def _published(game: Game) -> tuple[str, str]:
    """Return the sentences on the original's means: in the alt text, in the caption."""
    if not game.published:
        return "", ""
    generations, means = zip(*game.published, strict=True)
    return (
        f" The original's CMA means are {_list(means)} at generations "
        f"{_list(generations)}.",
        "; the original's CMA means are over 1,024 episodes each of gym's first "
        "version of the game: the released log's, the last the paper's appendix's",
    )


def _list(numbers: Sequence[float]) -> str:
    *first, last = (f"{number:g}" for number in numbers)
    return f"{', '.join(first)} and {last}"


def _search(round: RoundStores) -> str:
    strategy = round.settings("controller").get("strategy", CMA_ES)
    return "CMA-ES" if strategy == CMA_ES else f"evosax's {strategy}"


def _search_text(round: RoundStores, tests: _Tests, episodes: str) -> str:
    """Describe the search; `episodes` is how many a candidate has a generation."""
    blocks = round.stores["controller"]
    generations = sum(b.array("mean").shape[0] for b in blocks)
    _, population, size = blocks[0].array("population").shape
    best = int(np.argmax(tests.returns.mean(axis=1)))
    verbs = _learnt_game(round)[1]
    common = blocks[0].array("track_seed").ndim == 2
    shared = "all {} the same" if common else "each {} its own"
    selection = count(tests.returns.shape[1], _selection(round))
    does = verbs.does if round.tested_elsewhere is None else "plays"
    often = every(blocks[0].config["select_every"], "generation")
    text = (
        f"C: {count(size, 'parameter')} evolved by {_search(round)} over "
        f"{count(generations, 'generation')} of {population} candidates in "
        f"{round.place('controller')}, "
        f"{shared.format(verbs.doing)} {episodes}, new ones each generation. "
        f"{often.capitalize()} the mean of the distribution "
        f"{does} {selection}. The best scored {tests.returns[best].mean():.1f} "
        f"after generation {tests.generation[best]}; that one is evaluated."
    )
    steps = np.concatenate([block.read("steps") for block in blocks])
    if steps.min() < steps.max():
        text += (
            f" Episodes grew from {steps[0]:,} to {steps[-1]:,} steps, so early "
            "fitness is of shorter ones."
        )
    return text
