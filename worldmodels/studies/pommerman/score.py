"""Step score: how often a trained model is right on games of boards it never saw."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np

from worldmodels.runtime import devices
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import key_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.lineage import check_input
from worldmodels.studies.pommerman import dreaming, learning
from worldmodels.studies.pommerman import games as played
from worldmodels.studies.pommerman import model as models
from worldmodels.studies.pommerman.components import COMPONENTS, counted, entries
from worldmodels.studies.pommerman.dreaming import Trained
from worldmodels.studies.pommerman.model import Model
from worldmodels.studies.pommerman.settings import Pommerman
from worldmodels.studies.pommerman.steps import STUDY

STEP = "score"
_TRAININGS = ("train", "overfit")
_TOGETHER = 8  # games that are dreamt at once
# Who predicts: the model by its likeliest Gaussians or by a draw, and what knows the
# value of now alone: a copy of it, or what followed it most often.
PREDICTORS = ("likeliest", "drawn", "copying", "counts")
COUNTS = ("entries", "changed", "right", "right_changed")


def run(
    *, settings: Pommerman, games: Path, training: Path, out: Path, log: Path | None
) -> None:
    """Count what a trained model gets right and publish a store at `out`.

    Args:
        games: a store of games.
        training: a store of a training, or of games that were learnt by heart.

    Raises:
        UserError: for a bad store, games of the wrong part, or a full disk.
    """
    learnt, tested = open_artifact(training), open_artifact(games, STUDY.kind("games"))
    if learnt.kind not in map(STUDY.kind, _TRAININGS):
        raise ArtifactError(f"{training} is no training of {STUDY.name}; give one")
    devices.prepare(learnt.config.get("dtype", "float32"))  # as it was trained
    known = learning.model_of(learnt.config)
    trained = Trained(learning.weights(learnt), learning.table_of(learnt))
    ahead = [k for k in settings.ahead if k <= tested.config["steps"]]
    chosen = _games(learnt, tested)
    found, predicted = _found(trained, known, learnt.read("counts"), chosen, ahead, log)
    shown = longest(chosen["length"])
    names = ("model", "seed", "cell", "hidden_size", "options", "mixtures", "start")
    facts = {
        "ahead": ahead,
        "weights": models.parameters(known),
        "multiply_adds": models.operations(known),
        "updates": len(learnt.read("history/loss")),
        "batch_size": learnt.config["batch_size"],
        "by_heart": learnt.kind == STUDY.kind("overfit"),
        "games": len(chosen["length"]),
    }
    with publication.create(
        out,
        STUDY.kind(STEP),
        config={name: learnt.config[name] for name in names} | facts,
        inputs={"games": tested, "training": learnt},
        stage_version=STUDY.steps[STEP].version,
    ) as store:
        axes = ["predictor", "ahead", "component"]
        for name in COUNTS:
            shared = name in COUNTS[:2]
            values = (
                found["likeliest"][name]
                if shared
                else np.stack([found[who][name] for who in PREDICTORS])
            )
            store.write(name, values, axes[1:] if shared else axes)
        # No setting: it changes with the machine.
        store.write("training_seconds", learnt.attributes["wall_seconds"])
        length = int(chosen["length"][shown])
        store.write("game/states", chosen["states"][shown, : length + 1])
        store.write("game/predicted", predicted[:, :length])


def _games(learnt: Artifact, tested: Artifact) -> dict[str, np.ndarray]:
    """Return the games of a store that a training is tested on.

    They are of boards that it never saw; of games learnt by heart they are these.

    Raises:
        ArtifactError: for games of other boards, or of the same ones.
    """
    by_heart = learnt.config.get("overfit")
    if by_heart:
        check_input(learnt, "games", tested)
        return played.read(tested, by_heart["games"])
    if tested.config["part"] != "test":
        raise ArtifactError(
            f"{tested.path} has games to learn from, whose boards {learnt.path} may "
            "have seen; give games of the part test"
        )
    return played.read(tested)


def longest(length: np.ndarray) -> int:
    """Return the game that is shown: the first of the longest."""
    return int(np.argmax(length))


def _found(
    trained: Trained,
    model: Model,
    counts: np.ndarray,
    games: dict[str, np.ndarray],
    ahead: Sequence[int],
    log: Path | None,
) -> tuple[dict[str, dict[str, np.ndarray]], np.ndarray]:
    """Return the `COUNTS` of each predictor, and what is predicted of the game shown.

    The latter are int8 [H, T, Z], of the likeliest Gaussians.
    """
    total, shown, kept = {}, longest(games["length"]), None
    key, at = key_for(0, 0, "pommerman score"), np.array(ahead) - 1
    number = len(games["length"])
    with Progress("studies.pommerman score", number, log) as progress:
        for start in range(0, number, _TOGETHER):
            some = np.arange(start, min(start + _TOGETHER, number))
            # As many at each time: one program for all.
            states, actions = (
                games[name][np.resize(some, _TOGETHER)]
                for name in ("states", "actions")
            )
            dreamt = partial(
                dreaming.dream, trained, model, states, actions,
                jax.random.fold_in(key, start), ahead[-1],
            )  # fmt: skip
            predicted = {
                "likeliest": dreamt(),
                "drawn": dreamt(drawn=True),
                "copying": np.stack([states[:, :-1]] * ahead[-1]),
                "counts": dreaming.by_counts(counts, states, ahead[-1]),
            }
            for who, values in predicted.items():
                values = np.asarray(values)[at, : len(some)]
                sums = right(values, states[: len(some)], games["length"][some], ahead)
                before = total.get(who)
                total[who] = sums if before is None else _added(before, sums)
                if who == "likeliest" and shown in some:
                    kept = values[:, shown - start]
            progress.update(len(some))
    return total, kept


def right(
    predicted: np.ndarray, states: np.ndarray, length: np.ndarray, ahead: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return `COUNTS` of each component, int64 [H, C], over the steps of games.

    A number counts as changed where it differs from its value at the step from which
    it is predicted.

    Args:
        predicted: int8 [H, B, T, Z], as `dreaming.dream` has it.
        states: int8 [B, T + 1, Z], of games of length [B].
    """
    true, now = dreaming.later(states, ahead), states[None, :, :-1]
    time = np.arange(states.shape[1] - 1)
    known = np.stack([time + k <= length[:, None] for k in ahead])
    equal, moved = predicted == true, now != true
    hit, new = counted(equal, np.all), counted(moved, np.any)
    both = counted(equal & moved, np.any)
    sums: dict[str, list] = {name: [] for name in COUNTS}
    for name in COMPONENTS:
        # Of several numbers together one has changed, and all have to be right.
        joint = entries(name) == 1
        each = {
            "entries": np.full_like(hit[name], entries(name)),
            "changed": new[name],
            "right": hit[name],
            "right_changed": hit[name] * new[name] if joint else both[name],
        }
        for count, values in each.items():
            sums[count].append(np.where(known, values, 0).sum(axis=(1, 2)))
    return {name: np.stack(values, axis=-1) for name, values in sums.items()}


def _added(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict:
    return {name: values + other[name] for name, values in one.items()}
