"""The gap between M's dream and the game: its size and its causes.

Its size is the difference between the scores of the same controller in both. Its causes
show on episodes that M never learnt from: whether M foresees the deaths that come, and
those only, and how its likelihood falls while it feeds on its own samples.
"""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from worldmodels.environments.games import Game
from worldmodels.report import calibration, page
from worldmodels.report.figures import AGENT, ORIGINAL, STYLE, svg
from worldmodels.report.page import Picture
from worldmodels.report.rounds import RoundStores
from worldmodels.runtime.wording import count
from worldmodels.scores import sentences
from worldmodels.scores.statistics import Summary
from worldmodels.stores.artifact import Artifact

Readings = list[tuple[str, str, str]]  # what, how much, what it tells


def chapters(round: RoundStores) -> str:
    """Show the score in the dream, M's mistakes, and all numbers in one table.

    What is unknown, because C never dreamt or no episode was held out, is left out.
    """
    store = round.one("memory")
    parts = [_scores(round)] if _dreamt(round) else []
    if not store.names("held_out"):
        parts.append(
            "<p>M was scored on no episode that it had not learnt from: set "
            "memory.held_out, to 0.05 for example, to learn how far its dreams can "
            "be relied on.</p>\n"
        )
    else:
        if store.names("held_out/death"):
            parts.append(_deaths(store))
        parts.append(_horizons(store))
    readings = _score_readings(round) + _death_readings(round) + _sight_readings(round)
    if readings:
        parts.append(_closing(readings))
    return "".join(parts)


def _dreamt(round: RoundStores) -> bool:
    return round.scores is not None and round.scores.dream is not None


def _scores(round: RoundStores) -> str:
    """Show the returns of the same controller in the dream and in the game."""
    store, scores, game = round.one("evaluation"), round.scores, round.game
    text = (
        f"In M's dream at temperature {store.config['temperature']:g} the mean "
        f"{game.score} of the controller is {sentences.score(scores.dream)} over "
        f"{count(scores.dream.count, 'dream')}; in {game.home} it is "
        f"{sentences.score(scores.agent)}. The dream's less {game.home}'s is "
        f"{sentences.difference(scores.gap)}. {_verdict(scores.gap, game)}"
    )
    real, dreamt = store.read("agent/returns"), store.read("dream/returns")
    picture = Picture(
        returns_chart(real, dreamt, scores.agent, scores.dream, game), "image/svg+xml",
        f"Two histograms of {game.score}, one above the other: in {game.home} from "
        f"{real.min():.1f} to {real.max():.1f} with mean {scores.agent.mean:.1f}, in "
        f"the dream from {dreamt.min():.1f} to {dreamt.max():.1f} with mean "
        f"{scores.dream.mean:.1f}.",
        "<b>The same controller in the game and in the dream.</b> Lines: means; bands: "
        "their 95 % bootstrap intervals.",
    )  # fmt: skip
    return page.chapter("Score in the dream", text) + picture.html()


def _verdict(gap: Summary, game: Game) -> str:
    if gap.low > 0:
        return (
            "The dream pays more: the controller exploits what M gets wrong, which is "
            f"worth nothing in {game.home}. A higher temperature makes that harder, "
            "and a further round teaches M what it got wrong."
        )
    if gap.high < 0:
        return (
            "The dream pays less: it is the harder of the two, and the controller is "
            f"not exploiting it; what it can do in the dream holds in {game.home}."
        )
    return "So many episodes show no difference between the two."


def returns_chart(
    real: np.ndarray,
    dreamt: np.ndarray,
    real_mean: Summary,
    dreamt_mean: Summary,
    game: Game,
) -> bytes:
    """Draw returns [N] in the game above those in the dream, as SVG."""
    bins = min(40, 10 + len(real) // 2)
    edges = np.histogram_bin_edges(np.concatenate([real, dreamt]), bins)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.4), layout="constrained")
        rows = figure.subplots(2, 1, sharex=True, sharey=True)
        for axes, returns, summary, colour, name in (
            (rows[0], real, real_mean, AGENT, f"in {game.home}"),
            (rows[1], dreamt, dreamt_mean, ORIGINAL, "in the dream"),
        ):
            axes.hist(
                returns, edges, color=colour, alpha=0.6, edgecolor="white",
                linewidth=0.6,
            )  # fmt: skip
            axes.axvline(summary.mean, color=colour, lw=1.8)
            axes.axvspan(summary.low, summary.high, color=colour, alpha=0.18, lw=0)
            axes.set(title=name, ylabel="episodes")
            axes.yaxis.get_major_locator().set_params(integer=True)
        rows[1].set(xlabel=f"{game.score} of one episode")
        return svg(figure)


def _deaths(store: Artifact) -> str:
    """Show death's predicted probability beside its frequency."""
    fine = calibration.read(store)
    steps, died = int(fine.steps.sum()), int(fine.died.sum())
    title = "How M foresees death"
    if not died:
        text = f"Nobody died in the {steps:,} held-out steps: nothing can be said."
        return page.chapter(title, text)
    recall, alarms = _foreseen(store)
    text = (
        f"One step ahead, in {steps:,} steps of episodes that M never learnt from, "
        f"{count(died, 'death')} among them. Over all steps M expected "
        f"{_expected(fine):.2f} deaths for each that came. {100 * recall:.1f} % of the "
        f"deaths were foreseen, that is held for likelier than not, and {alarms:.2f} "
        "more in every 1,000 steps that were survived."
    )
    bins = calibration.merged(fine)
    points = "; ".join(
        f"{predicted:.2g} predicted, {observed:.2g} observed in {steps:,} steps"
        for predicted, observed, steps in zip(
            bins.predicted, bins.observed, bins.steps, strict=True
        )
    )
    picture = Picture(
        calibration.chart(fine), "image/svg+xml",
        "Reliability of the probability of death, with the number of steps at each "
        f"probability beside it. {points}.",
        "<b>Predicted and observed deaths.</b> Left: points on the dashed line are "
        "calibrated, those above it are deaths that M holds for less likely than they "
        "are. Right: how many steps there are of each probability.",
    )  # fmt: skip
    return page.chapter(title, text) + picture.html()


def _foreseen(store: Artifact) -> tuple[float, float]:
    """Return the share of deaths foreseen, and false alarms in 1,000 steps."""
    names = "recall", "false_alarms"
    return tuple(float(store.read(f"held_out/death/{name}")) for name in names)


def _expected(fine: calibration.Deaths) -> float:
    return float(fine.expected.sum() / fine.died.sum())


def _horizons(store: Artifact) -> str:
    """Show M's likelihood of what came, by how long it fed on its own samples."""
    rows = [
        (f"{steps:,}", f"{nll:.3f}" if starts else "none so long", f"{starts:,}")
        for steps, nll, starts in _by_horizon(store)
    ]
    text = (
        "The negative log-likelihood of the latents that came in the held-out episodes "
        "1 to 50 steps after M began to dream under the recorded actions. It grows as "
        "M loses sight of the game. The noise of V's own posterior is in all of them."
    )
    head = ("steps ahead", "nats per latent dimension", "places dreamt from")
    return page.chapter("How far M sees", text) + page.table(head, rows, (0, 1, 2))


def _by_horizon(store: Artifact) -> list[tuple[int, float, int]]:
    names = "horizon", "horizon_nll", "horizon_starts"
    columns = (store.read(f"held_out/{name}").tolist() for name in names)
    return list(zip(*columns, strict=True))


def _score_readings(round: RoundStores) -> Readings:
    if not _dreamt(round):
        return []
    scores, game = round.scores, round.game
    tau = round.one("evaluation").config["temperature"]
    return [
        ("temperature", f"{tau:g}", "above 1 a dream is less certain than M is"),
        (f"mean {game.score}, in the dream", _mean(scores.dream), ""),
        (f"mean {game.score}, in {game.home}", _mean(scores.agent), ""),
        (
            "the dream's less the game's",
            sentences.difference(scores.gap),
            "above 0: the dream is exploited; below 0: it is harder than the game",
        ),
    ]


def _mean(summary: Summary) -> str:
    return f"{summary.mean:.1f} ({summary.low:.1f} to {summary.high:.1f})"


def _death_readings(round: RoundStores) -> Readings:
    store = round.one("memory")
    if not store.names("held_out/death"):
        return []
    fine = calibration.read(store)
    if not (died := int(fine.died.sum())):
        return []
    recall, alarms = _foreseen(store)
    return [
        (
            "deaths foreseen",
            f"{100 * recall:.1f} % of {died:,}",
            "held for likelier than not; the fewer, the more is luck in a dream",
        ),
        (
            "false alarms in 1,000 steps",
            f"{alarms:.2f}",
            "held for likelier than not, and survived",
        ),
        (
            "deaths expected for each that came",
            f"{_expected(fine):.2f}",
            "1 when calibrated; below, dreams are too easy, above, too hard",
        ),
    ]


def _sight_readings(round: RoundStores) -> Readings:
    store = round.one("memory")
    if not store.names("held_out"):
        return []
    rows = [
        (
            f"NLL {count(steps, 'step')} ahead",
            f"{nll:.3f} nats per dimension",
            "what M cannot know of the next step"
            if steps == 1
            else "beyond 1 step's: lost sight of the game by dreaming so long",
        )
        for steps, nll, starts in _by_horizon(store)
        if starts
    ]
    if store.names("held_out/reward"):
        unexplained = float(store.read("held_out/reward/unexplained"))
        meaning = "the more, the less a dream pays for what the game pays for"
        rows.append(
            ("rewards' variance not predicted", f"{100 * unexplained:.1f} %", meaning)
        )
    return rows


def _closing(readings: Readings) -> str:
    text = (
        "Where what is learnt in the dream falls short in the game, these numbers say "
        "why: the score in both, then M's mistakes on episodes that it never learnt "
        "from."
    )
    head = ("figure", "value", "what it tells")
    return page.chapter("From the dream to the game", text) + page.table(head, readings)
