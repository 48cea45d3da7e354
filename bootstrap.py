"""Set up everything beside this file, then run a command in it.

    python3.11 bootstrap.py             the whole pipeline: the same as `… snakemake`
    python3.11 bootstrap.py pytest      the tests
    python3.11 bootstrap.py COMMAND …   anything else, e.g. `worldmodels --help`

Needs Python 3.11 or newer and nothing else. The packages, at the exact versions of
envs/constraints.txt, go into the folder .venv; later runs start at once.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
BIN = ENVIRONMENT / "bin"
CONSTRAINTS = HERE / "envs" / "constraints.txt"
PROJECT = HERE / "pyproject.toml"
INSTALLED = ENVIRONMENT / "installed"


def wanted() -> str:
    """Return what decides whether the environment is up to date."""
    text = CONSTRAINTS.read_bytes() + PROJECT.read_bytes() + str(HERE).encode()
    return hashlib.sha256(text).hexdigest()


def set_up() -> None:
    """Make the virtual environment and install this project into it."""
    if INSTALLED.exists() and INSTALLED.read_text() == wanted():
        return
    print(f"setting up {ENVIRONMENT} (about two minutes, once)", flush=True)
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run(
        [*pip, "--constraint", str(CONSTRAINTS), "--editable", f"{HERE}[test]"],
        check=True,
    )
    INSTALLED.write_text(wanted())


def main() -> None:
    """Set up, then become the command."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("error: Python 3.11 or newer is needed; run this with python3.11")
    try:
        set_up()
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"error: the packages could not be installed ({error}); see above")
    command = sys.argv[1:] or ["snakemake"]
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ |= {"PATH": path, "VIRTUAL_ENV": str(ENVIRONMENT)}
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(
            f"error: {command[0]} cannot be run ({error.strerror}); give a command of "
            f"{BIN}, such as snakemake, pytest or worldmodels"
        )


if __name__ == "__main__":
    main()
