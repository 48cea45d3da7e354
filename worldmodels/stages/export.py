"""Stage export: one round's agent in a single small store, to be shipped.

V with its decoder, M and the selected C, in half precision, and all that is needed to
drive and to evaluate them: the settings of their stages and what they came from, and of
a C that learnt in M's dream the first frames that dreams begin at.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldmodels.experiment.stages import STAGES
from worldmodels.models.dream import Starts
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.wording import size
from worldmodels.stores import networks, publication, searches
from worldmodels.stores.agents import AgentStores, open_latents, open_stores
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.networks import Selected
from worldmodels.stores.publication import Writer

STAGE, KIND = "export", "agent"

# Rounding to half precision moves a number by no more than the larger of these: 11
# significant bits, and below 2^-14 steps of 2^-24.
RELATIVE_ROUNDING = 2.0**-11
ABSOLUTE_ROUNDING = 2.0**-25


def run(
    *,
    controller: Sequence[Path],
    vision: Path | None = None,
    memory: Path | None = None,
    latents: Sequence[Path] = (),
    out: Path,
    log: Path | None = None,
) -> None:
    """Publish an agent store at `out` and print what is in it.

    Args:
        controller: controller stores, or their folder; the best tested mean of all.
        vision, memory: their stores; default: found in the rounds of the experiment.
        latents: all stores that M learnt from, of a controller that learnt in the
            dream; default: found in the rounds of the memory's run.

    Raises:
        UserError: for a bad store, stores of several runs or searches, latents that are
            missing, a parameter that half precision cannot hold, or a full disk.
    """
    stores = open_stores(controller, vision, memory)
    game = networks.known_game(block := stores.controller[0])
    networks.load_agent(stores.vision, stores.memory, block.config, game)
    selected = networks.select(stores.controller)
    names = [*stores.vision.names("params"), *stores.memory.names("params")]
    config = _config(stores, selected)
    inputs = stores._asdict()
    if searches.learnt_in_dream(config["controller"]):
        inputs["latents"] = open_latents(stores.memory, latents)
    with (
        publication.create(
            out,
            KIND,
            config=config,
            inputs=inputs,
            stage_version=STAGES[STAGE].version,
            game=game,
        ) as store,
        Progress(STAGE, len(names) + 1, log) as progress,
    ):
        _write(store, "vision", stores.vision, progress)
        _write(store, "memory", stores.memory, progress)
        store.write("controller", halved(selected.controller, "C"), ["parameter"])
        store.write("selection/returns", selected.returns, ["track"])
        if "latents" in inputs:
            _write_starts(store, inputs["latents"])
        progress.update(1)
    dreamt = searches.tested_in_dream(config["controller"])
    tests = "dreams" if dreamt else "episodes"
    print(
        f"the agent of round {config['round']}, generation {config['generation']:,}, "
        f"with {config['selection_score']:.1f} in {len(selected.returns)} selection "
        f"{tests}: {out}, {size(open_artifact(out).size())}"
    )


def _config(stores: AgentStores, selected: Selected) -> dict[str, Any]:
    config = stores.controller[0].config
    return {
        "round": config["round"],
        "seed": config["seed"],
        "generation": selected.generation,
        "selection_score": float(selected.returns.mean(dtype=np.float64)),
        "dtype": "float16",
        "relative_rounding": RELATIVE_ROUNDING,
        "absolute_rounding": ABSOLUTE_ROUNDING,
        "vision": dict(stores.vision.config),
        "memory": dict(stores.memory.config),
        "controller": {k: v for k, v in config.items() if k != "block"},
    }


def _write(store: Writer, part: str, source: Artifact, progress: Progress) -> None:
    """Write the parameters of V or M, `params/...` of their store, below its name."""
    for name in source.names("params"):
        place = f"{part}/{name.removeprefix('params/')}"
        store.write(place, halved(source.read(name), place))
        progress.update(1)


def _write_starts(store: Writer, latents: Sequence[Artifact]) -> None:
    for name in Starts._fields:
        starts = halved(networks.first_frames(latents, name), name)
        store.write(f"starts/{name}", starts, ["start", "latent"])


def halved(values: np.ndarray, name: str) -> np.ndarray:
    """Return `values` rounded to half precision.

    Raises:
        ArtifactError: when one is not finite, or beyond half precision's 65,504.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ArtifactError(
            f"{name} has parameters of up to {np.abs(values).max():.4g} and half "
            "precision ends at 65,504; this agent cannot be exported"
        )
    return rounded
