"""The chapter on rollouts: how they were driven, and frames of some."""

from collections.abc import Sequence

from worldmodels.environments.games import IMPORTED
from worldmodels.experiment.stages import policy_of
from worldmodels.report import page, strips
from worldmodels.report.page import Picture
from worldmodels.report.rounds import Clip, RoundStores
from worldmodels.runtime.wording import count
from worldmodels.training.excerpts import COLUMNS

_NO_FRAMES = (
    "V's store is of a version that kept no frames of them: give their own stores to "
    "worldmodels report to see some here."
)


def chapter(round: RoundStores, clips: Sequence[Clip]) -> str:
    """Show what V and M learned from."""
    length, returns = round.episodes
    text = (
        f"{count(len(length), 'episode')}, {count(int(length.sum()), 'frame')}"
        f"{_driven(round)}. Mean "
        f"{round.game.score} {returns.mean():.1f}, from {returns.min():.1f} to "
        f"{returns.max():.1f}."
    )
    text = " ".join([text, *accumulated(round)])
    title = "What was driven to learn from"
    if not clips:
        return page.chapter(title, text, _NO_FRAMES)
    picture = Picture(
        strips.contact_sheet([clip.overview for clip in clips]), "image/png",
        f"Contact sheet: {count(len(clips), 'recorded episode')}, one a row, each as "
        f"{COLUMNS} of the frames that V sees.",
        f"{len(clips)} of the episodes, each as {COLUMNS} frames spread over its time.",
        [clip.name for clip in clips],
    )  # fmt: skip
    return page.chapter(title, text) + picture.html()


def _driven(round: RoundStores) -> str:
    """Return by which policy and where, if it is known."""
    config = round.settings("rollouts")
    if not config:
        return ""
    if config.get("policy") == IMPORTED:
        return ", imported from recordings"
    policy = (
        f"the random policy “{policy_of(config['policy'])}”"
        if "policy" in config
        else f"the controller of round {round.number - 1} with noise of standard "
        f"deviation {config['action_noise']:g} on its actions"
    )
    return f", driven in {round.place('rollouts')} by {policy}"


def accumulated(round: RoundStores) -> list[str]:
    """Return what V and M learnt from of other rounds, a sentence each, if known."""
    networks: dict[str, list[str]] = {}
    for name, kind in (("V", "vision"), ("M", "memory")):
        learnt = round.learnt_from(kind)
        if learnt.keys() - {round.number}:
            episodes = count(sum(learnt.values()), "episode")
            numbers = numbered(sorted(learnt))
            had = f"had the rollouts of {numbers} to learn from, {episodes}."
            networks.setdefault(had, []).append(name)
    return [f"{' and '.join(names)} {had}" for had, names in networks.items()]


def numbered(rounds: Sequence[int]) -> str:
    """Return rounds as words: "round 1", "rounds 0 and 2", "rounds 0 to 2"."""
    *before, last = map(str, rounds)
    if not before:
        return f"round {last}"
    if len(rounds) > 2 and rounds[-1] - rounds[0] < len(rounds):
        return f"rounds {before[0]} to {last}"
    return f"rounds {', '.join(before)} and {last}"
