"""Step games: play games and keep what agent 0 sees of them, as integers."""

from pathlib import Path

import jax
import numpy as np

from worldmodels.environments.pommerman.observation import FEATURES
from worldmodels.environments.pommerman.state import AGENTS
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds, seed_words
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.pommerman import matches
from worldmodels.studies.pommerman.components import Z
from worldmodels.studies.pommerman.settings import Games, Pommerman
from worldmodels.studies.pommerman.steps import STUDY

STEP = "games"
_TOGETHER = 256  # games that are played at once
_PURPOSES = {"learn": Purpose.ROLLOUT, "test": Purpose.TEST}
_AXES = {
    "states": ["episode", "frame", "integer"],
    "actions": ["episode", "step", "agent"],
    "rewards": ["episode", "step", "agent"],
    "terminated": ["episode", "step"],
    "length": ["episode"],
}


def run(*, settings: Pommerman, part: str, out: Path, log: Path | None) -> None:
    """Play the games of a part and publish a store at `out`.

    Args:
        part: one of `settings.PARTS`.

    Raises:
        UserError: for a full disk.
    """
    games = settings.games
    count = getattr(games, part)
    seeds = episode_seeds(_PURPOSES[part], 0, 0, 0, count)
    config = {"part": part, "games": count, "steps": games.steps}
    with (
        publication.create(
            out,
            STUDY.kind(STEP),
            config=config | {"policy": games.policy},
            inputs={},
            stage_version=STUDY.steps[STEP].version,
        ) as store,
        Progress(f"studies.pommerman games to {part}", count, log) as progress,
    ):
        arrays = _arrays(store, games, count)
        for start in range(0, count, _TOGETHER):
            some = slice(start, min(start + _TOGETHER, count))
            # As many at each time: one program for all.
            asked = np.resize(seeds[some], _TOGETHER)
            played = matches.play(seed_words(asked), games.policy, games.steps)
            for name, values in _by_game(played).items():
                arrays[name][some] = values[: some.stop - start]
            progress.update(some.stop - start)
        store.write("seed", seeds, ["episode"])


def _arrays(store: publication.Writer, games: Games, count: int) -> dict:
    shapes = {
        "states": ((games.steps + 1, FEATURES), np.int8),
        "actions": ((games.steps, AGENTS), np.int8),
        "rewards": ((games.steps, AGENTS), np.float32),
        "terminated": ((games.steps,), bool),
        "length": ((), np.int32),
    }
    chunk = min(_TOGETHER, count)
    return {
        name: store.array(name, (count, *shape), dtype, _AXES[name], (chunk, *shape))
        for name, (shape, dtype) in shapes.items()
    }


def _by_game(played: matches.Matches) -> dict[str, np.ndarray]:
    arrays = jax.tree.map(np.asarray, played)._asdict()
    length = arrays.pop("length")
    return {k: np.swapaxes(v, 0, 1) for k, v in arrays.items()} | {"length": length}


def read(store: Artifact, count: int | None = None) -> dict[str, np.ndarray]:
    """Return the first games of a store, or all, as models take them.

    Returns:
        "states" int8 [E, T + 1, Z], "actions" int8 [E, T] of agent 0, and "length"
        int32 [E].
    """
    some = slice(count)
    return {
        "states": store.read("states", some)[..., :Z],
        "actions": store.read("actions", some)[..., 0],
        "length": store.read("length", some),
    }
