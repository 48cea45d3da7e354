"""What every step records: its settings, its pictures, and what it goes on from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worldmodels.stores.artifact import Artifact
from worldmodels.stores.provenance import fingerprint, input_hashes
from worldmodels.studies.dsprites.settings import Settings
from worldmodels.studies.dsprites.steps import STUDY

DRAWN = "drawn here"


def recorded(
    step: str, settings: Settings, model: str, pictures: Path | None
) -> dict[str, Any]:
    """Return the settings that a store of a step records, with its model."""
    return STUDY.used(step, settings) | {"model": model, "pictures": _which(pictures)}


def _which(pictures: Path | None) -> str:
    """Return which pictures a step was given: the hash of the file that has them."""
    if pictures is None:
        return DRAWN
    with open(pictures, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(
    step: str, config: Mapping[str, Any], inputs: Mapping[str, list[Artifact]]
) -> str:
    """Return the fingerprint of a job, which its checkpoint carries."""
    version = STUDY.steps[step].version
    return fingerprint([STUDY.kind(step), config, input_hashes(inputs), version])
