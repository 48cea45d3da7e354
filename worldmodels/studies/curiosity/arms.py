"""What a training is rewarded for, and with which of the published faults it learns.

No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

# What the paper (arXiv 1810.12894) and the seeds' author have in place of the study's.
CAUTIOUS: Mapping[str, Any] = {
    "gamma": 0.999,
    "learning_rate": 1e-4,
    "clip": 0.1,
    "entropy": 0.001,
    "units": 64,
}
BOLD = tuple(CAUTIOUS)
FAULTS = (1, 2, 3)
_SEEDS_REWARD = 1.0  # largest extrinsic reward that the seeds' author learns from


class Arm(NamedTuple):
    """One way to learn.

    Attributes:
        title: in words.
        extrinsic: weight of the extrinsic advantages, c_E.
        intrinsic: weight of the intrinsic advantages, c_I.
        faults: of the published code, by their numbers.
        cautious: names of settings that have the values of `CAUTIOUS`.
        reward_clip: largest extrinsic reward that is learnt from; 0: any.
    """

    title: str
    extrinsic: float
    intrinsic: float
    faults: tuple[int, ...] = ()
    cautious: tuple[str, ...] = ()
    reward_clip: float = 0.0

    def changed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a world as this arm has them."""
        return dict(settings) | {name: CAUTIOUS[name] for name in self.cautious}


_PUBLISHED = tuple(name for name in BOLD if name != "units")


def _published(title: str, extrinsic: float, intrinsic: float, faults=FAULTS) -> Arm:
    return Arm(title, extrinsic, intrinsic, faults, _PUBLISHED, _SEEDS_REWARD)


def _ablations() -> dict[str, Arm]:
    found = {"cautious": Arm("all cautious", 1, 0, cautious=BOLD)}
    for name in BOLD:
        word = name.replace("_", " ")
        others = tuple(other for other in BOLD if other != name)
        found[f"cautious_{name}"] = Arm(f"cautious {word}", 1, 0, cautious=(name,))
        found[f"bold_{name}"] = Arm(f"only {word} bold", 1, 0, cautious=others)
    for fault in FAULTS:
        found[f"fault_{fault}"] = Arm(f"fault {fault} alone", 1, 0, (fault,))
    found["faults"] = Arm("faults 1 to 3", 1, 0, FAULTS)
    found["published_extrinsic"] = _published("as published, extrinsic", 1, 0)
    found["published_intrinsic"] = _published("as published, intrinsic", 0, 1)
    found["published_right"] = _published("as published, without faults", 2, 1, ())
    found["cautious_intrinsic"] = Arm("all cautious, intrinsic", 0, 1, cautious=BOLD)
    return found


MAIN: Mapping[str, Arm] = {
    "extrinsic": Arm("extrinsic", 1, 0),
    "intrinsic": Arm("intrinsic", 0, 1),
    "both": Arm("both, 2 : 1", 2, 1),
    "published": _published("as published, both", 2, 1),
}
ABLATIONS: Mapping[str, Arm] = _ablations()
ARMS: Mapping[str, Arm] = {**MAIN, **ABLATIONS}
