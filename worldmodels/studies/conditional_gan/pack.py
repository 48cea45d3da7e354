"""Step pack: a folder of labelled pictures becomes a store, a shard at a time."""

import itertools
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from worldmodels.runtime import devices, logs
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import generator_for
from worldmodels.runtime.streams import tell
from worldmodels.stores import publication
from worldmodels.stores.provenance import fingerprint
from worldmodels.studies.conditional_gan import celeba, decoding, labelled, painters
from worldmodels.studies.conditional_gan.data_settings import Data
from worldmodels.studies.conditional_gan.labelled import Labelled
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
from worldmodels.studies.conditional_gan.steps import STUDY

STEP = "pack"
_AT_ONCE = 256  # pictures that are decoded before any is written
_LEAST = 2  # pictures to learn from and to judge on: one has no spread


def run(*, settings: ConditionalGAN, folder: Path, out: Path, log: Path | None) -> None:
    """Decode the pictures of a folder, bring them to one size and publish them.

    A picture that is broken or giant is named in the log and left out.

    Raises:
        UserError: when the folder has no layout that is known, when pictures and labels
            do not match, when too few can be decoded, or for a full disk.
    """
    data = settings.data
    found = listed(folder, data)
    config = _recorded(found, data, settings.seed)
    version = STUDY.steps[STEP].version
    with publication.create(
        out, STUDY.kind(STEP), config=config, inputs={}, stage_version=version
    ) as store:
        kept = _write(store, found, data, log)
        if len(kept) < 2 * _LEAST:
            raise UserError(
                f"of the {len(found.files)} pictures in {folder} that have labels "
                f"{len(kept)} can be decoded; at least {2 * _LEAST} are needed"
            )
        store.write("labels", found.labels[kept], ["picture", "label"])
        out_of = generator_for(settings.seed, 0, "conditional_gan held out")
        held = held_out(len(kept), data.held_out, out_of)
        store.write("held_out", held, ["picture"])


def listed(folder: Path, data: Data) -> Labelled:
    """Return the labelled pictures of a folder in either layout.

    Raises:
        UserError: when it has neither, when all pictures or none have a label, and as
            the loaders do.
    """
    if (folder / celeba.LIST).exists():
        found = celeba.read(folder, data.labels.split())
    elif (folder / painters.TABLE).exists():
        found = painters.read(folder, data.column, data.values)
    else:
        raise _unknown(folder)
    labelled.check_varied(found)
    return found


def _unknown(folder: Path) -> UserError:
    if not folder.is_dir():
        return UserError(f"{folder} is no folder; give that of the pictures")
    return UserError(
        f"{folder} holds neither {celeba.LIST}, as CelebA does, nor {painters.TABLE}, "
        "as Painter by Numbers does; give the folder with one of them and the pictures"
    )


def held_out(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return which of so many pictures are kept from training, bool [count].

    Two at least are and two are not, whatever the share.
    """
    kept_back = min(max(round(share * count), _LEAST), count - _LEAST)
    return rng.permutation(count) < kept_back


def _recorded(found: Labelled, data: Data, seed: int) -> dict[str, Any]:
    """Return what decides the store: settings, labels and what is in the folder."""
    rows = zip(found.files, found.labels.tolist(), strict=True)
    content = [[path.name, path.stat().st_size, row] for path, row in rows]
    return {
        "seed": seed,
        "size": list(data.size),
        "fit": data.fit,
        "held_out": data.held_out,
        "shard": data.shard,
        "labels": list(found.names),
        "content": fingerprint(content),
    }


def _write(
    store: publication.Writer, found: Labelled, data: Data, log: Path | None
) -> list[int]:
    """Write all pictures that can be decoded, and return their numbers."""
    count, shape = len(found.files), (*data.size, 3)
    rows = min(data.shard, count)
    images = store.array(
        "images", (count, *shape), np.uint8, ["picture", "height", "width", "colour"],
        (rows, *shape),
    )  # fmt: skip
    kept: list[int] = []
    with Progress("studies.conditional_gan pack", count, log) as progress:
        decoded = _decoded(found, data, log, progress)
        while part := list(itertools.islice(decoded, rows)):
            start = len(kept)
            kept += [number for number, _ in part]
            images[start : len(kept)] = np.stack([picture for _, picture in part])
    images.resize((len(kept), *shape))
    return kept


def _decoded(
    found: Labelled, data: Data, log: Path | None, progress: Progress
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number and the pixels of each picture that can be decoded, in order."""
    decode = partial(_attempt, size=data.size, fit=data.fit)
    numbered = enumerate(found.files)
    with ThreadPoolExecutor(devices.cores()) as pool, warnings.catch_warnings():
        # Of giant pictures, which are named below.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        while part := list(itertools.islice(numbered, _AT_ONCE)):
            results = pool.map(decode, [file for _, file in part])
            for (number, file), result in zip(part, results, strict=True):
                if isinstance(result, np.ndarray):
                    yield number, result
                else:
                    sentence = f"{file} is left out: {result}"
                    tell(sentence)
                    if log is not None:
                        logs.record(log, sentence)
            progress.update(len(part))


def _attempt(file: Path, size: tuple[int, int], fit: str) -> np.ndarray | str:
    """Return a picture, or why there is none."""
    try:
        return decoding.decoded(file, size, fit)
    except decoding.Undecodable as error:
        return str(error)
