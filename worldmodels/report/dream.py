"""The chapter on M's dream: films of it beside the game, in step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from worldmodels.models.dream import Dream, Starts
from worldmodels.pictures import imagery
from worldmodels.pictures.drawing import DreamFilm, DriveFilm
from worldmodels.report import films, gap, page
from worldmodels.report.background import Background
from worldmodels.report.films import PendingPicture
from worldmodels.report.page import escape
from worldmodels.report.replays import TestDrive
from worldmodels.report.rounds import RoundStores
from worldmodels.rollout.in_dream import Actor, Controlled, Recorded
from worldmodels.runtime.wording import count
from worldmodels.stores import networks

_STEPS = 300  # of a film, at most


class FilmedEpisode(NamedTuple):
    """A recorded episode, or the beginning of one: T steps."""

    name: str
    seed: int
    frames: np.ndarray  # uint8 [T, H, W, 3]
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T]
    ended: bool  # whether T steps are all of it


def can_film(round: RoundStores) -> bool:
    """Return whether there is anything to film."""
    acted = bool(round.excerpts) or _can_act(round)
    return acted and round.vision is not None and round.memory is not None


def _can_act(round: RoundStores) -> bool:
    return round.one("evaluation") is not None and "controller" in round.stores


def begin_recorded(
    round: RoundStores, max_bytes: int, background: Background
) -> list[PendingPicture]:
    """Let M's dream under recorded actions be filmed, where there are any."""
    if not (round.excerpts and can_film(round)):
        return []
    return [_recorded_film(round, max_bytes, background)]


def begin_controlled(
    round: RoundStores,
    drives: Sequence[TestDrive],
    max_bytes: int,
    background: Background,
) -> list[PendingPicture]:
    """Let C's dream beside each of some test drives be filmed, where C is known."""
    if not (_can_act(round) and can_film(round)):
        return []
    return [_controlled_film(round, drive, max_bytes, background) for drive in drives]


def chapter(round: RoundStores, films: Sequence[PendingPicture]) -> str:
    """Show M's dreams beside the game, and how far they can be relied on."""
    limits = gap.chapters(round)  # drawn while the films are made
    told = page.chapter("The dream", _rules(round))
    return "".join([told, *(film.html() for film in films), limits])


def _rules(round: RoundStores) -> str:
    text = (
        "In its dream M is the environment: it begins at a frame that V has seen, and "
        "from there M feeds on its own samples alone. "
    )
    model = round.memory.model
    if model.death_head:
        rule = (
            "dies with the probability that M gives to death"
            if _threshold(round) is None
            else "dies where M's log-odds of death are above "
            f"{_threshold(round):.2f}, as in the released code"
        )
        return text + f"A step survived pays 1, and the dreamer {rule}."
    if model.reward_head:
        return text + "A step pays the reward that M predicts, and nobody dies."
    return text + (
        "This M predicts neither death nor the reward: its dreams can be watched, but "
        "nobody can learn in them without memory.death_head or memory.reward_head."
    )


def _tau(round: RoundStores) -> float:
    return 1.0 if round.temperature is None else round.temperature


def _recorded_film(
    round: RoundStores, max_bytes: int, background: Background
) -> PendingPicture:
    episode = _episode(round)
    steps = len(episode.actions)
    dreamt = _dream(round, Recorded(), episode.actions, episode, steps)
    caption = (
        f"<b>A dream under recorded actions</b>, {escape(episode.name)}. Left: the "
        f"game, as it was and as V sees it. Right: M's dream from the first frame on, "
        f"under the same actions, at temperature {_tau(round):g}. "
    )
    alt = (
        f"Video of {episode.name}: the real frame, V's reconstruction, and M's dream "
        f"under the same actions, {count(steps, 'step')}; below them the actions and "
        f"the {round.game.score} up to there, in the game and in the dream."
    )
    return _beside(round, episode, dreamt, (alt, caption), max_bytes, background)


def _controlled_film(
    round: RoundStores, drive: TestDrive, max_bytes: int, background: Background
) -> PendingPicture:
    stores = round.one("vision"), round.one("memory"), round.stores["controller"]
    agent, _ = networks.load_agent(*stores[:2], stores[2][0].config, round.game)
    weights = networks.controller_of(round.one("evaluation"), agent.controller)
    name = f"the {drive.name} test drive"
    ended = len(drive.recording.actions) <= _STEPS
    parts = (part[:_STEPS] for part in drive.recording)
    episode = FilmedEpisode(name, drive.seed, *parts, ended)
    # A dream of its own: it may outlive the drive.
    actor = Controlled(agent.controller, agent.memory)
    dreamt = _dream(round, actor, weights, episode, _STEPS)
    caption = (
        f"<b>C in the game and in the dream.</b> Left: {name} from its beginning. "
        "Right: the same C in M's dream, which begins at the same frame and goes its "
        f"own way, at temperature {_tau(round):g}. "
    )
    alt = (
        f"Video of C in the game, {name} with V's reconstruction, beside C in M's "
        f"dream from the same first frame: {count(len(episode.actions), 'step')} of "
        f"the game and {count(len(dreamt.actions), 'step')} of the dream; below them "
        f"the actions and the {round.game.score} up to there."
    )
    return _beside(round, episode, dreamt, (alt, caption), max_bytes, background)


def _beside(
    round: RoundStores,
    episode: FilmedEpisode,
    dreamt: DreamFilm,
    texts: tuple[str, str],
    max_bytes: int,
    background: Background,
) -> PendingPicture:
    seen = imagery.reconstruct(round.vision, episode.frames)
    game = round.game
    real = DriveFilm(episode.frames, seen, None, episode.actions, episode.rewards, game)
    alt, caption = texts
    ends = _ends(episode, dreamt, round.memory.model.death_head)
    return films.begin(background, [real, dreamt], alt, caption + ends, max_bytes)


def _ends(episode: FilmedEpisode, dreamt: DreamFilm, mortal: bool) -> str:
    """Return how both sides of a film end."""
    steps = count(len(episode.actions), "step")
    ended = f"ends after {steps}" if episode.ended else "goes on"
    # Where dreamers can die, only the step that kills pays nothing.
    died = mortal and dreamt.rewards[-1] == 0
    step = len(dreamt.actions)
    end = f"the dreamer dies in step {step}" if died else "nobody dies in the dream"
    return f"The game {ended}; {end}."


def _dream(
    round: RoundStores, actor: Actor, given: Any, episode: FilmedEpisode, steps: int
) -> DreamFilm:
    """Let `actor` dream for at most `steps` steps from an episode's first frame on."""
    starts = Starts(*imagery.encode(round.vision, episode.frames[:1]))
    dream = Dream(*round.memory, starts, _tau(round), _threshold(round))
    seen = imagery.dream_rollout(round.vision, dream, actor, given, episode.seed, steps)
    return DreamFilm(*seen, game=round.game)


def _threshold(round: RoundStores) -> float | None:
    """Return the log-odds above which dreamers die, by the rule that C learnt under."""
    death = networks.death_rule(round.settings("controller"))
    return networks.death_threshold(round.settings("memory"), death)


def _episode(round: RoundStores) -> FilmedEpisode:
    """Return the beginning of the longest excerpt, and whether M was kept from it."""
    memory, (first, *_) = round.one("memory"), round.excerpts
    kept = memory.read("held_out/seed") if memory.names("held_out") else []
    remark = ", which M never learnt from" if first.seed in kept else ""
    parts = (part[:_STEPS] for part in (first.frames, first.actions, first.rewards))
    name = first.name + remark
    return FilmedEpisode(name, first.seed, *parts, first.length <= _STEPS)
