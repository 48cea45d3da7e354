"""Stage latents: what V sees in every frame of one rollout store, mu and logvar.

z is not stored: it is sampled anew from these each time a batch is built.
"""

from pathlib import Path

import numpy as np

from worldmodels.experiment.settings import Run
from worldmodels.experiment.stages import PRECISION_USED, STAGES, recorded
from worldmodels.models.vision import VAE, Params
from worldmodels.runtime.progress import Progress
from worldmodels.stages.precision import settled
from worldmodels.stores import neighbours, networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.publication import Writer
from worldmodels.training.encoding import ParallelEncoder

STAGE = "latents"
_FRAMES = 256  # encoded in one call, at most; all calls but an episode's last alike
_CARRIED = {
    "actions": ("episode", "time", "action"),
    "rewards": ("episode", "time"),
    "terminated": ("episode", "time"),
    "length": ("episode",),
    "seed": ("episode",),
}


def run(
    *,
    shared: Run,
    round: int,
    vision: Path,
    rollouts: Path,
    out: Path,
    log: Path | None,
) -> None:
    """Encode one rollout store with V and publish a latents store at `out`.

    Raises:
        UserError: for a bad store or a full disk.
    """
    network = open_artifact(vision, "vision")
    episodes = open_artifact(rollouts, "rollouts")
    game = neighbours.game_of(network, episodes)
    config = settled(recorded(STAGE, round, shared)) | {
        "round": round,
        "shard": episodes.config["shard"],
        "latent_size": network.config["latent_size"],
    }
    inputs = {"vision": network, "rollouts": episodes}
    # First, because they may be refused.
    carried = {name: episodes.read(name) for name in _CARRIED}
    with publication.create(
        out,
        STAGE,
        config=config,
        inputs=inputs,
        stage_version=STAGES[STAGE].version,
        game=game,
    ) as store:
        fitted = networks.load_vision(network, config[PRECISION_USED])
        _encode_episodes(*fitted, episodes, store, log)
        for name, dimensions in _CARRIED.items():
            store.write(name, carried[name], dimensions)


def _encode_episodes(
    model: VAE, params: Params, episodes: Artifact, store: Writer, log: Path | None
) -> None:
    count, steps = episodes.array("frames").shape[:2]
    shape, dimensions = (count, steps, model.latent_size), ("episode", "time", "latent")
    posterior = [
        store.rows(name, shape, np.float16, dimensions) for name in ("mu", "logvar")
    ]
    parts = -(-steps // _FRAMES)
    size = -(-steps // parts)
    lengths = episodes.read("length").tolist()
    with (
        Progress(STAGE, sum(lengths), log) as progress,
        ParallelEncoder(model, params) as encode,
    ):
        for episode, length in enumerate(lengths):
            frames = episodes.read("frames", episode)
            latent = np.zeros((2, *shape[1:]), np.float32)
            # Nothing after an episode's end but the rest of its last part: most
            # places of a game that can end early are empty.
            for at in range(0, length, size):
                part = slice(at, at + size)
                latent[:, part] = encode(frames[part])
            latent[:, length:] = 0
            for rows, values in zip(posterior, latent, strict=True):
                rows.put(episode, values)
            progress.update(length)
    for rows in posterior:
        rows.close()
