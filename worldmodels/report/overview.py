"""The report: from the stores of an experiment to one HTML page and a few lines."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worldmodels.report import (
    chapters,
    diagram,
    dream,
    driving,
    figures,
    page,
    temperatures,
    test_drives,
)
from worldmodels.report.driving import difference_line, score_line
from worldmodels.report.page import Picture
from worldmodels.report.rounds import Clip, Cost, Round, rollout_clips, whole_clip
from worldmodels.report.test_drives import TestDrive
from worldmodels.runtime.wording import duration, size
from worldmodels.scores.temperatures import Sweep
from worldmodels.stores.artifact import Artifact

# All films together: in base64 and with the pictures the page stays below 15 MB.
_FILM_BYTES = 7_500_000
_STAGES = ("rollouts", "vision", "latents", "memory", "controller", "evaluation")
# Attributes that a chapter of its own, or another column, already tells.
_CONFIG_KEPT_OUT = ("shard", "block", "round")


def summary(rounds: Sequence[Round], path: Path) -> str:
    """Return the few lines that a run ends with: each round's scores, the report."""
    lines = []
    for round in rounds:
        if round.scores is None:
            lines.append(f"round {round.number}: not evaluated")
            continue
        agent, random, simulator, difference, dreamt, gap = round.scores
        game = round.game
        lines.append(
            f"round {round.number}: mean {game.score} {score_line(agent)} over "
            f"{agent.count} unseen {game.place}s in {game.home}; random policy "
            f"{score_line(random)}"
        )
        if simulator is not None:
            lines.append(
                f"  in the simulator, on the same {game.place}s: "
                f"{score_line(simulator)}; simulator less {game.home} "
                f"{difference_line(difference)}"
            )
        if dreamt is not None:
            tau = round.one("evaluation").config["temperature"]
            lines.append(
                f"  in M's dream at temperature {tau:g}, of the same seeds: "
                f"{score_line(dreamt)}; dream less {game.home} {difference_line(gap)}"
            )
    return "\n".join([*lines, f"report: {path}"]) + "\n"


def html(
    rounds: Sequence[Round], done: Callable[[], None], sweep: Sweep | None = None
) -> str:
    """Return the page of all rounds, the latest first; call `done` after each."""
    latest = rounds[-1]
    sections = [("overview", "Overview", _overview(rounds))]
    # Dreams are short: both films of them share one film's bytes.
    films = sum(3 * _can_film(round) + dream.can_film(round) for round in rounds)
    for round in reversed(rounds):
        content = round_html(round, _FILM_BYTES // max(films, 1))
        sections.append((f"round-{round.number}", f"Round {round.number}", content))
        done()
    if sweep is not None:
        told = temperatures.section(sweep)
        sections.append(("temperatures", "Temperatures", told))
    sections.append(("provenance", "Settings, versions and cost", _provenance(rounds)))
    store = next(s for kind in latest.stores.values() for s in kind)
    lead = (
        "An agent that sees through a variational autoencoder (V), remembers with a "
        "recurrent network (M) and drives with a linear controller (C) found by "
        "evolution. After Ha &amp; Schmidhuber, "
        '<a href="https://arxiv.org/abs/1803.10122">World Models</a>, 2018.'
    )
    footer = f"Made by worldmodels {store.attributes['version']}."
    title = f"World Models on {latest.game.title}"
    return page.document(title, lead, sections, footer)


def _can_film(round: Round) -> bool:
    needed = (round.one("evaluation"), round.eyes, round.mind)
    return all(part is not None for part in needed)


def _overview(rounds: Sequence[Round]) -> str:
    latest = rounds[-1]
    parts = [_headline(rounds)]
    picture = diagram.pipeline(chapters.diagram_facts(latest), latest.game.place)
    caption = "The pipeline"
    if len(rounds) > 1:
        caption += f", with the numbers of round {latest.number}"
    parts.append(f"<figure>{picture}<figcaption>{caption}.</figcaption></figure>")
    scored = [round for round in rounds if round.scores is not None]
    if len(scored) > 1:
        parts.append(_scores_by_round(scored).html())
    return "".join(parts)


def _headline(rounds: Sequence[Round]) -> str:
    costs = [cost for _, _, cost in _costs(rounds)]
    seconds = sum(cost.wall_seconds for cost in costs)
    cards = []
    if (scores := rounds[-1].scores) is not None:
        game = rounds[-1].game
        for name, told in (
            (f"the agent's mean {game.score}", scores.agent),
            ("the same in the simulator", scores.simulator),
            ("random policy", scores.random),
        ):
            if told is None:
                continue
            interval = f"95 % interval {told.low:.1f} to {told.high:.1f}"
            cards.append((name, f"{told.mean:.1f}", interval))
        count = str(scores.agent.count)
        cards.append(("test drives", count, f"each on a {game.place} never seen"))
    count = f"in {len(rounds)} rounds" if len(rounds) > 1 else "one after the other"
    cards.append(("all stages took", duration(seconds), count))
    return page.facts(cards)


def _scores_by_round(rounds: Sequence[Round]) -> Picture:
    game = rounds[-1].game
    agent = [round.scores.agent for round in rounds]
    random = [round.scores.random for round in rounds]
    numbers = [round.number for round in rounds]
    told = "; ".join(
        f"round {n}: {score_line(s)}" for n, s in zip(numbers, agent, strict=True)
    )
    return Picture(
        figures.scores_by_round(numbers, agent, random, game), "image/svg+xml",
        f"Mean {game.score} of each round's agent on the unseen {game.place}s. "
        f"{told}.",
        f"<b>Scores by round</b>, in {game.home}, on the same unseen {game.place}s.",
    )  # fmt: skip


def round_html(round: Round, film_bytes: int) -> str:
    """Return one round's chapters, the result first."""
    clips = rollout_clips(round)
    parts, drives = [], []
    if round.one("evaluation") is not None:
        parts.append(driving.evaluation(round))
        drives = test_drives.replay_ranked(round.one("evaluation"))
    if _can_film(round):
        parts.append("<h3>Test drives</h3>\n")
        parts += [
            test_drives.film(d, round.eyes, round.mind, film_bytes).html()
            for d in drives
        ]
    shown = [*clips[:1], *_median(drives)]
    if "controller" in round.stores:
        parts.append(driving.controller(round))
    if "memory" in round.stores:
        parts.append(dream.chapter(round, drives, film_bytes))
        parts.append(chapters.memory(round, shown))
    if "vision" in round.stores:
        parts.append(chapters.vision(round, shown))
    if round.episodes is not None:
        parts.append(chapters.rollouts(round, clips))
    return "".join(parts)


def _median(drives: list[TestDrive]) -> list[Clip]:
    return [
        whole_clip("the median test drive", d.recording.frames, d.recording.actions)
        for d in drives
        if d.name == "median"
    ]


def _all(round: Round) -> list[Artifact]:
    return [store for stores in round.stores.values() for store in stores]


def _provenance(rounds: Sequence[Round]) -> str:
    rows = [_cost_row(*found) for found in _costs(rounds)]
    head = ("round", "stage", "stores", "wall time", "on disk", "seed", "computed on")
    parts = ["<h3>Wall time of each stage</h3>\n", page.table(head, rows, (2, 3, 4))]
    parts.append("<h3>Versions</h3>\n")
    parts.append(page.table(("library", "version", "stages"), _versions(rounds)))
    parts.append("<h3>Resolved settings</h3>\n")
    for round in reversed(rounds):
        for stage in _STAGES:
            if config := round.settings(stage):
                settings = page.table((), _settings(config))
                parts.append(page.details(f"Round {round.number}: {stage}", settings))
    return "".join(parts)


def _costs(rounds: Sequence[Round]) -> list[tuple[Round, str, Cost]]:
    """Return what each stage took in each round, as far as it is known."""
    found = [(round, stage, round.cost(stage)) for round in rounds for stage in _STAGES]
    return [(round, stage, cost) for round, stage, cost in found if cost is not None]


def _cost_row(round: Round, stage: str, cost: Cost) -> tuple[str, ...]:
    return (
        str(round.number), stage, str(cost.stores), duration(cost.wall_seconds),
        size(cost.bytes), ", ".join(cost.seeds) or "none", ", ".join(cost.compute),
    )  # fmt: skip


def _versions(rounds: Sequence[Round]) -> list[tuple[str, str, str]]:
    """Return each version of each library with the stages that used it."""
    used: dict[tuple[str, str], list[str]] = {}
    for round in rounds:
        for store in _all(round):
            commit = store.attributes["commit"][:10]
            own = store.attributes["version"] + (f" ({commit})" if commit else "")
            for library, version in [
                ("worldmodels", own), *store.attributes["libraries"].items()
            ]:  # fmt: skip
                stages = used.setdefault((library, version), [])
                if (name := f"{store.kind} {round.number}") not in stages:
                    stages.append(name)
    most = max(len(stages) for stages in used.values())
    return [
        (library, version, "all" if len(stages) == most else ", ".join(stages))
        for (library, version), stages in used.items()
    ]


def _settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, str(value))
        for name, value in config.items()
        if name not in _CONFIG_KEPT_OUT
    ]
