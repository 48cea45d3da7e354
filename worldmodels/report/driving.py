"""What the report says of C: how it was evolved, and what it scores."""

import numpy as np

from worldmodels.artifacts import Artifact
from worldmodels.quantities import count
from worldmodels.report import figures, page
from worldmodels.report.page import Picture
from worldmodels.report.rounds import Round
from worldmodels.statistics import Summary


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
    tracks = count(blocks[0].config["rollouts"], "track")
    place = round.place("controller")
    picture = Picture(
        figures.fitness(fitness, tested, returns), "image/svg+xml",
        f"Fitness by generation: the population's mean goes from "
        f"{fitness[0].mean():.1f} to {fitness[-1].mean():.1f}, its best reaches "
        f"{fitness.max():.1f}; the CMA mean on selection tracks goes from "
        f"{means[0]:.1f} to {means[-1]:.1f}. The paper's line is 823, 867, 867, 880 "
        "and 900.5 at generations 25, 50, 100, 200 and 1800.",
        f"<b>Fitness by generation.</b> Mean return over {tracks} a generation. All "
        f"of it, the tested CMA means too, was driven in {place}; the paper's CMA mean "
        "is over 1,024 episodes of gym's first version of the game.",
    )  # fmt: skip
    text = _search_text(blocks, tested, returns, tracks, place)
    return page.chapter("Controller", text) + picture.html()


def _search_text(
    blocks: list[Artifact],
    tested: np.ndarray,
    returns: np.ndarray,
    tracks: str,
    place: str,
) -> str:
    generations = sum(b.array("mean").shape[0] for b in blocks)
    steps = np.concatenate([b.read("steps") for b in blocks])
    _, population, size = blocks[0].array("population").shape
    best = int(np.argmax(returns.mean(axis=1)))
    common = blocks[0].array("track_seed").ndim == 2
    drives = f"all driving the same {tracks}" if common else f"each on its own {tracks}"
    text = (
        f"C: {size:,} parameters evolved by CMA-ES over {generations:,} generations of "
        f"{population} candidates in {place}, {drives}, new ones each "
        f"generation. Every {blocks[0].config['select_every']} generations the mean of "
        f"the distribution drives {count(returns.shape[1], 'selection track')}. The "
        f"best scored {returns[best].mean():.1f} after generation {tested[best]}; that "
        "one is evaluated."
    )
    if steps.min() < steps.max():
        text += (
            f" Episodes grew from {steps[0]:,} to {steps[-1]:,} steps, so early "
            "fitness is of shorter drives."
        )
    return text


def evaluation(round: Round) -> str:
    """Show the score on unseen tracks beside the random policy's."""
    store = round.one("evaluation")
    agent, random, simulator, difference = round.scores
    returns, others = store.read("agent/returns"), store.read("random/returns")
    text = (
        f"On {agent.count} tracks that nothing was trained or selected on, driven in "
        f"gymnasium, the agent's mean return is {score_line(agent)}; the random policy "
        f"“{store.config['random_policy']}” scores {score_line(random)} on the same "
        f"tracks. The controller is the CMA mean after generation "
        f"{int(store.read('generation'))}."
    )
    beside = (
        f"In the simulator the agent's mean return on the very same tracks is "
        f"{score_line(simulator)}. Track by track, the simulator's return less "
        f"gymnasium's is {difference_line(difference)} in the mean. "
        f"{_where_it_learnt(round)}"
    )
    picture = Picture(
        figures.returns_histogram(returns, others, agent, random), "image/svg+xml",
        f"Histogram of returns: the agent's lie between {returns.min():.1f} and "
        f"{returns.max():.1f} with mean {agent.mean:.1f}, the random policy's between "
        f"{others.min():.1f} and {others.max():.1f} with mean {random.mean:.1f}.",
        "<b>Returns on unseen tracks</b>, in gymnasium. Lines: means; bands: their "
        "95 % bootstrap intervals.",
    )  # fmt: skip
    return page.chapter("Score on unseen tracks", text, beside) + picture.html()


def _where_it_learnt(round: Round) -> str:
    """Return the sentence on where the agent drove to learn, as far as is known."""
    told = []
    if place := round.place("rollouts"):
        told.append(f"V and M learnt from rollouts driven in {place}")
    if place := round.place("controller"):
        told.append(f"C was evolved in {place}")
    return " and ".join(told) + "." if told else ""
