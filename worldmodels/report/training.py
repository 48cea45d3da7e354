"""What the chapters on V and M share: sizes, curves and how they were trained."""

from collections.abc import Mapping, Sequence

import numpy as np

from worldmodels.report import figures
from worldmodels.report.page import Picture, escape
from worldmodels.runtime.wording import count
from worldmodels.scores import gradient_norms
from worldmodels.stores.artifact import Artifact


def curves(
    name: str, history: Mapping[str, np.ndarray], log: Sequence[str] = ()
) -> Picture:
    """Return the training curves of the network `name`: V or M.

    Args:
        history: each metric [updates] by its title.
        log: the titles that are drawn on a logarithmic axis.
    """
    ends = "; ".join(
        f"{title} from {values[0]:.4g} to {last(values):.4g}"
        for title, values in history.items()
    )
    return Picture(
        figures.loss_curves(history, log), "image/svg+xml",
        f"Training curves of {name}: {ends}.",
        f"<b>Training of {name}.</b> Pale: one update; strong: the mean of the 2 % of "
        "updates around.",
    )  # fmt: skip


def gradients(name: str, history: Mapping[str, np.ndarray]) -> list[Picture]:
    """Return the picture of the gradient norms of a network, where they are stored.

    Args:
        history: each metric [updates] by its name in the store.
    """
    norms = gradient_norms.by_parameter(history)
    if not norms:
        return []
    found = {which: gradient_norms.norms(values) for which, values in norms.items()}
    most = max(found, key=lambda which: found[which].largest)
    told = (
        f"The largest is that of {most} at update {found[most].update:,}, "
        f"{found[most].largest:.4g}"
    )
    return [Picture(
        figures.gradient_norms(norms), "image/svg+xml",
        f"Gradient norms of {name} by parameter and update. {told}.",
        f"<b>Gradients of {name}</b>, the norm of each parameter's before anything is "
        f"clipped; a column is the mean of nearby updates. {escape(told)}.",
    )]  # fmt: skip


def last(values: np.ndarray) -> float:
    """Return the mean of the last 2 % of a history [updates]."""
    return float(np.mean(values[-max(1, len(values) // 50) :]))


def parameters(store: Artifact) -> int:
    """Return how many parameters a network's store holds."""
    return sum(store.array(name).size for name in store.names("params"))


def updates(store: Artifact) -> str:
    """Return in words how many updates a network had, or why it had none."""
    if store.config["epochs"]:
        return count(store.array("history/loss").size, "update")
    # The history of a network that is left as it was holds one test of it.
    warm = store.attributes["inputs"].get("start")
    return "kept from the round before" if warm else "untrained"
