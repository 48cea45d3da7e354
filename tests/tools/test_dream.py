"""C learns in M's dream, and what M dreams is filmed: the stage and the tool."""

import re
from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from support import commands, damage, dream_stores, synthetic
from support.dream_stores import GENERATIONS, SETTINGS, STEPS, evolve

from worldmodels.rollout import arenas
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, purpose_of
from worldmodels.stores import networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import dream, drive


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return dream_stores.make(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def block(stores, tmp_path_factory):
    return evolve(stores, tmp_path_factory.mktemp("controller"))


def test_fitness_is_what_the_stored_candidate_dreams(stores, block):
    def dreamt(population, seeds):
        return dreamt_again(stores, block, SETTINGS.temperature)(
            population, seeds, STEPS
        )

    returns = dreamt(block.read("population")[1], block.read("track_seed")[1])
    np.testing.assert_array_equal(block.read("fitness")[1], returns)
    assert 0 <= returns.min() < returns.max() <= STEPS
    tested = dreamt(block.read("selection/mean"), block.read("selection/seed"))
    np.testing.assert_array_equal(block.read("selection/returns"), tested)


def dreamt_again(stores, block, temperature):
    """Return the dream of a block of generations, scored without the stage."""
    world = networks.load_dream(stores.memory, stores.latents, temperature)
    made = stores.vision, stores.memory, block.config, block.game
    agent, _ = networks.load_agent(*made)
    return arenas.dreams(agent, world)


def test_dreams_have_seeds_of_the_same_ranges_as_tracks(block):
    training, selection = block.read("track_seed"), block.read("selection/seed")
    assert {purpose_of(seed) for seed in training.ravel()} == {Purpose.TRAINING}
    assert {purpose_of(seed) for seed in selection} == {Purpose.SELECTION}
    assert len(np.unique(training)) == GENERATIONS * SETTINGS.rollouts


def test_the_store_says_that_it_was_dreamt_and_of_what(stores, block):
    assert block.config["train_in"] == "dream"
    assert block.config["temperature"] == 1.3
    assert "backend" not in block.config
    given = block.attributes["inputs"]
    assert given["latents"] == [store.provenance for store in stores.latents]


def test_a_block_goes_on_from_the_one_before(stores, block):
    after = evolve(stores, block.path.parent, block=1)
    assert after.read("state/cma/generation") == 2 * GENERATIONS
    assert not np.intersect1d(after.read("track_seed"), block.read("track_seed")).size


def test_a_controller_from_the_dream_drives_the_game(stores, block, tmp_path, capsys):
    out = tmp_path / "drive.gif"
    paths = {"vision": stores.vision.path, "memory": stores.memory.path}
    drive.run(controller=[block.path], **paths, steps=3, out=out)
    assert "in 3 steps" in capsys.readouterr().out


def test_a_dream_that_cannot_be_learnt_in_is_refused(stores, tmp_path):
    with pytest.raises(UserError, match="needs --latents"):
        evolve(stores, tmp_path, latents=[])
    headless = stores.memory.path.with_name("memory.zarr")
    with pytest.raises(UserError, match="predicts neither death nor the reward"):
        evolve(stores, tmp_path, memory=headless)
    other = synthetic.make_round(tmp_path / "other", 1)
    with pytest.raises(UserError, match=r"was not made with .* latents"):
        evolve(stores, tmp_path, latents=[other.latents[0].path])
    assert not list(tmp_path.glob("*.zarr"))


def test_dreams_begin_at_first_frames_a_thousand_at_most(stores, monkeypatch):
    every = [store.read("mu")[:, 0] for store in stores.latents]
    found = networks.first_frames(stores.latents, "mu")
    np.testing.assert_array_equal(found, np.concatenate(every))
    monkeypatch.setattr(networks, "STARTS", synthetic.EPISODES + 1)
    few = networks.first_frames(stores.latents, "mu")
    np.testing.assert_array_equal(few, found[: synthetic.EPISODES + 1])


@pytest.mark.slow
def test_carracing_is_learnt_in_its_dream_by_the_real_commands(learnt, tmp_path):
    """M with a reward head, trained on real drives; its dream pays what it predicts."""
    m_store, files = tmp_path / "memory.zarr", ["--checkpoint", tmp_path / "m.ckpt"]
    run = [
        *commands.MEMORY,
        "--set=memory.epochs=1",
        "--set=memory.reward_head=true",
        *files,
        "--out",
        m_store,
    ]
    commands.run("memory", "--latents", *learnt.latents, *run)
    made = SimpleNamespace(vision=learnt.vision, memory=m_store, latents=learnt.latents)
    dreams = [
        "--set=controller.train_in=dream",
        "--set=controller.temperature=1",
    ]
    block = open_artifact(commands.block(tmp_path / "block.zarr", made, *dreams))
    fitness = block.read("fitness")
    assert np.isfinite(fitness).all()
    assert np.ptp(fitness) > 0
    stores = SimpleNamespace(
        vision=open_artifact(learnt.vision),
        memory=open_artifact(m_store),
        latents=[open_artifact(path) for path in learnt.latents],
    )
    generation = (block.read(name)[0] for name in ("population", "track_seed", "steps"))
    returns = dreamt_again(stores, block, 1.0)(*generation)
    np.testing.assert_allclose(fitness[0], returns, rtol=1e-5)


def test_a_dream_of_c_is_dreamt_in_the_precision_that_it_learnt_with(
    stores, block, tmp_path
):
    mixed = damage.set_setting("precision_used", "mixed")
    path = damage.edited(block, tmp_path / "block-0000.zarr", mixed)
    given = dream.DreamStores(stores.vision, stores.memory, stores.latents)
    for controller, expected in ((block.path, "float32"), (path, "mixed")):
        task = dream._task(given, [controller], None, 1.0, 0)
        assert task.dream.model.precision == expected


def film(stores, out, **options):
    dream.run(memory=stores.memory.path, out=out, **{"temperature": 1.0} | options)
    return out


def printed(told: str) -> tuple[str, int]:
    found = re.search(
        r"return (\d+\.\d|unknown to M) in (\d+) steps of the dream", told
    )
    return found[1], int(found[2])


def test_the_film_is_the_dream_that_was_scored(stores, block, tmp_path, capsys):
    out = tmp_path / "films" / "dream.mp4"
    seed = int(block.read("selection/seed")[2])
    _, generation = networks.best_controller([block])
    film(stores, out, controller=[block.path], temperature=1.3, seed=seed)
    told, steps = printed(capsys.readouterr().out)
    best = list(block.read("selection/generation")).index(generation)
    assert float(told) == block.read("selection/returns")[best, 2]
    assert imageio_ffmpeg.count_frames_and_secs(str(out))[0] == steps
    assert [path.name for path in out.parent.iterdir()] == ["dream.mp4"]


def test_recorded_actions_are_dreamt_beside_what_happened(stores, tmp_path, capsys):
    rollouts, latents = stores.rollouts[0].path, stores.latents[0].path
    sizes = []
    for store in (rollouts, latents):
        out = film(stores, tmp_path / "dream.gif", actions=f"{store}:0", steps=6)
        with Image.open(out) as found:
            sizes.append(found.size)
        assert 1 <= printed(capsys.readouterr().out)[1] <= 6
    # Two views of 256 pixels, or one of 512.
    assert sizes == [(536, 364), (528, 688)]


@pytest.mark.parametrize("name", ["dream.gif", "dream.mp4"])
def test_progress_counts_the_steps_of_a_film(stores, name, tmp_path, capsys):
    """A GIF shows every other step of three."""
    headless = stores.memory.path.with_name("memory.zarr")
    dream.run(memory=headless, temperature=0.0, steps=3, out=tmp_path / name)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "dream 3/3" in line] == lines[-1:]


def test_a_dream_is_filmed_even_where_m_predicts_no_score(stores, tmp_path, capsys):
    headless = stores.memory.path.with_name("memory.zarr")
    out = tmp_path / "dream.gif"
    dream.run(memory=headless, temperature=0.0, steps=4, out=out)
    assert printed(capsys.readouterr().out) == ("unknown to M", 4)
    assert out.exists()


def test_what_cannot_be_dreamt_is_refused(stores, block, tmp_path):
    out, rollouts = tmp_path / "dream.mp4", stores.rollouts[0].path
    with pytest.raises(UserError, match=r"must end in \.mp4 or \.gif"):
        film(stores, tmp_path / "dream.mov")
    with pytest.raises(UserError, match="only one of them can act"):
        film(stores, out, controller=[block.path], actions=f"{rollouts}:0")
    for wrong in ({"steps": 0}, {"seed": -1}, {"temperature": np.nan}):
        with pytest.raises(UserError, match="is impossible; give at least one step"):
            film(stores, out, **wrong)
    for words in ("nothing", "7", f"{rollouts}:x"):
        with pytest.raises(UserError, match="such as rollouts/shard-000"):
            film(stores, out, actions=words)
    with pytest.raises(UserError, match="has 3 episodes, from 0 on, and no 3"):
        film(stores, out, actions=f"{rollouts}:3")
    with pytest.raises(UserError, match="actions are in rollouts and latents"):
        film(stores, out, actions=f"{stores.vision.path}:0")
    other = synthetic.make_round(tmp_path / "other", 1)
    with pytest.raises(UserError, match=r"was not made with .* vision"):
        film(stores, out, vision=other.vision.path)
    alone = tmp_path / "alone" / "memory.zarr"
    alone.parent.mkdir()
    stores.memory.path.rename(alone)
    try:
        with pytest.raises(UserError, match=r"^0 of the 2 latents stores that"):
            dream.run(memory=alone, temperature=1.0, out=out)
    finally:
        alone.rename(stores.memory.path)
    assert not out.exists()
