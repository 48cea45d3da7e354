"""A person's own episodes in npz files, one episode a file, read without trust.

The layout is that of the original's recordings: `obs` uint8 [T, H, W, 3], `action`
[T, A] or [T], and perhaps `reward` [T] and `done` [T]. `obs[t]` is seen, `action[t]`
chosen on it, `reward[t]` and `done[t]` follow. `done` is true where the game itself
ended the episode, not where a time limit did. Pickles are never loaded.

An episode's frames are read some at a time, so memory is needed for neither a whole
episode nor a whole data set.
"""

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count

LONGEST = 100_000  # steps, as of rollouts
_LARGEST = 8192  # pixels of a side
_TOGETHER = 8 * 2**20  # bytes of frames that are read at a time, or one frame
_HEADERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


class RecordedEpisode(NamedTuple):
    """One episode without its frames, checked."""

    name: str  # for sentences
    size: tuple[int, int]  # of its frames: height and width, in pixels
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T]
    terminated: bool  # by the game, after the last action
    frames: Callable[[], Iterator[np.ndarray]]  # reads uint8 [H, W, 3], T times
    digest: Callable[[], bytes]  # of all that is in it

    @property
    def steps(self) -> int:
        """T."""
        return len(self.rewards)


def npz_files(folders: Sequence[Path]) -> list[Path]:
    """Return the npz files of folders, by name within each.

    Raises:
        UserError: for what is no folder, or one without npz files.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give folders of npz files")
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise UserError(
                f"{folder} holds no npz files; give a folder with one file an episode"
            )
        found += files
    return found


def read_npz(path: Path) -> RecordedEpisode:
    """Return the episode of a file; its frames are not read yet.

    Raises:
        UserError: naming the file and the first thing that is wrong in it.
    """
    with _opened(path) as archive:
        shape, dtype, _ = _header(path, archive, "obs")
        check_frames(path, "obs", shape, dtype)
        action, reward, done = (
            _array(path, archive, name) if f"{name}.npy" in archive.namelist() else None
            for name in ("action", "reward", "done")
        )
    if action is None:
        raise UserError(f"{path} has no array 'action'; it needs 'obs' and 'action'")
    frames = partial(_frames, path, shape[0])
    digest = partial(_digest, path)
    return recording(path, shape, action, reward, done, frames, digest)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def recording(
    where: object,
    shape: tuple[int, ...],
    action: np.ndarray,
    reward: np.ndarray | None,
    done: np.ndarray | None,
    frames: Callable[[], Iterator[np.ndarray]],
    digest: Callable[[], bytes],
) -> RecordedEpisode:
    """Return an episode after a check of all but its frames.

    Args:
        shape: of the frames, which `check_frames` has checked.

    Raises:
        UserError: naming `where` and the first thing that is wrong.
    """
    steps = shape[0]
    reward = np.zeros(steps) if reward is None else reward
    done = np.zeros(steps, bool) if done is None else done
    for name, values in (("action", action), ("reward", reward), ("done", done)):
        _check(where, name, values, steps)
    if not np.isin(done, (0, 1)).all() or done[:-1].any():
        raise UserError(
            f"{where} has 'done' before its last step, or other numbers than 0 and 1 "
            "in it; put each episode into a file of its own"
        )
    return RecordedEpisode(
        str(where),
        (shape[1], shape[2]),
        action.reshape(steps, -1).astype(np.float32),
        reward.astype(np.float32),
        bool(done[-1]),
        frames,
        digest,
    )


class _Asked(NamedTuple):
    """What an array must be."""

    words: str
    kinds: str  # of its numbers, as numpy's dtype.kind
    axes: tuple[int, ...]  # how many it may have


_ASKED = {
    "action": _Asked("numbers [T, A] or [T]", "iuf", (1, 2)),
    "reward": _Asked("numbers [T]", "iuf", (1,)),
    "done": _Asked("true or false [T]", "biu", (1,)),
}


def _check(where: object, name: str, values: np.ndarray, steps: int) -> None:
    """Refuse an array that has not a finite number, or a few, for each step."""
    asked = _ASKED[name]
    wrong = values.dtype.kind not in asked.kinds or values.ndim not in asked.axes
    if wrong or values.shape[1:] == (0,):
        raise UserError(
            f"{where} has in {name!r} {values.dtype} {list(values.shape)}; it must be "
            f"{asked.words}"
        )
    if len(values) != steps:
        raise UserError(
            f"{where} has {steps} frames and {len(values)} entries in {name!r}; each "
            "step has one of each"
        )
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        raise UserError(
            f"{where} has numbers in {name!r} that are not finite (NaN, infinite, or "
            "beyond single precision); leave such an episode out"
        )


def check_frames(
    where: object, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> None:
    """Refuse what are no frames of an episode.

    Raises:
        UserError: naming `where` and the array `name`.
    """
    if dtype != np.uint8 or len(shape) != 4 or shape[3] != 3:
        raise UserError(
            f"{where} has in {name!r} {dtype} {list(shape)}; it must be uint8 "
            "[T, H, W, 3], RGB in 0..255"
        )
    steps, height, width, _ = shape
    if not 2 <= steps <= LONGEST:
        raise UserError(
            f"{where} has {count(steps, 'step')}; an episode must have 2 to {LONGEST:,}"
        )
    if not (1 <= height <= _LARGEST and 1 <= width <= _LARGEST):
        raise UserError(
            f"{where} has frames of {height} x {width} pixels; each side must have 1 "
            f"to {_LARGEST:,}"
        )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an npz file; turn what a damaged one raises into one sentence."""
    _refuse_other_kinds(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError,
        RuntimeError, MemoryError,
    ) as error:  # fmt: skip
        raise UserError(
            f"{path} cannot be read as an npz file ({error}); write it again with "
            "numpy.savez_compressed"
        ) from error


def _refuse_other_kinds(path: Path) -> None:
    """Refuse what is no file: a folder, a pipe (it would wait), a link to nothing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"{path} cannot be read ({reason}); remove it from the folder, or mend it"
        ) from None
    if not stat.S_ISREG(mode):
        raise UserError(
            f"{path} is no plain file; remove it from the folder, which is to hold one "
            "npz file an episode"
        )


def _header(
    path: Path, archive: zipfile.ZipFile, name: str
) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Return shape and type of an array, and whether it is stored column by column."""
    if f"{name}.npy" not in archive.namelist():
        raise UserError(f"{path} has no array {name!r}; it needs 'obs' and 'action'")
    with archive.open(f"{name}.npy") as file:
        return _read_header(path, file, name)


def _read_header(path: Path, file, name: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"array {name!r} is of npy version {version}")
    try:
        shape, fortran, dtype = _HEADERS[version](file)
    except Exception:  # numpy evaluates the text, and that fails in many ways
        raise ValueError(f"array {name!r} has no header of numpy's") from None
    if dtype.hasobject:
        raise UserError(
            f"{path} holds Python objects in {name!r}, which can run any program when "
            "they are loaded; store plain arrays of numbers"
        )
    return shape, dtype, fortran


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return an array of one number, or a few, a step."""
    shape, dtype, _ = _header(path, archive, name)
    if not 1 <= len(shape) <= 2 or shape[0] > LONGEST or np.prod(shape[1:]) > 1024:
        raise UserError(
            f"{path} has in {name!r} {dtype} {list(shape)}; it must be "
            f"{_ASKED[name].words}"
        )
    with archive.open(f"{name}.npy") as file:
        return npy.read_array(file, allow_pickle=False)


def _frames(path: Path, steps: int) -> Iterator[np.ndarray]:
    """Yield the frames uint8 [H, W, 3] of a file, as read from a stream."""
    with _opened(path) as archive, archive.open("obs.npy") as file:
        shape, _, fortran = _read_header(path, file, "obs")
        if fortran:  # no frame lies in one piece there
            file.seek(0)
            yield from npy.read_array(file, allow_pickle=False)
            return
        size = int(np.prod(shape[1:]))
        several = max(1, _TOGETHER // size)
        for start in range(0, steps, several):
            wanted = min(several, steps - start)
            content = file.read(wanted * size)
            if len(content) < wanted * size:
                raise EOFError("its frames end too early")
            yield from np.frombuffer(content, np.uint8).reshape(wanted, *shape[1:])
