"""Step information: what each number of a memory shares with a sprite's position.

A model sees sequences in which x alone changes. Within each sequence the mutual
information of every number of the memory with x is estimated, with its null; a store
keeps the means over the sequences. Two numbers are added that no memory holds: x
itself, which must have all of its entropy, and noise, which must have none.
"""

from functools import partial
from pathlib import Path

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import generator_for
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.studies.dsprites import (
    archive,
    factors,
    mutual_information,
    observed,
    provenance,
    rollouts,
)
from worldmodels.studies.dsprites.archive import Pictures
from worldmodels.studies.dsprites.mutual_information import Found
from worldmodels.studies.dsprites.resumable import accumulate
from worldmodels.studies.dsprites.settings import SIZES, UNTRAINED, Settings
from worldmodels.studies.dsprites.steps import STUDY

STEP = "information"
_PLANTED = ("itself", "noise")  # numbers beside the memory's


def run(
    *,
    settings: Settings,
    model: str,
    train: Path | None,
    pictures: Path | None,
    checkpoint: Path,
    checkpoint_seconds: float,
    out: Path,
    log: Path | None,
) -> None:
    """Estimate the information of a model's memory and publish its store.

    Raises:
        UserError: for a model that has no memory or does not fit its store, or a full
            disk.
    """
    if SIZES.get(model.removesuffix(UNTRAINED), ("",))[0] != "dnc":
        raise UserError(f"{model!r} has no memory; a and b are models that have one")
    store = None if train is None else open_artifact(train, STUDY.kind("train"))
    inputs = {} if store is None else {"train": [store]}
    source = archive.source(pictures)
    config = provenance.recorded(STEP, settings, model, pictures)
    looked_at = observed.of(model, settings, store)
    options = SIZES[model.removesuffix(UNTRAINED)][1]
    nothing = {"memory": _nothing(settings, options["slots"] * options["word_size"])}
    nothing |= {name: _nothing(settings, 1) for name in _PLANTED}
    add = partial(_add, settings, looked_at, source)
    with (
        publication.create(
            out,
            STUDY.kind(STEP),
            config=config,
            inputs=inputs,
            stage_version=STUDY.steps[STEP].version,
        ) as written,
        open_checkpoint(checkpoint, provenance.identity(STEP, config, inputs)) as saved,
    ):
        state = accumulate(
            nothing,
            settings.information.sequences,
            add,
            checkpoint=saved,
            title=f"dsprites information {model}",
            log=log,
            interval=checkpoint_seconds,
        )
        written.seconds_before = saved.seconds_before
        for name, found in state.items():
            written.write(f"{name}/plain", found.plain, [f"{name}_number"])
            written.write(f"{name}/null", found.null, ["permutation", f"{name}_number"])
            written.write(f"{name}/entropy", found.entropy)


def _nothing(settings: Settings, numbers: int) -> Found:
    null = np.zeros((settings.information.permutations, numbers))
    return Found(np.zeros(numbers), null, 0.0)


def _add(
    settings: Settings,
    looked_at: tuple,
    pictures: Pictures,
    state: dict[str, Found],
    number: int,
) -> dict[str, Found]:
    """Return the means with those of one more sequence."""
    sizes, seed = settings.information, settings.seed
    places = rollouts.moving(seed, number, sizes)
    x = factors.classes(places[:-1])[:, 3]
    model, params = looked_at
    steps = observed.steps_of(pictures, places[None])
    memory = np.asarray(observed.vectors_of(model, ("M",), params, steps)["M"])[:, 0]
    rng = generator_for(seed, 0, "dsprites permutations", number)
    given = {
        "memory": memory,
        "itself": x[:, None],
        "noise": rng.standard_normal((len(x), 1)),
    }
    found = {}
    for name, values in given.items():
        estimated = mutual_information.estimate(
            values, x, sizes.bins, sizes.permutations, rng
        )
        found[name] = Found(
            *(
                total + part / sizes.sequences
                for total, part in zip(state[name], estimated, strict=True)
            )
        )
    return found
