"""Step overfit: a model learns a few games by heart, to show that it can at all."""

from pathlib import Path

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.pommerman import games as played
from worldmodels.studies.pommerman import learning
from worldmodels.studies.pommerman.settings import Pommerman
from worldmodels.studies.pommerman.steps import STUDY

STEP = "overfit"


def run(
    *,
    settings: Pommerman,
    games: Path,
    model: str,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Train a model on the first few games and publish a store at `out`.

    Args:
        games: a store of games.
        model: one of `settings.MODELS`.
        checkpoint_seconds: between checkpoints; the result does not depend on it.

    Raises:
        UserError: for a bad store, a full disk or a loss that is not finite.
    """
    source = open_artifact(games, STUDY.kind(played.STEP))
    learning.fit(
        learning.recorded(STEP, settings, model, 0),
        played.read(source, settings.overfit.games),
        settings.overfit.updates,
        step=STEP,
        inputs={"games": source},
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        out=out,
        log=log,
    )
