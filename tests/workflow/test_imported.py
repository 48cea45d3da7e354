"""A person's own episodes in the pipeline: Snakemake takes their stores as made."""

import numpy as np
import pytest
from support import commands, recorded

from worldmodels.stores.artifact import open_artifact

CONFIG = {
    "experiment": "mine",
    "rollouts": {"policy": "imported", "episodes": 4, "episodes_per_shard": 2},
    "vision": {
        "latent_size": 4,
        "channels": [4, 4, 8, 8],
        "decoder_channels": [8, 4, 4],
        "batch_size": 10,
        "epochs": 1,
    },
    "memory": {"hidden_size": 8, "mixtures": 2, "batch_size": 2, "epochs": 2},
}


@pytest.mark.slow
def test_v_and_m_learn_from_a_persons_episodes_and_dream(real_project):
    """From a folder of npz files to a film, by the commands that a person types."""
    names = {name: 5 + n for n, name in enumerate("abcd")}
    arrays = {
        name: recorded.episode(steps, steps, 40, 50, actions=3)
        for name, steps in names.items()
    }
    folder = recorded.write(real_project.folder / "npz", **arrays)
    made = real_project.folder / "results/mine/round-0"
    overlay = real_project.write("mine.yaml", CONFIG)
    target = "results/mine/round-0/memory.zarr"
    arguments = ["--cores=2", target, "--configfile", overlay]
    status, told = real_project.run(*arguments)
    assert status, told
    assert "make it of your own episodes with `worldmodels import-rollouts" in told
    shards = made / "rollouts"
    options = ["--episodes-per-shard=2", "--out", shards]
    commands.run("import-rollouts", folder, *options)
    before = [open_artifact(path).provenance for path in sorted(shards.iterdir())]
    status, told = real_project.run(*arguments)
    assert status == 0, told
    kept = [open_artifact(path).provenance for path in sorted(shards.iterdir())]
    assert before == kept
    memory = open_artifact(made / "memory.zarr", "memory")
    assert memory.config["action_size"] == 3
    latents = open_artifact(made / "latents/shard-001.zarr", "latents")
    np.testing.assert_array_equal(
        latents.read("actions", 1)[: names["d"]], arrays["d"]["action"]
    )
    status, told = real_project.run("--dry-run", *arguments)
    assert "Nothing to be done" in told
    film = made / "dream.gif"
    commands.run("dream", "--memory", memory.path, "--steps=6", "--out", film)
    assert film.stat().st_size > 1000


def test_the_stage_says_what_makes_imported_rollouts(tmp_path):
    out = tmp_path / "rollouts/shard-000.zarr"
    sentence = commands.call_refused(
        "rollouts", "--set=rollouts.policy=imported", "--out", out
    )
    assert f"import-rollouts FOLDER --out {out.parent}`" in sentence
