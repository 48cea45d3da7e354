"""The median, best and worst drive on test tracks, filmed."""

from worldmodels.environments.games import Game
from worldmodels.pictures import imagery
from worldmodels.pictures.drawing import DriveFilm
from worldmodels.report import films
from worldmodels.report.background import Background
from worldmodels.report.films import PendingPicture
from worldmodels.report.page import escape
from worldmodels.report.replays import TestDrive
from worldmodels.report.rounds import RoundStores
from worldmodels.runtime.wording import count


def begin(
    drive: TestDrive, round: RoundStores, max_bytes: int, background: Background
) -> PendingPicture:
    """Let the drive be made an mp4 of about `max_bytes` at most."""
    frames, actions, rewards = drive.recording
    seen, dreamt = imagery.one_step_ahead(round.vision, round.memory, frames, actions)
    drawing = DriveFilm(frames, seen, dreamt, actions, rewards, round.game)
    texts = _alt(drive, round.game), _caption(drive, round.game)
    return films.begin(background, [drawing], *texts, max_bytes)


def _alt(drive: TestDrive, game: Game) -> str:
    names = ", ".join(action.name for action in game.actions)
    shown = "the action" if game.discrete else names
    return (
        f"Video of the agent's {drive.name} test drive, {game.score} "
        f"{drive.total_reward:.1f}: the real frame, V's reconstruction and M's "
        f"prediction side by side; below them {shown} and the {game.score} up "
        "to there."
    )


def _caption(drive: TestDrive, game: Game) -> str:
    caption = (
        f"<b>The {drive.name} drive: {drive.total_reward:.1f}.</b> Test "
        f"{game.place} {drive.number}, seed {drive.seed}, "
        f"{count(len(drive.recording.rewards), 'step')}, in real time. “M dreamt” is "
        "M's prediction of this frame, made one step before."
    )
    if not drive.faithful:
        replayed = drive.recording.rewards.sum()
        caption += escape(
            f" On this machine the recorded actions gave other rewards "
            f"({game.score} {replayed:.1f}): the film is not exactly the drive "
            "that was scored."
        )
    return caption
