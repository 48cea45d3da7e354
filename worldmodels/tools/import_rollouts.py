"""Tool import-rollouts: a person's own frames and actions as rollout stores.

V and M learn from these as from rollouts of the pipeline; C does not, because no game
is there to score it in. Episodes are npz files in folders, or a data set of Minari. All
are checked before the first store is written; then they are read one at a time. Frames
are cut, and resized to 64 x 64 pixels where they are of another size, as those of
games.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import IMPORTED, Game, View, imported
from worldmodels.environments.processes.episodes import Episode, EpisodeResult
from worldmodels.experiment.stages import STAGES
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.runtime.wording import count
from worldmodels.stores import minari_data, publication
from worldmodels.stores.episode_shelf import EpisodeShelf
from worldmodels.stores.recordings import RecordedEpisode, npz_files, read_npz

_KIND = "rollouts"


class Source(NamedTuple):
    """Where episodes come from."""

    episodes: Callable[[], Iterator[RecordedEpisode]]  # from the first on, at each call
    low: np.ndarray | None = None  # [A], of an action; None: the least in the data
    high: np.ndarray | None = None
    discrete: bool = False  # an action is one of several choices: 1 at it, else 0


class Survey(NamedTuple):
    """What all episodes have in common."""

    lengths: list[int]
    digests: list[bytes]  # of their content
    low: np.ndarray  # [A], of all actions
    high: np.ndarray


def run(
    *,
    folders: Sequence[Path] = (),
    minari: str | None = None,
    episodes_per_shard: int = 64,
    steps: int | None = None,
    crop: Sequence[int] = (0, 0, 0, 0),
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    out: Path,
) -> None:
    """Write rollout stores out/shard-000.zarr, ... and print what is in them.

    Args:
        folders: of npz files, one an episode; see `stores.recordings`.
        minari: the name of a data set of Minari on this machine, instead.
        episodes_per_shard: in one store; the last may have fewer.
        steps: length of the stores' episodes; default: the longest's.
        crop: pixels that are cut off a frame: top, bottom, left, right.
        low, high: bounds of each number of an action; default: the data set's own, or
            the least and the greatest in the data.

    Raises:
        UserError: naming the first episode that cannot be used, bounds that are no
            bounds, a folder that holds rollouts already, or a full disk.
    """
    source = _source(folders, minari)
    if sorted(out.glob("shard-*.zarr")):
        raise UserError(
            f"{out} holds rollouts already; give another folder, or delete its stores"
        )
    survey = _survey(source.episodes(), crop)
    longest = max(survey.lengths)
    if steps is not None and steps < longest:
        raise UserError(
            f"--steps is {steps} and the longest episode has {longest}; give at least "
            "that, or cut the episode"
        )
    game = _game(source, survey, low, high, View(*crop), steps or longest)
    starts = range(0, len(survey.lengths), episodes_per_shard)
    episodes = source.episodes()
    with Progress("import-rollouts", len(survey.lengths), None) as progress:
        for shard, start in enumerate(starts):
            digests = survey.digests[start : start + episodes_per_shard]
            config = _config(game, digests, shard)
            some = islice(episodes, len(digests))
            place = out / f"shard-{shard:03d}.zarr"
            _write(place, config, game, some, start, progress)
    _tell(out, survey, len(starts), episodes_per_shard, game)


def _source(folders: Sequence[Path], minari: str | None) -> Source:
    if bool(folders) == bool(minari):
        raise UserError("give folders of npz files, or the name of a --minari data set")
    if not minari:
        files = npz_files(folders)
        return Source(lambda: map(read_npz, files))
    data = minari_data.open_data(minari)
    bounds = minari_data.bounds(data)
    return Source(
        lambda: minari_data.recordings(data),
        bounds.low,
        bounds.high,
        discrete=bounds.choices > 0,
    )


def _survey(episodes: Iterator[RecordedEpisode], crop: Sequence[int]) -> Survey:
    """Read all episodes but their frames, and check that they are of one game."""
    found = None
    for episode in episodes:
        _check_crop(episode, crop)
        low, high = episode.actions.min(axis=0), episode.actions.max(axis=0)
        if found is None:
            found = Survey([], [], low, high)
        if len(low) != len(found.low):
            raise UserError(
                f"{episode.name} has actions of {count(len(low), 'number')}, those "
                f"before it of {len(found.low)}; give episodes of one game"
            )
        found.lengths.append(episode.steps)
        found.digests.append(episode.digest())
        found = found._replace(
            low=np.minimum(found.low, low), high=np.maximum(found.high, high)
        )
    if found is None:
        raise UserError("the data set holds no episodes; give one that does")
    return found


def _check_crop(episode: RecordedEpisode, crop: Sequence[int]) -> None:
    height, width = episode.size
    top, bottom, left, right = crop
    if top + bottom >= height or left + right >= width:
        raise UserError(
            f"--crop {top} {bottom} {left} {right} leaves nothing of the frames of "
            f"{episode.name}, which have {height} x {width} pixels"
        )


def _game(
    source: Source,
    survey: Survey,
    low: Sequence[float] | None,
    high: Sequence[float] | None,
    view: View,
    steps: int,
) -> Game:
    """Return the game that the episodes are of."""
    bounds = (
        _bound("low", low, source.low, survey.low),
        _bound("high", high, source.high, survey.high),
    )
    _check_bounds(*bounds, survey)
    return imported(*bounds, source.discrete, view, steps)


def _bound(
    name: str,
    given: Sequence[float] | None,
    known: np.ndarray | None,
    seen: np.ndarray,
) -> np.ndarray:
    """Return a bound of the actions: as it is given, else known, else seen, [A]."""
    if given is None:
        return np.asarray(seen if known is None else known, np.float32)
    if len(given) != len(seen):
        raise UserError(
            f"--{name} has {count(len(given), 'number')}; an action of these episodes "
            f"has {len(seen)}"
        )
    return np.asarray(given, np.float32)


def _check_bounds(low: np.ndarray, high: np.ndarray, survey: Survey) -> None:
    for number, (least, most) in enumerate(zip(low, high, strict=True)):
        if not -np.inf < least < most < np.inf:
            raise UserError(
                f"number a{number} of the actions has the bounds {least:g} and "
                f"{most:g}; give --low and --high that are finite, the first below the "
                "second"
            )
        if survey.low[number] < least or survey.high[number] > most:
            raise UserError(
                f"number a{number} of the actions goes from {survey.low[number]:g} to "
                f"{survey.high[number]:g}, beyond its bounds {least:g} and {most:g}"
            )


def _config(game: Game, digests: Sequence[bytes], shard: int) -> dict:
    """Return the settings that a store records: those of rollouts, and its content's.

    The content is part of the provenance, which is to tell one data set from another.
    """
    return {
        "seed": 0,
        "environment": IMPORTED,
        "backend": IMPORTED,
        "policy": IMPORTED,
        "episodes_per_shard": len(digests),
        "steps": game.max_steps,
        "min_steps": 0,
        "crop": list(game.view.crop),
        "content": hashlib.sha256(b"".join(digests)).hexdigest(),
        "round": 0,
        "shard": shard,
    }


def _write(
    path: Path,
    config: dict,
    game: Game,
    episodes: Iterator[RecordedEpisode],
    start: int,
    progress: Progress,
) -> None:
    """Publish one store of some episodes, whose frames are read one at a time."""
    size, steps = config["episodes_per_shard"], config["steps"]
    # Names of the episodes: nothing is drawn with them.
    seeds = episode_seeds(Purpose.ROLLOUT, 0, 0, start, size)
    with publication.create(
        path,
        _KIND,
        config=config,
        inputs={},
        stage_version=STAGES[_KIND].version,
        game=game,
    ) as store:
        shelf = EpisodeShelf(store, size, steps)
        for place, episode in enumerate(episodes):
            shelf.put(
                place,
                EpisodeResult(
                    place,
                    Episode(seed=int(seeds[place]), steps=steps),
                    episode.actions,
                    episode.rewards,
                    episode.terminated,
                    _seen(episode, game.view),
                ),
            )
            progress.update(1)
        shelf.close()


def _seen(episode: RecordedEpisode, view: View) -> np.ndarray:
    """Return what V sees of an episode, uint8 [T, H, W, 3]."""
    frames = np.empty((episode.steps, *view.shape), np.uint8)
    for n, frame in enumerate(episode.frames()):
        frames[n] = preprocess(frame, view)
    return frames


def _tell(
    out: Path, survey: Survey, shards: int, episodes_per_shard: int, game: Game
) -> None:
    lengths, per_shard = survey.lengths, min(episodes_per_shard, len(survey.lengths))
    bounds = ", ".join(f"{a.name} {a.low:g} to {a.high:g}" for a in game.actions)
    print(
        f"{count(len(lengths), 'episode')} of {min(lengths):,} to {max(lengths):,} "
        f"steps, actions {bounds}: {count(shards, 'store')} in {out}. For snakemake: "
        f"rollouts.policy imported, rollouts.episodes {shards * per_shard}, "
        f"rollouts.episodes_per_shard {per_shard}, rollouts.steps {game.max_steps}"
    )
