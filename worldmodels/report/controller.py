"""What the report says of C: how it was evolved, and what it scores."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.report import figures, page
from worldmodels.report.page import Picture
from worldmodels.report.rounds import Round
from worldmodels.runtime.wording import count
from worldmodels.scores.statistics import Summary


class _Words(NamedTuple):
    """How it is said what C does to learn."""

    done: str
    doing: str
    does: str


_DRIVES = _Words("driven", "driving", "drives")
_DREAMS = _Words("dreamt", "dreaming", "dreams")


def score_line(summary: Summary) -> str:
    """Return a mean with its interval, as text."""
    return (
        f"{summary.mean:.1f} (95 % interval {summary.low:.1f} to {summary.high:.1f}, "
        f"standard deviation {summary.std:.1f})"
    )


def difference_line(summary: Summary) -> str:
    """Return the mean of differences with its interval, as text."""
    return (
        f"{summary.mean:+z.1f} (95 % interval {summary.low:+z.1f} to "
        f"{summary.high:+z.1f})"
    )


def controller(round: Round) -> str:
    """Show the evolution of C."""
    blocks = round.stores["controller"]
    fitness = np.concatenate([b.read("fitness").mean(axis=2) for b in blocks])
    tested = np.concatenate([b.read("selection/generation") for b in blocks])
    returns = np.concatenate([b.read("selection/returns") for b in blocks])
    means = returns.mean(axis=1)
    (game, words), place = _learnt(round), round.place("controller")
    tracks = count(blocks[0].config["rollouts"], game.place)
    published, beside = _published(game)
    picture = Picture(
        figures.fitness(fitness, tested, returns, game), "image/svg+xml",
        f"Fitness by generation: the population's mean goes from "
        f"{fitness[0].mean():.1f} to {fitness[-1].mean():.1f}, its best reaches "
        f"{fitness.max():.1f}; the CMA mean on selection {game.place}s goes from "
        f"{means[0]:.1f} to {means[-1]:.1f}.{published}",
        f"<b>Fitness by generation.</b> Mean {game.score} over {tracks} a generation. "
        f"All of it, the tested CMA means too, was {words.done} in {place}{beside}.",
    )  # fmt: skip
    text = _search_text(round, tested, returns, tracks)
    return page.chapter("Controller", text) + picture.html()


def _learnt(round: Round) -> tuple[Game, _Words]:
    """Return the game as C learnt it, with the words for that.

    In the dream it is a dream that a seed decides, and the paper's line, driven in the
    game, is no measure.
    """
    if round.temperature is None:
        return round.game, _DRIVES
    return replace(round.game, place="dream", published=()), _DREAMS


def _published(game: Game) -> tuple[str, str]:
    """Return what is said of the paper's line, in a picture's text and below it."""
    if not game.published:
        return "", ""
    generations, means = zip(*game.published, strict=True)
    return (
        f" The paper's line is {_list(means)} at generations {_list(generations)}.",
        "; the paper's CMA mean is over 1,024 episodes of gym's first version of the "
        "game",
    )


def _list(numbers: Sequence[float]) -> str:
    *first, last = (f"{number:g}" for number in numbers)
    return f"{', '.join(first)} and {last}"


def _search_text(
    round: Round, tested: np.ndarray, returns: np.ndarray, tracks: str
) -> str:
    blocks = round.stores["controller"]
    generations = sum(b.array("mean").shape[0] for b in blocks)
    steps = np.concatenate([b.read("steps") for b in blocks])
    _, population, size = blocks[0].array("population").shape
    best = int(np.argmax(returns.mean(axis=1)))
    game, words = _learnt(round)
    common = blocks[0].array("track_seed").ndim == 2
    whose = "all {} the same" if common else "each {} its own"
    text = (
        f"C: {size:,} parameters evolved by CMA-ES over {generations:,} generations of "
        f"{population} candidates in {round.place('controller')}, "
        f"{whose.format(words.doing)} {tracks}, new ones each generation. Every "
        f"{blocks[0].config['select_every']} generations the mean of the distribution "
        f"{words.does} {count(returns.shape[1], f'selection {game.place}')}. The "
        f"best scored {returns[best].mean():.1f} after generation {tested[best]}; that "
        "one is evaluated."
    )
    if steps.min() < steps.max():
        text += (
            f" Episodes grew from {steps[0]:,} to {steps[-1]:,} steps, so early "
            "fitness is of shorter ones."
        )
    return text


def evaluation(round: Round) -> str:
    """Show the score on unseen tracks beside the random policy's."""
    store = round.one("evaluation")
    agent, random, *_ = round.scores
    game = round.game
    returns, others = store.read("agent/returns"), store.read("random/returns")
    text = (
        f"On {agent.count} {game.place}s that nothing was trained or selected on, "
        f"driven in {game.home}, the agent's mean {game.score} is {score_line(agent)}; "
        f"the random policy “{store.config['random_policy']}” scores "
        f"{score_line(random)} on the same {game.place}s. The controller is the CMA "
        f"mean after generation {int(store.read('generation'))}."
    )
    beside = f"{_in_the_simulator(round)}{_where_it_learnt(round)}"
    picture = Picture(
        figures.returns_histogram(returns, others, agent, random, game),
        "image/svg+xml",
        f"Histogram of {game.score}: the agent's lie between {returns.min():.1f} and "
        f"{returns.max():.1f} with mean {agent.mean:.1f}, the random policy's between "
        f"{others.min():.1f} and {others.max():.1f} with mean {random.mean:.1f}.",
        f"<b>Returns on unseen {game.place}s</b>, in {game.home}. Lines: means; bands: "
        "their 95 % bootstrap intervals.",
    )  # fmt: skip
    title = f"Score on unseen {game.place}s"
    return page.chapter(title, text, beside) + picture.html()


def _in_the_simulator(round: Round) -> str:
    """Return the sentences on the score there, where the game has a simulator."""
    scores, game = round.scores, round.game
    if scores.simulator is None:
        return ""
    return (
        f"In the simulator the agent's mean {game.score} on the very same "
        f"{game.place}s is {score_line(scores.simulator)}. "
        f"{game.place.capitalize()} by {game.place}, the simulator's {game.score} less "
        f"{game.home}'s is {difference_line(scores.difference)} in the mean. "
    )


def _where_it_learnt(round: Round) -> str:
    """Return the sentence on where the agent drove to learn, as far as is known."""
    told = []
    if place := round.place("rollouts"):
        told.append(f"V and M learnt from rollouts driven in {place}")
    if place := round.place("controller"):
        told.append(f"C was evolved in {place}")
    return " and ".join(told) + "." if told else ""
