"""Step draw: faces with known attributes, laid out as CelebA is published."""

import os
import shutil
from pathlib import Path

from PIL import Image

from worldmodels.runtime.progress import Progress
from worldmodels.stores import places
from worldmodels.stores.disk import refuse_barred, refuse_full_disk
from worldmodels.studies.conditional_gan import celeba, faces
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
from worldmodels.studies.conditional_gan.steps import STUDY

_QUALITY = {"quality": 95, "subsampling": 0}  # of a JPEG


def run(*, settings: ConditionalGAN, out: Path, log: Path | None) -> None:
    """Draw the faces into a new folder `out`, which appears when it is whole.

    Raises:
        UserError: when something is there already, or for a full disk.
    """
    place = places.store_place(out, STUDY.kind("draw"))
    fresh = place.with_name(f".{place.name}.drawing")
    with refuse_full_disk(out), refuse_barred(out):
        if fresh.exists():
            shutil.rmtree(fresh)  # of a run that was killed
        fill(fresh, settings.seed, settings.data.faces, log)
        os.rename(fresh, place)


def fill(folder: Path, seed: int, count: int, log: Path | None) -> None:
    """Draw so many faces and their list into a folder that is made."""
    pictures = folder / celeba.PICTURES
    pictures.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, count + 1)]
    labels = faces.labels(seed, count)
    with Progress("studies.conditional_gan draw", count, log) as progress:
        for number, (name, label) in enumerate(zip(names, labels, strict=True)):
            face = Image.fromarray(faces.face(seed, number, label))
            face.save(pictures / name, **_QUALITY)
            progress.update(1)
    listed = celeba.listed(names, faces.NAMES, labels)
    (folder / celeba.LIST).write_text(listed)
