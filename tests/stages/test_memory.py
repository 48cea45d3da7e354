"""Stage memory on made-up latents: windows, heads, held-out figures, resuming."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from worldmodels.experiment.settings import Memory, Run
from worldmodels.runtime.errors import UserError
from worldmodels.stages import memory
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.recorded_models import memory_model
from worldmodels.training.packing import PackedBatches

EPISODES, LONGEST, Z = 12, 70, 3
SIZES = {"hidden_size": 6, "mixtures": 2, "batch_size": 3}
PACKED = Memory(
    **SIZES, window=16, epochs=4, death_head=True, reward_head=True, held_out=0.25
)


def write_latents(folder: Path, spoilt: Sequence[int] = ()) -> list[Path]:
    """Two shards of episodes as TakeCover's: of all lengths, most end in death.

    The latents of episodes with a `spoilt` seed are others.
    """
    rng = np.random.default_rng(0)
    paths = []
    for shard in range(2):
        paths.append(folder / f"shard-{shard}.zarr")
        shape = (EPISODES // 2, LONGEST)
        length = rng.integers(20, LONGEST, EPISODES // 2).astype(np.int32)
        length[0] = LONGEST
        inside = np.arange(LONGEST) < length[:, None]
        seed = 100 * shard + np.arange(EPISODES // 2)
        arrays = {
            "mu": rng.normal(size=(*shape, Z)).astype(np.float16),
            "logvar": rng.normal(-2, 1, (*shape, Z)).astype(np.float16),
            "actions": rng.uniform(-1, 1, (*shape, 1)).astype(np.float32),
            "rewards": inside.astype(np.float32),
            "terminated": inside & (np.arange(LONGEST) == length[:, None] - 1),
            "length": length,
            "seed": seed,
        }
        arrays["terminated"][0] = False  # which ran out of time
        arrays["mu"][np.isin(seed, spoilt)] += 1
        with publication.create(
            paths[-1], "latents", config={"shard": shard}, inputs={}, stage_version=1
        ) as store:
            for name, values in arrays.items():
                store.write(name, values)
    return paths


@pytest.fixture(scope="module")
def latents(tmp_path_factory) -> list[Path]:
    return write_latents(tmp_path_factory.mktemp("latents"))


def train(latents: list[Path], folder: Path, settings: Memory) -> Artifact:
    memory.run(
        shared=Run(),
        settings=settings,
        round=0,
        latents=latents,
        start=None,
        checkpoint=folder / "m.ckpt",
        checkpoint_seconds=0.0,
        out=folder / "memory.zarr",
        log=folder / "log",
    )
    return open_artifact(folder / "memory.zarr", "memory")


@pytest.fixture(scope="module")
def packed(latents, tmp_path_factory) -> Artifact:
    return train(latents, tmp_path_factory.mktemp("packed"), PACKED)


def test_every_head_and_figure_is_in_the_store_by_name(packed):
    assert packed.array("params/death_kernel").shape == (6, 1)
    assert packed.array("params/reward_kernel").shape == (6, 1)
    losses = [packed.read(f"history/{n}") for n in ("loss", "nll", "death", "reward")]
    np.testing.assert_allclose(losses[0], sum(losses[1:]), rtol=1e-5)
    dimensions = {
        name.removeprefix("held_out/"): packed.array(name).metadata.dimension_names
        or ()
        for name in packed.names("held_out")
    }
    assert dimensions == {
        "nll": (),
        "latent_nll": ("latent",),
        "seed": ("episode",),
        "episode_nll": ("episode",),
        "episode_steps": ("episode",),
        "horizon": ("horizon",),
        "horizon_nll": ("horizon",),
        "horizon_starts": ("horizon",),
        "death/recall": (),
        "death/false_alarms": (),
        "death/edges": ("edge",),
        "death/survived": ("bin",),
        "death/died": ("bin",),
        "death/expected": ("bin",),
        "reward/unexplained": (),
    }
    assert np.isfinite(packed.read("held_out/nll"))


def test_m_of_means_knows_them_better(packed, latents, tmp_path):
    """And an M whose store names no target, as earlier versions', has samples."""
    means = train(latents, tmp_path, PACKED.changed(target="mean"))
    assert means.config["target"] == "mean"
    assert networks.load_memory(means)[0].target == "mean"
    assert networks.load_memory(packed)[0].target == "sample"
    older = {k: v for k, v in packed.config.items() if k != "target"}
    assert memory_model(older) == memory_model(packed.config)
    assert (
        means.read("history/nll")[-8:].mean() < packed.read("history/nll")[-8:].mean()
    )


def test_a_quarter_is_held_out_and_never_learnt_from(packed, latents, tmp_path):
    seeds = packed.read("held_out/seed")
    assert len(seeds) == EPISODES // 4
    stores = [open_artifact(path) for path in latents]
    every, length = (
        np.concatenate([s.read(name) for s in stores]) for name in ("seed", "length")
    )
    steps = length[np.isin(every, seeds)] - 1
    np.testing.assert_array_equal(packed.read("held_out/episode_steps"), steps)
    # With other latents of what is held out the same weights come out.
    other = train(write_latents(tmp_path, seeds), tmp_path, PACKED)
    for name in packed.names("params"):
        np.testing.assert_array_equal(other.read(name), packed.read(name))
    assert other.read("held_out/nll") != packed.read("held_out/nll")


@pytest.mark.parametrize("stop", [1, 3])
def test_a_killed_training_on_windows_ends_as_an_uninterrupted_one(
    packed, latents, tmp_path, monkeypatch, stop
):
    """The state that goes from window to window goes into the checkpoint too."""
    monkeypatch.setattr(memory, "_GROUP", 2)
    whole = train(latents, tmp_path_of(tmp_path, "whole"), PACKED)
    groups = PackedBatches.groups

    def stops(batches, start, size):
        for number, some in enumerate(groups(batches, start, size)):
            if number == stop:
                raise KeyboardInterrupt
            yield some

    folder = tmp_path_of(tmp_path, "killed")
    with monkeypatch.context() as patch:
        patch.setattr(PackedBatches, "groups", stops)
        with pytest.raises(KeyboardInterrupt):
            train(latents, folder, PACKED)
    again = train(latents, folder, PACKED)
    assert f" {2 * stop}/" in (folder / "log").read_text()
    for name in whole.names():
        np.testing.assert_array_equal(again.read(name), whole.read(name), name)
    # Four windows in one call instead of two: the same but for rounding.
    for name in whole.names("params"):
        np.testing.assert_allclose(
            packed.read(name), whole.read(name), rtol=1e-4, atol=1e-5
        )


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def test_whole_episodes_learn_from_their_last_step_too(latents, tmp_path):
    settings = Memory(**SIZES, epochs=2, death_head=True)
    store = train(latents, tmp_path, settings)
    assert store.array("history/death").shape == (2 * EPISODES // 3,)
    assert (store.read("history/death") > 0).all()
    assert not store.names("held_out")


@pytest.mark.slow
def test_an_untrained_memory_has_figures_as_well(latents, tmp_path):
    store = train(latents, tmp_path, Memory(**SIZES, epochs=0, held_out=0.1))
    assert store.read("held_out/seed").shape == (1,)
    assert store.read("held_out/nll") > 0


def test_too_few_steps_are_refused(latents, tmp_path):
    with pytest.raises(UserError, match=r"memory\.window"):
        train(latents, tmp_path, Memory(**SIZES, epochs=1, window=1000))
