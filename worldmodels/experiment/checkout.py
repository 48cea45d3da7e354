"""The code that jobs run is the code that lies beside the Snakefile.

`pip install .` without `--editable` installs a copy. The Snakefile would then read the
settings and versions of the checkout and its jobs run the copy: an edited stage would
count as built again, with the code from before the edit. No JAX is imported here: the
Snakefile reads it.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import worldmodels
from worldmodels.runtime.errors import UserError

PACKAGE = Path(worldmodels.__file__).resolve().parent


def refuse_another(here: Path) -> None:
    """Refuse to plan jobs of a checkout that another package's code would run.

    Args:
        here: the package beside the Snakefile; where there is none, as in a copy of the
            rules alone, any will do.

    Raises:
        UserError: naming the package that would run.
    """
    if not (here / "__init__.py").is_file():
        return
    install = f"install it with pip install --editable {shlex.quote(str(here.parent))}"
    command = shutil.which("worldmodels")
    if command is None:
        raise UserError(
            "there is no command worldmodels on PATH for the jobs to run; activate its "
            f"environment, or {install}"
        )
    there = _package_of(command)
    if there != here:
        raise UserError(
            f"{command}, which the jobs run, uses the package in "
            f"{there or 'an unknown place'}, not that in {here}, so that an edit here "
            f"would change nothing; {install}"
        )


def _package_of(command: str) -> Path | None:
    """Return the folder of the package that a command says it uses, if it says so."""
    try:
        answer = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r" from (.+)$", answer.stdout.strip())
    return Path(found[1]).resolve() if found else None
