"""The settings of presets, as a run with them would have them."""

from support.commands import REPOSITORY
from worldmodels.experiment.config import Config, load
from worldmodels.experiment.overlays import merged
from worldmodels.experiment.yaml_files import read

# Those of experiments, and those of a study, whose settings are its own.
_ALL = {path.stem: read(path) for path in (REPOSITORY / "presets").glob("*.yaml")}
NAMES = sorted(name for name, values in _ALL.items() if set(values) != {"studies"})
OF_STUDIES = sorted({*_ALL} - {*NAMES})


def preset(name: str) -> Config:
    """Return the configuration of config.yaml with a preset laid over it."""
    overlay = REPOSITORY / "presets" / f"{name}.yaml"
    return load(merged(REPOSITORY / "config.yaml", [overlay], []))


(PAPER,) = preset("paper").rounds
