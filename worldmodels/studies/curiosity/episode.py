"""Step episode: one unseen level, as a trained policy plays it, step by step.

It is the level that earned the median of the test, played again with actions that are
drawn anew: pictures, actions and rewards, the bonus of each frame and the values before
it.
"""

from pathlib import Path

import jax
import numpy as np

from worldmodels.runtime.randomness import seed_words
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.curiosity import play, setup
from worldmodels.studies.curiosity.play import Episode
from worldmodels.studies.curiosity.settings import Curiosity
from worldmodels.studies.curiosity.steps import STUDY
from worldmodels.studies.curiosity.train import key
from worldmodels.training.running_moments import Moments


def run(*, settings: Curiosity, training: Path, out: Path, log: Path | None) -> None:
    """Play the level and publish the episode's store at `out`.

    Raises:
        UserError: for a store that is no training, or a full disk.
    """
    del settings, log  # it takes seconds
    store = open_artifact(training, STUDY.kind("train"))
    config = {
        name: store.config[name] for name in ("world", "arm", "seed", "extrinsic")
    }
    with publication.create(
        out, STUDY.kind("episode"), config=config, inputs={"training": store},
        stage_version=STUDY.steps["episode"].version,
    ) as writer:  # fmt: skip
        level = median_level(store.read("test/drawn/won"))
        seed = store.read("test/seed")[level : level + 1]
        found, bonus = played(store, seed), store.read("bonus_deviation")
        for name in ("picture", "action", "reward"):
            writer.write(name, getattr(found, name))
        writer.write("bonus", found.bonus / bonus, ["step"])
        writer.write("values", found.values, ["step", "stream"])
        writer.write("seed", seed, ["level"])


def median_level(won: np.ndarray) -> int:
    """Return the place of the level whose return is the median of all [N]."""
    return int(np.argsort(won, kind="stable")[len(won) // 2])


def played(store: Artifact, seed: np.ndarray) -> Episode:
    """Return the steps of one level, seed [1], until the player died."""
    config = store.config
    known = setup.of(config)
    found = jax.device_get(
        play.watch(
            store.tree("params"), store.tree("target"), Moments(**store.tree("frames")),
            key(config["seed"], "episode"), seed_words(seed), known.limit, known,
        )
    )  # fmt: skip
    length = int((~found.over).sum())
    return Episode(*(values[:length] for values in found))
