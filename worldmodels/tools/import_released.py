"""Tool import-released: the agent that the paper's authors released, as an agent store.

It reads a person's own checkout of hardmaru/WorldModelsExperiments; nothing is fetched.
The agent is of its game in v0's view, which is what its V learnt from. The store holds
float32: half precision, which `export` stores, has steps ten times as wide as the
files' numbers. Where they came from, the SHA-256 of each file says.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.games import CARRACING, TAKECOVER, V0, game_of
from worldmodels.experiment.stages import STAGES
from worldmodels.models import released
from worldmodels.models.released import Layout, Networks, Sizes
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import Malformed
from worldmodels.runtime.wording import size
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact

_KIND, _STAGE = "agent", "export"
_POINTER = b"version https://git-lfs"
_CONTROLLER = "log/*.best.json"
_WHOLE = ("vision", "memory", "starts")  # the files of arrays of whole numbers


class Release(NamedTuple):
    """Where the files of a game are, and what is known of how they were made."""

    game: str
    layout: Layout
    vision: str
    memory: str
    starts: str
    generation: int  # after which C was the best, by `log/*.hist_best.json`
    temperature: float  # of its dream: what C learnt at, or M's own
    train_in: str


RELEASES = (
    Release(
        CARRACING.name,
        released.CARRACING,
        "vae/vae.json",
        "rnn/rnn.json",
        "initial_z/initial_z.json",
        1800,
        1.0,
        "environment",
    ),
    Release(
        TAKECOVER.name,
        released.TAKECOVER,
        "tf_models/vae.json",
        "tf_models/rnn.json",
        "tf_models/initial_z.json",
        1575,
        1.25,
        "dream",
    ),
)


def run(*, folder: Path, out: Path) -> None:
    """Publish the agent in `folder` as an agent store at `out`, and print what it is.

    Args:
        folder: `carracing` or `doomrnn` of a checkout.

    Raises:
        UserError: for a folder without the files, a file that is damaged or only a
            pointer to it, networks that do not fit together, or a full disk.
    """
    release = _release(folder)
    game = game_of(release.game, V0)
    paths = _paths(folder, release)
    contents = {name: _content(path) for name, path in paths.items()}
    read = {name: _parsed(paths[name], contents[name]) for name in paths}
    try:
        networks = released.convert(
            _arrays("vae.json", read["vision"]),
            _arrays("rnn.json", read["memory"]),
            _real(read["controller"], 0),
            release.layout,
        )
        starts = released.starts_of(
            _arrays("initial_z.json", read["starts"]), networks.sizes.latent_size
        )
        score = float(_real(read["controller"], 1))
    except Malformed as error:
        raise UserError(
            f"the files in {folder} are not those of the release: {error}; get them "
            "again"
        ) from error
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(contents[name]).hexdigest()
        for name, path in paths.items()
    }
    config = _config(release, networks.sizes, score) | {"files": files}
    with publication.create(
        out,
        _KIND,
        config=config,
        inputs={},
        stage_version=STAGES[_STAGE].version,
        game=game,
    ) as store:
        _write(store, networks, starts)
    print(
        f"the released agent of {game.title}, {score:.1f} by its own record: {out}, "
        f"{size(open_artifact(out).size())}"
    )


def _release(folder: Path) -> Release:
    for release in RELEASES:
        if (folder / release.vision).exists():
            return release
    raise UserError(
        f"{folder} holds neither {RELEASES[0].vision} nor {RELEASES[1].vision}; give "
        "the folder carracing or doomrnn of a checkout of "
        "hardmaru/WorldModelsExperiments"
    )


def _paths(folder: Path, release: Release) -> dict[str, Path]:
    """Return the files of a release by what they hold."""
    places = {name: folder / getattr(release, name) for name in _WHOLE}
    found = sorted(folder.glob(_CONTROLLER))
    places["controller"] = found[0] if len(found) == 1 else folder / _CONTROLLER
    for path in places.values():
        if not path.is_file():
            raise UserError(
                f"{path} is missing, or there are several; the release has it, with "
                f"{release.vision}: get them again"
            )
    return places


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content.startswith(_POINTER):
        raise UserError(
            f"{path} is a pointer of git LFS and not the file itself; run git lfs pull "
            "in that checkout"
        )
    return content


def _parsed(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is no whole file of JSON, perhaps cut short; get it again"
        ) from error


def _arrays(file: str, values: Any) -> list[np.ndarray]:
    """Return the arrays of a file, of whole numbers.

    Raises:
        Malformed: for anything else.
    """
    if not isinstance(values, list):
        raise Malformed(f"{file} holds no list of arrays")
    arrays = []
    for number, value in enumerate(values):
        try:
            array = np.array(value)
        except ValueError as error:
            raise Malformed(
                f"array {number} of {file} has rows of several lengths"
            ) from error
        if array.dtype.kind != "i":
            raise Malformed(
                f"array {number} of {file} holds a value that is no integer"
            )
        arrays.append(array)
    return arrays


def _real(values: Any, place: int) -> np.ndarray:
    """Return one of C's two entries: parameters [D], then their mean return []."""
    try:
        found = np.array(values[place], np.float64)
    except (TypeError, ValueError, LookupError, OverflowError):
        found = np.array(np.nan)
    # What is no number compares as false.
    if found.ndim != 1 - place or not (abs(found) <= np.finfo(np.float32).max).all():
        raise Malformed("C's file is not a list of parameters and their mean return")
    return found


def _config(release: Release, sizes: Sizes, score: float) -> dict[str, Any]:
    """Return what an agent store records; nothing was trained here: 0 epochs."""
    shared = {"round": 0, "epochs": 0, "dtype": "float32"}
    return {
        "round": 0,
        "seed": 0,
        "generation": release.generation,
        "selection_score": score,
        "dtype": "float32",
        "vision": shared
        | {
            "latent_size": sizes.latent_size,
            "channels": list(sizes.channels),
            "decoder_channels": list(sizes.decoder_channels),
        },
        "memory": shared
        | {
            "latent_size": sizes.latent_size,
            "action_size": release.layout.actions,
            "hidden_size": sizes.hidden_size,
            "mixtures": sizes.mixtures,
            "death_head": release.layout.restarts,
            "death_weight": released.DEATH_WEIGHT,
            "reward_head": False,
        },
        "controller": _controller_config(release),
    }


def _controller_config(release: Release) -> dict[str, Any]:
    game = game_of(release.game)
    return {
        "round": 0,
        "environment": game.name,
        "view": V0,
        "max_steps": game.max_steps,
        "dtype": "float32",
        "inputs": release.layout.inputs,
        "hidden_size": 0,
        "bias": release.layout.bias,
        "sample_z": True,
        "train_in": release.train_in,
        "temperature": release.temperature,
        "death": "threshold" if release.layout.restarts else "drawn",
        "population": 64,
        "rollouts": 16,
        "generations_per_block": release.generation,
        "select_every": 25,
    }


def _write(
    store: publication.Writer,
    networks: Networks,
    starts: tuple[np.ndarray, np.ndarray],
) -> None:
    store.tree("vision", networks.vision)
    store.tree("memory", networks.memory)
    store.write("controller", networks.controller, ["parameter"])
    for name, values in zip(("mu", "logvar"), starts, strict=True):
        store.write(f"starts/{name}", values, ["start", "latent"])
