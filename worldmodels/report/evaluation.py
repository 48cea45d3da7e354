"""The chapter on the score: C on unseen seeds, beside the random policy."""

from worldmodels.experiment.stages import policy_of
from worldmodels.report import figures, page
from worldmodels.report.page import Picture
from worldmodels.report.rounds import RoundStores
from worldmodels.scores import sentences


def chapter(round: RoundStores) -> str:
    """Show the score on unseen tracks beside the random policy's."""
    store = round.one("evaluation")
    agent, random, *_ = round.scores
    game = round.game
    returns, others = store.read("agent/returns"), store.read("random/returns")
    text = (
        f"On {agent.count} {game.place}s that nothing was trained or selected on, "
        f"driven in {game.home}, the agent's mean {game.score} is "
        f"{sentences.score(agent)}; "
        f"the random policy “{policy_of(store.config['random_policy'])}” scores "
        f"{sentences.score(random)} on the same {game.place}s. The controller is the "
        f"search's mean after generation {int(store.read('generation'))}."
    )
    beside = f"{_in_the_simulator(round)}{where_it_learnt(round)}"
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


def _in_the_simulator(round: RoundStores) -> str:
    """Return the sentences on the score there, where the game has a simulator."""
    scores, game = round.scores, round.game
    if scores.simulator is None:
        return ""
    return (
        f"In the simulator the agent's mean {game.score} on the very same "
        f"{game.place}s is {sentences.score(scores.simulator)}. "
        f"{game.place.capitalize()} by {game.place}, the simulator's {game.score} less "
        f"{game.home}'s is {sentences.difference(scores.difference)} in the mean. "
    )


def where_it_learnt(round: RoundStores) -> str:
    """Return the sentence on where the agent drove to learn, as far as is known."""
    places = []
    if place := round.place("rollouts"):
        places.append(f"V and M learnt from rollouts driven in {place}")
    if place := round.place("controller"):
        places.append(f"C was evolved in {place}")
    return " and ".join(places) + "." if places else ""
