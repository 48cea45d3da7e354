"""The settings of presets, as a run with them would have them."""

from support.commands import REPOSITORY
from worldmodels.experiment.config import Config, load
from worldmodels.experiment.overlays import merged

NAMES = sorted(path.stem for path in (REPOSITORY / "presets").glob("*.yaml"))


def preset(name: str) -> Config:
    """Return the configuration of config.yaml with a preset laid over it."""
    overlay = REPOSITORY / "presets" / f"{name}.yaml"
    return load(merged(REPOSITORY / "config.yaml", [overlay], []))


(PAPER,) = preset("paper").rounds
