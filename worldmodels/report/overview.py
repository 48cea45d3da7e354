"""The report: from the stores of an experiment to one HTML page and a few lines."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from worldmodels.report import (
    companions,
    controller,
    diagram,
    dream,
    evaluation,
    figures,
    memory,
    page,
    provenance,
    replays,
    rollouts,
    temperatures,
    test_drives,
    vision,
)
from worldmodels.report.background import Background
from worldmodels.report.page import Picture
from worldmodels.report.replays import Replays, TestDrive
from worldmodels.report.rounds import Clip, RoundStores, rollout_clips, whole_clip
from worldmodels.runtime.wording import duration, one
from worldmodels.scores import sentences
from worldmodels.scores.temperatures import Sweep

_CHAPTERS = (
    "evaluation", "test drives", "controller", "dream", "memory", "vision", "rollouts",
)  # fmt: skip
_ONE_SEED = (
    "<p>This is one training, with one seed. What several seeds score is on the page "
    "that <code>snakemake seeds</code> makes: seeds/index.html of the experiment.</p>\n"
)
_PLAY = (
    '<p><a href="{address}">Play in this agent\'s dream</a>: drive it yourself, with '
    "what M expects of each step beside it.</p>\n"
)
# All films together: in base64 and with the pictures the page stays below 15 MB.
_FILM_BYTES = 7_500_000


def summary(rounds: Sequence[RoundStores], path: Path) -> str:
    """Return the few lines that a run ends with: each round's scores, the report."""
    lines = [line for round in rounds for line in _score_lines(round)]
    return "\n".join([*lines, f"report: {path}"]) + "\n"


def _score_lines(round: RoundStores) -> list[str]:
    if round.scores is None:
        return [f"round {round.number}: not evaluated"]
    scores, game = round.scores, round.game
    lines = [
        f"round {round.number}: mean {game.score} {sentences.score(scores.agent)} over "
        f"{scores.agent.count} unseen {game.place}s in {game.home}; random policy "
        f"{sentences.score(scores.random)}"
    ]
    if scores.simulator is not None:
        lines.append(
            f"  in the simulator, on the same {game.place}s: "
            f"{sentences.score(scores.simulator)}; simulator less {game.home} "
            f"{sentences.difference(scores.difference)}"
        )
    if scores.dream is not None:
        tau = round.one("evaluation").config["temperature"]
        lines.append(
            f"  in M's dream at temperature {tau:g}, of the same seeds: "
            f"{sentences.score(scores.dream)}; dream less {game.home} "
            f"{sentences.difference(scores.gap)}"
        )
    return lines


def html(
    rounds: Sequence[RoundStores],
    background: Background,
    done: Callable[[], None],
    sweep: Sweep | None = None,
    begun: Mapping[Path, Replays] | None = None,
    beside: str = "",
    play: str = "",
) -> str:
    """Return the page of all rounds, the latest first; call `done` after each.

    Args:
        begun: replays of drives that were begun before, by their evaluation's path.
        beside: chapters on pages that stand beside this one, HTML.
        play: the address of the page to play in, as HTML; "": there is none.
    """
    latest, begun = rounds[-1], begun or {}
    sections = [("overview", "Overview", _overview(rounds, play))]
    # Dreams are short: both films of them share one film's bytes.
    films = sum(3 * _can_film(round) + dream.can_film(round) for round in rounds)
    for round in reversed(rounds):
        scored, drives = round.one("evaluation"), []
        if scored is not None:
            drives = begun.get(scored.path) or replays.begin(scored, background)
        bytes_a_film = _FILM_BYTES // max(films, 1)
        content = round_html(round, drives, bytes_a_film, background)
        sections.append((f"round-{round.number}", f"Round {round.number}", content))
        done()
    if sweep is not None:
        content = temperatures.section(sweep)
        sections.append(("temperatures", "Temperatures", content))
    if beside:
        sections.append(("beside", "Cells and studies", beside))
    content = provenance.section(rounds)
    sections.append(("provenance", "Settings, versions and cost", content))
    store = next(s for kind in latest.stores.values() for s in kind)
    lead = (
        "An agent that sees through a variational autoencoder (V), remembers with a "
        "recurrent network (M) and drives with a linear controller (C) found by "
        "evolution. After Ha &amp; Schmidhuber, "
        '<a href="https://arxiv.org/abs/1803.10122">World Models</a>, 2018.'
    )
    footer = f"Made by worldmodels {store.attributes['version']}."
    title = f"World Models on {latest.game.title}"
    style = companions.STYLE if beside else ""
    return page.document(title, lead, sections, footer, style)


def _can_film(round: RoundStores) -> bool:
    needed = (round.one("evaluation"), round.vision, round.memory)
    return all(part is not None for part in needed)


def _overview(rounds: Sequence[RoundStores], play: str) -> str:
    latest = rounds[-1]
    parts = [_headline(rounds), _ONE_SEED]
    if play:
        parts.append(_PLAY.format(address=play))
    picture = diagram.pipeline(diagram.facts(latest), latest.game.place)
    caption = "The pipeline"
    if len(rounds) > 1:
        caption += f", with the numbers of round {latest.number}"
    parts.append(f"<figure>{picture}<figcaption>{caption}.</figcaption></figure>")
    scored = [round for round in rounds if round.scores is not None]
    if len(scored) > 1:
        parts.append(_scores_by_round(scored).html())
    return "".join(parts)


def _headline(rounds: Sequence[RoundStores]) -> str:
    costs = [cost for _, _, cost in provenance.costs(rounds)]
    seconds = sum(cost.wall_seconds for cost in costs)
    cards = []
    if (scores := rounds[-1].scores) is not None:
        game = rounds[-1].game
        for name, found in (
            (f"the agent's mean {game.score}", scores.agent),
            ("the same in the simulator", scores.simulator),
            ("random policy", scores.random),
        ):
            if found is None:
                continue
            interval = f"95 % interval {found.low:.1f} to {found.high:.1f}"
            cards.append((name, f"{found.mean:.1f}", interval))
        count = str(scores.agent.count)
        cards.append(("test drives", count, f"each on {one(game.place)} never seen"))
    count = f"in {len(rounds)} rounds" if len(rounds) > 1 else "one after the other"
    cards.append(("all stages took", duration(seconds), count))
    return page.facts(cards)


def _scores_by_round(rounds: Sequence[RoundStores]) -> Picture:
    game = rounds[-1].game
    agent = [round.scores.agent for round in rounds]
    random = [round.scores.random for round in rounds]
    numbers = [round.number for round in rounds]
    means = "; ".join(
        f"round {n}: {sentences.score(s)}" for n, s in zip(numbers, agent, strict=True)
    )
    return Picture(
        figures.scores_by_round(numbers, agent, random, game), "image/svg+xml",
        f"Mean {game.score} of each round's agent on the unseen {game.place}s. "
        f"{means}.",
        f"<b>Scores by round</b>, in {game.home}, on the same unseen {game.place}s.",
    )  # fmt: skip


def round_html(
    round: RoundStores, drives: Replays, film_bytes: int, background: Background
) -> str:
    """Return one round's chapters, the result first.

    What takes long is begun first; the rest is written while films are made.
    """
    clips = rollout_clips(round)
    dreams = dream.begin_recorded(round, film_bytes // 2, background)
    chapters = _told(round, clips)
    films, median = [], []
    for drive in (replay.result() for replay in drives):
        if _can_film(round):
            films.append(test_drives.begin(drive, round, film_bytes, background))
        if drive.name == "median":
            median.append(drive)
    dreams += dream.begin_controlled(round, median, film_bytes // 2, background)
    chapters |= _shown(round, [*clips[:1], *map(_clip, median)])
    if "memory" in round.stores:
        chapters["dream"] = dream.chapter(round, dreams)
    if films:
        shown = "".join(film.html() for film in films)
        chapters["test drives"] = "<h3>Test drives</h3>\n" + shown
    return "".join(chapters.get(name, "") for name in _CHAPTERS)


def _told(round: RoundStores, clips: Sequence[Clip]) -> dict[str, str]:
    """Return the chapters that show numbers and recorded frames, by name."""
    chapters = {}
    if round.one("evaluation") is not None:
        chapters["evaluation"] = evaluation.chapter(round)
    if "controller" in round.stores:
        chapters["controller"] = controller.chapter(round)
    if round.episodes is not None:
        chapters["rollouts"] = rollouts.chapter(round, clips)
    return chapters


def _shown(round: RoundStores, clips: Sequence[Clip]) -> dict[str, str]:
    """Return the chapters that show what V and M make of clips, by name."""
    chapters = {}
    if "memory" in round.stores:
        chapters["memory"] = memory.chapter(round, clips)
    if "vision" in round.stores:
        chapters["vision"] = vision.chapter(round, clips)
    return chapters


def _clip(drive: TestDrive) -> Clip:
    frames, actions, _ = drive.recording
    return whole_clip(f"the {drive.name} test drive", frames, actions)
