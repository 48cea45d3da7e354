"""The rates that were measured on this machine, kept beside the compiled programs.

Deleting the file is safe: `worldmodels cost` measures again.
"""

import importlib.metadata
from pathlib import Path

from worldmodels.experiment import rates
from worldmodels.experiment.rates import Rates
from worldmodels.experiment.settings import Environment
from worldmodels.runtime import devices, json_files
from worldmodels.runtime.json_files import Malformed
from worldmodels.runtime.streams import tell


def find(environment: Environment, precision: str, cores: int) -> Rates | None:
    """Return the rates of this machine; None: none are kept that can be read.

    Args:
        precision: of V's and M's products, never `auto`.
        cores: on which they were measured.
    """
    file = _file(environment, precision, cores)
    try:
        content = None if file is None else json_files.read(file)
    except (OSError, Malformed):
        return None
    found = rates.from_kept(content)
    return found if found is not None and found.cores == cores else None


def keep(found: Rates, environment: Environment, precision: str) -> None:
    """Keep rates for later; where that cannot be done, one line says so."""
    file = _file(environment, precision, found.cores)
    try:
        if file is None:
            raise OSError("compiled programs are not kept in a folder")
        json_files.replace(file, rates.as_text(found))
    except OSError as error:
        tell(
            f"what was measured is not kept ({error.strerror or error}); set "
            "JAX_COMPILATION_CACHE_DIR to a folder that can be written"
        )


def _file(environment: Environment, precision: str, cores: int) -> Path | None:
    folder = devices.programs()
    if folder is None:
        return None
    jax, jaxlib = (importlib.metadata.version(name) for name in ("jax", "jaxlib"))
    versions = f"jax-{jax}-jaxlib-{jaxlib}"
    name = rates.file_name(devices.kind(), cores, precision, environment, versions)
    return folder / name
