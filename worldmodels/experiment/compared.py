"""The text by which Snakemake sees that a finished run has other settings.

Snakemake keeps the params of a job and makes its output again when they change. This
text is what earlier versions of the workflow kept: the settings of the stage as options
of its command. So a run that they finished stays finished. No JAX is imported here: the
Snakefile reads it.
"""

import shlex
from typing import Any

from worldmodels.experiment.settings import Round, Run
from worldmodels.experiment.stages import before, recorded, sections_of


def compared(stage: str, run: Run, settings: Round, round: int) -> str:
    """Return the settings that `stage` uses in a round, as one line of text.

    A setting is left out while it says what was done before there was that setting.
    """
    values = recorded(stage, round, *sections_of(stage, run, settings))
    done = before(stage).items()
    return shlex.join(
        f"--{name.replace('_', '-')}={_as_text(value)}"
        for name, value in values.items()
        if (name, value) not in done
    )


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)
