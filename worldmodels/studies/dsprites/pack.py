"""Step pack: the pictures of the user's archive as bits, which the other steps read."""

from pathlib import Path

from worldmodels.runtime.progress import Progress
from worldmodels.stores import places
from worldmodels.stores.disk import refuse_full_disk
from worldmodels.studies.dsprites import archive as archives
from worldmodels.studies.dsprites import factors
from worldmodels.studies.dsprites.settings import Settings


def run(*, settings: Settings, archive: Path, out: Path, log: Path | None) -> None:
    """Check an archive and write its pictures to `out`.

    Raises:
        UserError: when it is no archive of dSprites, or for a full disk.
    """
    with (
        refuse_full_disk(out),
        places.new_file(out) as fresh,
        Progress("dsprites pack", factors.COUNT, log) as progress,
    ):
        wrong = archives.pack(archive, fresh, progress.update)
        progress.update(0, wrong_pixels_of_ours=wrong)
