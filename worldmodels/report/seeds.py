"""The page on several seeds of one experiment: scores, learning, tracks, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from worldmodels.experiment.stages import CONFIGURED
from worldmodels.report import page, seed_figures
from worldmodels.report.page import Picture, escape
from worldmodels.report.rounds import RoundStores, group
from worldmodels.runtime.wording import count
from worldmodels.scores import seeds
from worldmodels.scores.curves import Curves, through_rounds
from worldmodels.scores.making import Making, sentence
from worldmodels.scores.seeds import SeedScores
from worldmodels.stores.artifact import Artifact

Trainings = Mapping[int, Sequence[RoundStores]]  # the rounds of each seed


def html(
    found: SeedScores,
    stores: Mapping[int, Sequence[Artifact]],
    making: Sequence[Making],
) -> str:
    """Return the page of the trainings of one experiment with several seeds.

    Raises:
        UserError: for stores that do not belong together.
    """
    trainings = {seed: group(given) for seed, given in stores.items()}
    first = next(iter(trainings.values()))
    sections = [
        ("scores", "Scores", _scores(found, making)),
        ("learning", "Learning", _learning(stores, first)),
        ("tracks", f"{found.game.place.capitalize()}s", _tracks(found)),
        ("cost", "Cost", _cost(trainings)),
        ("versions", "Versions and machines", _versions(making)),
    ]
    lead = escape(
        f"One experiment of {count(len(first), 'round')}, trained once with each of "
        f"{count(len(found.seeds), 'seed')}. A seed decides every random choice but "
        f"the {found.game.place}s of the test, which are the same for all."
    )
    version = next(iter(stores.values()))[0].attributes["version"]
    title = (
        f"World Models on {found.game.title}, over {count(len(found.seeds), 'seed')}"
    )
    footer = f"Made by worldmodels {version}."
    return page.document(title, lead, sections, footer, page.OF_CHARTS)


def _scores(found: SeedScores, making: Sequence[Making]) -> str:
    alike = all(made.alike for made in making)
    warning = "" if alike else f"<p><b>{escape(sentence(making))}</b></p>\n"
    told = "; ".join(
        f"seed {seed} {score.mean:.1f}"
        for seed, score in zip(found.seeds, found.each, strict=True)
    )
    picture = Picture(
        seed_figures.scores(found), "image/svg+xml",
        f"Mean {found.game.score} of each seed: {told}; mean of all "
        f"{found.mean.mean:.1f}, interval {seeds.interval(found.mean)}.",
        f"<b>Scores by seed</b>, in {found.game.home}. Points: each training, with the "
        f"bootstrap interval over its {found.game.place}s. Line and band: their mean, "
        "with Student's interval over the seeds.",
    )  # fmt: skip
    table = page.wide_table(seeds.HEAD, seeds.rows(found), range(1, len(seeds.HEAD)))
    text = f"<p>{escape(' '.join(seeds.legend(found)))}</p>\n"
    return "".join([_cards(found), warning, picture.html(), table, text])


def _cards(found: SeedScores) -> str:
    """Return the numbers that a reader looks for first."""
    game, spread = found.game, found.std_of_seeds
    over_seeds = f"Student's 95 % interval {seeds.interval(found.mean)}"
    if spread is None:
        over_seeds = "one seed has no interval over seeds"
    shown = "-" if spread is None else f"{spread:.1f}"
    within = f"{found.std_of_tracks:.1f}"
    return page.facts(
        [
            (f"mean {game.score} over seeds", f"{found.mean.mean:.1f}", over_seeds),
            ("standard deviation over seeds", shown, "of the trainings' means"),
            (
                f"standard deviation over {game.place}s",
                within,
                "within a training, their mean",
            ),
            (
                "random policy",
                f"{found.random.mean:.1f}",
                f"on the same {game.place}s",
            ),
        ]
    )


def _learning(
    stores: Mapping[int, Sequence[Artifact]], rounds: Sequence[RoundStores]
) -> str:
    """Show how C learnt, the rounds one after another."""
    curves = through_rounds(
        {
            seed: [store for store in given if store.kind == "controller"]
            for seed, given in stores.items()
        }
    )
    last = rounds[-1]
    game = last.game
    if last.temperature is not None:
        place = "dream" if last.tested_elsewhere is None else game.place
        game = replace(game, place=place, published=())
    where = "; ".join(f"round {round.number} in {_where(round)}" for round in rounds)
    picture = Picture(
        seed_figures.curves(curves, game), "image/svg+xml",
        f"Learning curves. The population's mean goes from {_at(curves.fitness, 0)} to "
        f"{_at(curves.fitness, -1)}; the tested mean from {_at(curves.tested, 0)} to "
        f"{_at(curves.tested, -1)}.",
        "<b>Learning through all rounds.</b> Lines: the mean of the seeds; bands: from "
        f"the lowest to the highest seed. C learnt and was tested: {escape(where)}. "
        "Where episodes are short at first, early fitness is of shorter ones.",
    )  # fmt: skip
    return picture.html() + _ends(curves, list(stores))


def _where(round: RoundStores) -> str:
    """Return where C learnt and was tested."""
    place, tested = round.place("controller"), round.tested_elsewhere
    return place if tested is None else f"{place}, tested in {tested}"


def _at(values: np.ndarray, place: int) -> str:
    """Return the mean over seeds at a place of a curve, with the lowest and highest."""
    found = values[:, place]
    return f"{found.mean():.1f} ({found.min():.1f} to {found.max():.1f})"


def _ends(curves: Curves, numbers: Sequence[int]) -> str:
    """Return the table of the best tested mean of each round, by seed."""
    ends = [*curves.starts[1:], curves.fitness.shape[1]]
    rows = []
    for round, (start, end) in enumerate(zip(curves.starts, ends, strict=True)):
        inside = (curves.tested_at > start) & (curves.tested_at <= end)
        best = curves.tested[:, inside].max(axis=1)
        each = [f"{value:.1f}" for value in best]
        rows.append((f"{round}", str(end - start), f"{best.mean():.1f}", *each))
    head = ("round", "generations", "best tested mean, over seeds")
    head = (*head, *(f"seed {n}" for n in numbers))
    return page.wide_table(head, rows, range(1, len(head)))


def _tracks(found: SeedScores) -> str:
    """Show on which tracks the trainings fail."""
    game, means = found.game, found.of_tracks
    picture = Picture(
        seed_figures.tracks(found), "image/svg+xml",
        f"Mean over seeds of each {game.place}: from {means.min():.1f} to "
        f"{means.max():.1f}, median {np.median(means):.1f}.",
        f"<b>Each {game.place}'s mean over seeds</b>, with every seed's drive on it.",
    )  # fmt: skip
    columns = (f"seed {n}" for n in found.seeds)
    head = (game.place, f"the {game.place}'s own seed", "mean over seeds", *columns)
    rows = [
        (
            str(place),
            str(found.tracks[place]),
            f"{means[place]:.1f}",
            *(f"{value:.1f}" for value in found.returns[:, place]),
        )
        for place in found.lowest
    ]
    text = (
        f"The {game.place}s with the lowest mean, numbered from 0. One that is low in "
        "all seeds is hard; one that is low in one seed was that training's accident."
    )
    table = page.wide_table(head, rows, range(1, len(head)))
    return f"{picture.html()}<p>{escape(text)}</p>\n{table}"


def _cost(trainings: Trainings) -> str:
    """Show the minutes of each stage, their mean over the seeds."""
    rounds = range(len(next(iter(trainings.values()))))
    minutes = {
        stage: _minutes(trainings, stage)
        for stage in CONFIGURED
        if any(round.cost(stage) for given in trainings.values() for round in given)
    }
    minutes["all stages"] = sum(minutes.values())
    rows = []
    for stage, taken in minutes.items():
        whole = taken.sum(axis=1)
        each = (
            [f"{value:.1f}" for value in taken.mean(axis=0)] if len(rounds) > 1 else []
        )
        rows.append(
            (
                stage,
                *each,
                f"{whole.mean():.1f}",
                f"{whole.min():.1f} to {whole.max():.1f}",
            )
        )
    rounds = [f"round {n}" for n in rounds] if len(rounds) > 1 else []
    head = ("stage", *rounds, "minutes", "lowest to highest seed")
    text = (
        "Minutes of wall time that the stores record, the mean over the seeds. Of the "
        "evaluations the last round's is counted. What all seeds share is left out: "
        "the random policy is scored once."
    )
    table = page.wide_table(head, rows, range(1, len(head)))
    return f"<p>{escape(text)}</p>\n{table}"


def _minutes(trainings: Trainings, stage: str) -> np.ndarray:
    """Return the minutes of a stage, [S, R]; 0 where no store records any."""
    costs = [[round.cost(stage) for round in given] for given in trainings.values()]
    return np.array(
        [[cost.wall_seconds / 60 if cost else 0.0 for cost in row] for row in costs]
    )


def _versions(making: Sequence[Making]) -> str:
    """Say whether all trainings were made with the same, and with what."""
    text = (
        f"{sentence(making)} A machine is its processor and the cores that a job could "
        "use; other processors, and more cores, round otherwise. Stores of earlier "
        "versions do not record it."
    )
    rows = [
        (made.name, value, "all" if made.alike else ", ".join(map(str, numbers)))
        for made in making
        for value, numbers in made.seeds.items()
    ]
    return f"<p>{escape(text)}</p>\n" + page.wide_table(
        ("what", "which", "seeds"), rows
    )
