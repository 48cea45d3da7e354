"""Every stage through its real command, one after the other, at tiny sizes."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import commands
import numpy as np
import pytest

from worldmodels.artifacts import open_artifact
from worldmodels.randomness import Purpose, episode_seeds, purpose_of


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SimpleNamespace:
    """One tiny pipeline: two shards, V, M, two blocks of C, an evaluation."""
    folder = tmp_path_factory.mktemp("pipeline")
    shards = [commands.rollouts(folder, shard) for shard in (0, 1)]
    vision = commands.vision(folder, shards)
    latents = [commands.latents(folder, vision, shard) for shard in shards]
    memory = commands.memory(folder, latents)
    blocks = [folder / "block-0.zarr", folder / "block-1.zarr"]
    for number, block in enumerate(blocks):
        before = ["--previous", blocks[0]] if number else []
        files = ["--vision", vision, "--memory", memory, *before, "--out", block]
        sizes = [*commands.CONTROLLER, *commands.ENVIRONMENT]
        checkpoint = f"--checkpoint={folder}/c.ckpt"
        commands.run("controller", f"--block={number}", *sizes, checkpoint, *files)
    evaluation = folder / "evaluation.zarr"
    files = ["--vision", vision, "--memory", memory, "--controller", *blocks]
    sizes = [*commands.ENVIRONMENT, "--episodes=5"]
    commands.run("evaluation", *sizes, *files, "--out", evaluation)
    return SimpleNamespace(
        folder=folder,
        shards=shards,
        vision=vision,
        latents=latents,
        memory=memory,
        blocks=blocks,
        evaluation=evaluation,
    )


def test_rollouts_hold_whole_episodes_with_their_seeds(made):
    store = open_artifact(made.shards[1], "rollouts")
    assert store.array("frames").shape == (4, 20, 64, 64, 3)
    assert store.array("frames").chunks == (1, 20, 64, 64, 3)
    expected = episode_seeds(Purpose.ROLLOUT, 0, 0, 4, 4)
    np.testing.assert_array_equal(store.read("seed"), expected)
    assert (store.read("length") == 20).all()
    assert store.read("frames").std(axis=(1, 2, 3, 4)).min() > 0


def test_latents_are_what_v_sees(made):
    from worldmodels import trained, vision

    store = open_artifact(made.latents[0], "latents")
    rollouts = open_artifact(made.shards[0], "rollouts")
    model, params = trained.load_vision(open_artifact(made.vision, "vision"))
    mu, logvar = vision.encode(params, model, rollouts.read("frames", 2))
    np.testing.assert_allclose(store.read("mu", 2), mu, atol=2e-3)
    np.testing.assert_allclose(store.read("logvar", 2), logvar, atol=2e-3)
    for name in ("actions", "rewards", "terminated", "length", "seed"):
        np.testing.assert_array_equal(store.read(name), rollouts.read(name))


def test_histories_hold_every_update(made):
    seen = open_artifact(made.vision, "vision")
    assert seen.array("history/loss").shape == (2 * 4 * 20 // 8,)
    total = seen.read("history/recon") + seen.read("history/kl")
    np.testing.assert_allclose(seen.read("history/loss"), total, rtol=1e-4)
    remembered = open_artifact(made.memory, "memory")
    assert remembered.array("history/nll").shape == (2 * 8 // 2,)
    assert (remembered.read("history/grad_norm") > 0).all()


def test_an_untrained_memory_has_its_initial_weights(made):
    import jax

    from worldmodels import memory, trained
    from worldmodels.randomness import key_for

    out = made.folder / "untrained.zarr"
    files = ["--latents", *made.latents, "--checkpoint", made.folder / "u.ckpt"]
    commands.run("memory", *commands.MEMORY, "--epochs=0", *files, "--out", out)
    store = open_artifact(out, "memory")
    model = trained.memory_model(store.config)
    expected = memory.initial(key_for(0, 0, "memory weights"), model)
    jax.tree.map(np.testing.assert_array_equal, store.tree("params"), expected)
    assert store.array("history/nll").shape == (1,)


def test_a_generation_drives_the_same_tracks_and_the_next_one_new_ones(made):
    blocks = [open_artifact(block, "controller") for block in made.blocks]
    seeds = np.concatenate([b.read("track_seed") for b in blocks])
    assert seeds.shape == (6, 2)  # one row a generation: shared by all candidates
    assert len(np.unique(seeds)) == seeds.size
    assert {purpose_of(seed) for seed in seeds.ravel()} == {Purpose.TRAINING}
    selection = blocks[0].read("selection/seed")
    assert {purpose_of(seed) for seed in selection} == {Purpose.SELECTION}


def test_candidates_may_each_drive_tracks_of_their_own(made):
    out = made.folder / "separate.zarr"
    files = ["--vision", made.vision, "--memory", made.memory, "--out", out]
    sizes = [*commands.CONTROLLER, *commands.ENVIRONMENT, "--common-tracks=false"]
    checkpoint = f"--checkpoint={made.folder}/separate.ckpt"
    commands.run("controller", *sizes, checkpoint, *files)
    block = open_artifact(out, "controller")
    seeds = block.read("track_seed")
    assert seeds.shape == (3, 4, 2)  # generation, candidate, track
    assert len(np.unique(seeds)) == seeds.size
    assert {purpose_of(seed) for seed in seeds.ravel()} == {Purpose.TRAINING}
    np.testing.assert_array_equal(drive_again(made, block, 1), block.read("fitness", 1))


def test_a_block_goes_on_with_the_whole_state_of_the_one_before(made):
    first, second = (open_artifact(block, "controller") for block in made.blocks)
    assert int(first.read("state/cma/generation")) == 3
    assert int(second.read("state/cma/generation")) == 6
    np.testing.assert_array_equal(first.read("selection/generation"), [1, 2, 3])
    np.testing.assert_array_equal(second.read("selection/generation"), [4, 5, 6])
    # One block of six generations is the same search, bit for bit.
    whole = made.folder / "whole.zarr"
    sizes = [s for s in commands.CONTROLLER if "per-block" not in s]
    files = ["--vision", made.vision, "--memory", made.memory, "--out", whole]
    checkpoint = ["--checkpoint", made.folder / "whole.ckpt"]
    sizes += ["--generations-per-block=6", *commands.ENVIRONMENT]
    commands.run("controller", *sizes, *checkpoint, *files)
    together = open_artifact(whole, "controller")
    for name in ("population", "fitness", "mean", "sigma", "steps"):
        parts = np.concatenate([first.read(name), second.read(name)])
        np.testing.assert_array_equal(together.read(name), parts)


def test_fitness_is_what_the_stored_candidate_drives(made):
    """Faults 4 and 10: a score belongs to its parameters and track, and to no luck."""
    block = open_artifact(made.blocks[1], "controller")
    np.testing.assert_array_equal(drive_again(made, block, 1), block.read("fitness", 1))


def drive_again(made, block, generation: int) -> np.ndarray:
    """Return what a generation's stored candidates score on its stored tracks."""
    from worldmodels import trained
    from worldmodels.driving import returns
    from worldmodels.environments import EnvironmentSpec
    from worldmodels.environments.workers import EnvironmentPool

    agent, weights = trained.load_agent(
        open_artifact(made.vision), open_artifact(made.memory), block.config
    )
    steps = int(block.read("steps")[generation])
    with EnvironmentPool(EnvironmentSpec(max_steps=24), slots=4, workers=1) as pool:
        return returns(
            pool, agent, weights, block.read("population", generation),
            block.read("track_seed", generation), steps,
        )  # fmt: skip


def test_the_curriculum_grows_when_the_mean_fitness_improves(made):
    blocks = [open_artifact(block, "controller") for block in made.blocks]
    steps = np.concatenate([b.read("steps") for b in blocks])
    means = np.concatenate([b.read("fitness") for b in blocks]).mean(axis=(1, 2))
    expected, best = [12], -np.inf
    for mean in means[:-1]:
        improved, best = mean > best, max(mean, best)
        expected.append(min(expected[-1] + 6 * improved, 24))
    np.testing.assert_array_equal(steps, expected)


def test_evaluation_drives_the_selected_mean_on_unseen_tracks(made):
    blocks = [open_artifact(block, "controller") for block in made.blocks]
    store = open_artifact(made.evaluation, "evaluation")
    tested = np.concatenate([b.read("selection/returns") for b in blocks]).mean(1)
    means = np.concatenate([b.read("selection/mean") for b in blocks])
    np.testing.assert_array_equal(store.read("controller"), means[tested.argmax()])
    for driver in ("agent", "random"):
        seeds = store.read(f"{driver}/seed")
        assert {purpose_of(seed) for seed in seeds} == {Purpose.TEST}
        totals = store.read(f"{driver}/rewards").sum(axis=1)
        np.testing.assert_allclose(store.read(f"{driver}/returns"), totals, rtol=1e-5)
    assert (store.read("agent/seed") == store.read("random/seed")).all()


def test_a_later_round_is_driven_by_the_controller_of_the_round_before(made):
    out = made.folder / "round-1.zarr"
    files = ["--vision", made.vision, "--memory", made.memory]
    files += ["--controller", *made.blocks, "--out", out]
    sizes = ["--episodes-per-shard=2", "--steps=20", *commands.ENVIRONMENT]
    commands.run("rollouts", "--round=1", *sizes, "--action-noise=0.2", *files)
    store = open_artifact(out, "rollouts")
    assert store.config["action_noise"] == 0.2
    actions = store.read("actions")
    assert (actions >= [-1, 0, 0]).all()
    assert (actions <= 1).all()
    sentence = commands.refused("rollouts", "--round=1", *sizes, "--out", out)
    assert "--controller" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs=ten"], "--epochs is 'ten'"),
        (["--epochs=0"], "at least 1"),
        (["--learning-rate=-1"], "above 0"),
        (["--dtype=float16"], "one of float32, float64"),
        (["--channels=4,x"], "a list of 4"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(tmp_path, arguments, words):
    files = ["--rollouts", tmp_path, "--checkpoint", tmp_path / "c", "--out"]
    assert words in commands.refused("vision", *arguments, *files, tmp_path / "v")


def test_a_store_of_another_kind_is_refused(made):
    files = ["--vision", made.memory, "--rollouts", made.shards[0]]
    sentence = commands.refused("latents", *files, "--out", made.folder / "x.zarr")
    assert "is a memory store; a vision store is needed here" in sentence
    assert not (made.folder / "x.zarr").exists()


def truncate(chunk: Path) -> None:
    os.truncate(chunk, chunk.stat().st_size // 2)


def flip_a_bit(chunk: Path) -> None:
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, Path.unlink, flip_a_bit])
def test_a_damaged_store_is_refused_by_the_stage_that_reads_it(made, tmp_path, damage):
    damaged, out = tmp_path / "latents.zarr", tmp_path / "memory.zarr"
    shutil.copytree(made.latents[0], damaged)
    damage(damaged / "mu" / "c.1.0.0")
    files = ["--latents", damaged, "--checkpoint", tmp_path / "c", "--out", out]
    sentence = commands.refused("memory", *commands.MEMORY, "--epochs=1", *files)
    assert str(damaged) in sentence
    assert "run its stage again" in sentence
    assert not out.exists()


def test_a_full_disk_ends_a_stage_with_one_sentence(small_disk):
    (small_disk / "filler").write_bytes(bytes(900_000))
    out = small_disk / "rollouts.zarr"
    sizes = ["--episodes-per-shard=8", "--steps=24", *commands.ENVIRONMENT]
    assert "the disk is full" in commands.refused("rollouts", *sizes, "--out", out)
    (small_disk / "filler").unlink()
    commands.run("rollouts", *sizes, "--out", out)
    assert open_artifact(out).array("frames").shape[0] == 8


def test_a_batch_larger_than_the_data_is_refused(made):
    files = ["--rollouts", made.shards[0], "--checkpoint", made.folder / "x.ckpt"]
    sizes = ["--batch-size=1000", "--epochs=1"]
    out = made.folder / "x.zarr"
    assert "batch" in commands.refused("vision", *sizes, *files, "--out", out)


def test_a_loss_that_is_not_finite_stops_the_training(made):
    files = ["--rollouts", made.shards[0], "--checkpoint", made.folder / "nan.ckpt"]
    sizes = [*commands.VISION, "--epochs=5", "--learning-rate=1e30"]
    out = made.folder / "nan.zarr"
    sentence = commands.refused("vision", *sizes, *files, "--out", out)
    assert "the loss of vision is" in sentence
    assert "learning_rate" in sentence
    assert not Path(out).exists()


def test_warm_start_begins_with_the_weights_of_the_round_before(made):
    out = made.folder / "warm.zarr"
    files = ["--rollouts", made.shards[0], "--start", made.vision]
    files += ["--checkpoint", made.folder / "warm.ckpt", "--out", out]
    sizes = [*commands.VISION, "--epochs=1", "--learning-rate=1e-30"]
    commands.run("vision", "--round=1", *sizes, *files)
    before = open_artifact(made.vision).tree("params")
    after = open_artifact(out).tree("params")
    np.testing.assert_allclose(
        after["encoder"]["mu"]["kernel"], before["encoder"]["mu"]["kernel"], atol=1e-20
    )
    larger = [s for s in sizes if "latent" not in s] + ["--latent-size=5"]
    assert "latent_size" in commands.refused("vision", "--round=1", *larger, *files)


def test_double_precision_reaches_every_parameter(made):
    out = made.folder / "double.zarr"
    files = ["--rollouts", made.shards[0], "--checkpoint", made.folder / "d.ckpt"]
    sizes = [*commands.VISION, "--epochs=1", "--dtype=float64", "--debug=true"]
    commands.run("vision", *sizes, *files, "--out", out)
    store = open_artifact(out)
    assert {store.array(n).dtype for n in store.names("params")} == {np.dtype("f8")}
    norms = [n for n in store.names("history") if "grad_norm." in n]
    assert len(norms) == len(store.names("params"))
