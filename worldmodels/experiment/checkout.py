"""The code that jobs run is the code that lies beside the Snakefile.

`pip install .` without `--editable` installs a copy of the package. Snakemake would
then plan with the checkout while its jobs run the copy. A stage that was edited would
run again with the code from before the edit, and its result would count as new. No JAX
is imported here: the Snakefile reads it.
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
    """Refuse to plan jobs that would run the code of another package.

    Args:
        here: the package beside the Snakefile. Where there is none, as in a copy of the
            rules alone, the jobs may run any package.

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
            f"{there or 'an unknown place'}, not that in {here}: what is edited here "
            f"would not run; {install}"
        )


def _package_of(command: str) -> Path | None:
    """Return the folder of the package that a command reports; None: it does not."""
    try:
        answer = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r" from (.+)$", answer.stdout.strip())
    return Path(found[1]).resolve() if found else None
