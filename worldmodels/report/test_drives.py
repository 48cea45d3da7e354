"""The median, best and worst drive on test tracks, driven again and filmed."""

from dataclasses import dataclass

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.games import Game
from worldmodels.pictures import imagery
from worldmodels.pictures.drawing import DriveFilm
from worldmodels.report import films
from worldmodels.report.background import Background
from worldmodels.report.films import PendingPicture
from worldmodels.report.page import escape
from worldmodels.report.rounds import RoundStores
from worldmodels.rollout.replay import Driven, Recording, replay
from worldmodels.runtime.wording import count
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact


@dataclass(frozen=True)
class TestDrive:
    """One drive of the evaluation, replayed."""

    __test__ = False  # not a test case

    name: str  # median, best or worst
    number: int  # among the evaluation's episodes
    seed: int
    total_reward: float
    recording: Recording
    faithful: bool  # the replay got the very same rewards
    game: Game


def replay_ranked(store: Artifact) -> list[TestDrive]:
    """Replay the median, best and worst drive of an evaluation store's agent.

    Only the seed and the actions are needed: the environment is deterministic.
    """
    config, returns = store.config, store.read("agent/returns")
    order = np.argsort(returns, kind="stable")
    chosen = {"median": order[(len(order) - 1) // 2], "best": order[-1]}
    chosen["worst"] = order[0]
    spec, game = EnvironmentSpec.of(config), networks.known_game(store)
    seeds, length = store.read("agent/seed"), store.read("agent/length")
    driven = [
        Driven(int(seeds[n]), store.read("agent/actions", n)[: length[n]])
        for n in chosen.values()
    ]
    drives = []
    found = replay(spec, driven)
    for (name, n), again in zip(chosen.items(), found, strict=True):
        rewards = store.read("agent/rewards", n)[: length[n]]
        faithful = np.array_equal(again.rewards, rewards)
        total, seed = float(returns[n]), int(seeds[n])
        drives.append(TestDrive(name, int(n), seed, total, again, faithful, game))
    return drives


def begin(
    drive: TestDrive, round: RoundStores, max_bytes: int, background: Background
) -> PendingPicture:
    """Let the drive be made an mp4 of about `max_bytes` at most."""
    frames, actions, rewards = drive.recording
    seen, dreamt = imagery.one_step_ahead(round.vision, round.memory, frames, actions)
    drawing = DriveFilm(frames, seen, dreamt, actions, rewards, drive.game)
    return films.begin(background, [drawing], _alt(drive), _caption(drive), max_bytes)


def _alt(drive: TestDrive) -> str:
    game = drive.game
    names = ", ".join(action.name for action in game.actions)
    shown = "the action" if game.discrete else names
    return (
        f"Video of the agent's {drive.name} test drive, {game.score} "
        f"{drive.total_reward:.1f}: the real frame, V's reconstruction and M's "
        f"prediction side by side; below them {shown} and the {game.score} up "
        "to there."
    )


def _caption(drive: TestDrive) -> str:
    caption = (
        f"<b>The {drive.name} drive: {drive.total_reward:.1f}.</b> Test "
        f"{drive.game.place} {drive.number}, seed {drive.seed}, "
        f"{count(len(drive.recording.rewards), 'step')}, in real time. “M dreamt” is "
        "M's prediction of this frame, made one step before."
    )
    if not drive.faithful:
        replayed = drive.recording.rewards.sum()
        caption += escape(
            f" On this machine the recorded actions gave other rewards "
            f"({drive.game.score} {replayed:.1f}): the film is not exactly the drive "
            "that was scored."
        )
    return caption
