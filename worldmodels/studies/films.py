"""Films of a study's step film, as its page is given them."""

from pathlib import Path

from worldmodels.runtime.errors import UserError


def read_gif(path: Path) -> bytes:
    """Return a GIF.

    Raises:
        UserError: for one that is missing, or another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give the GIF of the step film"
        ) from error
    if not data.startswith(b"GIF8"):
        raise UserError(f"{path} is no GIF; give that of the step film")
    return data
