"""Stage forecast: how well M foresees the episodes that it never learnt from.

They are those that its training held out, so that every M of the same latents, seed and
share is scored on the same ones, with the same noise.
"""

from collections.abc import Sequence
from pathlib import Path

import jax

from worldmodels.experiment.stages import STAGES
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.lineage import check_all_inputs
from worldmodels.training import datasets, forecasts
from worldmodels.training.datasets import StoredEpisodes

STAGE = "forecast"


def run(
    *, memory: Path, latents: Sequence[Path], out: Path, log: Path | None = None
) -> None:
    """Publish a store of what M foresees, in arrays held_out/..., at `out`.

    Args:
        latents: all stores that M learnt from, in their order.

    Raises:
        UserError: for a bad store, other latents than M's, or an M that learnt from
            all episodes.
    """
    store = open_artifact(memory, "memory")
    shards = [open_artifact(path, "latents") for path in latents]
    check_all_inputs(store, "latents", shards)
    config = {name: store.config[name] for name in ("round", "seed", "dtype")}
    if not (share := store.config.get("held_out", 0)):
        raise UserError(
            f"{memory} learnt from all episodes, so that none are left to score it on; "
            "train it with memory.held_out above 0"
        )
    devices.prepare(config["dtype"])
    episodes = StoredEpisodes(shards)
    _, held_out = datasets.split(
        episodes.seed,
        share,
        lambda number: generator_for(config["seed"], number, datasets.HELD_OUT),
    )
    model, params = networks.load_memory(store)
    config |= {
        "cell": model.cell,
        "hidden_size": model.hidden_size,
        "parameters": sum(x.size for x in jax.tree.leaves(params)),
    }
    length = episodes.length[held_out]
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs={"memory": store, "latents": shards},
            stage_version=STAGES[STAGE].version,
            game=store.game,
        ) as made,
        Progress(STAGE, int(length.sum()), log) as progress,
    ):
        found = forecasts.forecast(
            params,
            model,
            lambda some, steps: episodes.sequences(held_out[some], steps),
            length,
            _key(store),
            progress.update,
        )
        for name, (values, dimensions) in found.items():
            made.write(f"held_out/{name}", values, dimensions)
        made.write("held_out/seed", episodes.seed[held_out], ["episode"])


def _key(memory: Artifact):
    """Return the key with which M's own stage scored it, for the same noise."""
    return key_for(memory.config["seed"], memory.config["round"], "memory held out")
