"""The names of the searches that `controller.strategy` chooses from.

No JAX is imported here: the Snakefile reads it. So evosax is not imported either: each
of its distribution-based algorithms is a file, and the file's name is the algorithm's.
"""

from importlib.util import find_spec
from pathlib import Path

CMA_ES = "cma_es"  # the default, which has a file of its own here

# No algorithms: the package and its base class; and one that needs more than a size,
# a function that draws from the whole space.
_NO_STRATEGY = {"__init__", "base", "random_search"}


def evosax_strategies() -> tuple[str, ...]:
    """Return the names of the installed evosax's strategies, CMA-ES among them."""
    package = Path(find_spec("evosax").origin).parent
    files = (package / "algorithms" / "distribution_based").glob("*.py")
    return tuple(sorted({file.stem for file in files} - _NO_STRATEGY))


STRATEGIES = (CMA_ES, *(name for name in evosax_strategies() if name != CMA_ES))

# Which draw candidates in pairs, on both sides of the mean: the population is even.
IN_PAIRS = (
    "ars",
    "asebo",
    "cr_fm_nes",
    "esmc",
    "guided_es",
    "noise_reuse_es",
    "open_es",
    "persistent_es",
    "pgpe",
)

# Which hold D x D matrices, for D parameters; ma_es and xnes one a candidate besides.
FULL_MATRIX = ("asebo", CMA_ES, "iamalgam_full", "ma_es", "xnes")
_A_CANDIDATE = ("ma_es", "xnes")
_COPIES = 8  # at the peak of CMA-ES, its decomposition and a checkpoint included


def matrices(strategy: str, population: int) -> int:
    """Return how many D x D matrices a search holds at its peak."""
    if strategy not in FULL_MATRIX:
        return 0
    return _COPIES + (population if strategy in _A_CANDIDATE else 0)
