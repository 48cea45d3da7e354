"""Which stores belong to an agent: all latents of its M, the blocks of one search."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from support import small_store, synthetic

from worldmodels.runtime.errors import UserError
from worldmodels.stages import export
from worldmodels.stores import agents
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import dream


@pytest.fixture
def accumulated(tmp_path):
    """Round 2 of a run that accumulates, in which V stays as round 1 trained it."""

    def make(kind, place, number=2, **inputs):
        path, config = tmp_path / f"round-{number}" / place, {"round": number}
        return small_store.make(
            path, kind, config=config | {"at": place}, inputs=inputs
        )

    old, v_store = (make("vision", "vision.zarr", number) for number in (0, 1))
    stayed = make("vision", "vision.zarr", start=v_store)
    make("latents", "latents/shard-000.zarr", 0, vision=old)
    latents = [
        make("latents", "latents/shard-000.zarr", vision=stayed),
        make("latents", "latents/shard-001.zarr", vision=stayed),
        make("latents", "latents/round-0-shard-000.zarr", 1, vision=v_store),
        make("latents", "latents/shard-000.zarr", 1, vision=v_store),
    ]
    memory = make("memory", "memory.zarr", latents=latents)
    return SimpleNamespace(run=tmp_path, old=old, memory=memory, latents=latents)


def paths(stores):
    return [store.path for store in stores]


def test_all_latents_of_m_are_found_in_the_order_that_it_read_them(
    accumulated, monkeypatch
):
    found = agents.open_latents(accumulated.memory, [])
    assert paths(found) == paths(accumulated.latents)
    beside = accumulated.run / "round-2" / "controller"
    beside.mkdir()
    monkeypatch.chdir(beside)
    found = agents.open_latents(open_artifact("../memory.zarr"), [])
    assert paths(found) == paths(accumulated.latents)


def test_latents_beside_m_are_found_in_a_folder_of_any_name(accumulated):
    (accumulated.run / "round-2").rename(accumulated.run / "last")
    moved = open_artifact(accumulated.run / "last" / "memory.zarr")
    found = [store.provenance for store in agents.open_latents(moved, [])]
    assert found == [store.provenance for store in accumulated.latents]


def test_latents_that_m_did_not_learn_from_do_not_matter(accumulated):
    """More episodes were asked for once, and some of the stores are damaged."""
    folder = accumulated.run / "round-2" / "latents"
    inputs = {"vision": accumulated.old}
    small_store.make(folder / "shard-002.zarr", "latents", inputs=inputs)
    for name, text in [("a", "{"), ("b", "[]"), ("c", '{"attributes": {}}')]:
        (folder / f"{name}.zarr").mkdir()
        (folder / f"{name}.zarr" / "zarr.json").write_text(text)
    (folder / "empty.zarr").mkdir()
    (folder / "file.zarr").touch()
    (folder / "shard-002.zarr" / "x" / "c.0.0").unlink()
    found = agents.open_latents(accumulated.memory, [])
    assert paths(found) == paths(accumulated.latents)


def test_missing_and_damaged_latents_of_m_are_refused(accumulated, tmp_path):
    memory, (first, _, earlier, _) = accumulated.memory, accumulated.latents
    shutil.rmtree(earlier.path)
    with pytest.raises(
        UserError,
        match=r"^3 of the 4 latents stores that .*round-2/memory\.zarr learnt from are "
        "in the rounds of its run; give all of them after --latents",
    ):
        agents.open_latents(memory, [])
    (first.path / "x" / "c.0.0").unlink()
    with pytest.raises(UserError, match=rf"{first.path}: .* chunks are missing"):
        agents.open_latents(memory, [])
    alone = tmp_path / "elsewhere" / "a" / "b" / "c" / "d" / "memory.zarr"
    shutil.copytree(memory.path, alone)
    with pytest.raises(UserError, match=r"^0 of the 4 latents stores"):
        agents.open_latents(open_artifact(alone), [])


def test_given_latents_must_be_all_of_ms_and_no_others(accumulated):
    memory, latents = accumulated.memory, accumulated.latents
    found = agents.open_latents(memory, paths(latents[::-1]))
    assert paths(found) == paths(latents)
    with pytest.raises(UserError, match=r"^3 of the 4 latents stores .* are given;"):
        agents.open_latents(memory, paths(latents[1:]))
    other = accumulated.run / "round-0" / "latents" / "shard-000.zarr"
    with pytest.raises(UserError, match=r"was not made with .* latents store"):
        agents.open_latents(memory, [*paths(latents), other])


class Searches:
    """Blocks of searches that differ in sigma, in folders of one round."""

    def __init__(self, place):
        self.folder = place / "controller"
        self._given = {
            "vision": small_store.make(place / "vision.zarr", "vision"),
            "memory": small_store.make(place / "memory.zarr", "memory"),
        }

    def evolve(self, sigma, blocks, folder=None):
        """Write the blocks of a search over those that lie there."""
        inputs, made = dict(self._given), []
        for block in range(blocks):
            path = (folder or self.folder) / f"block-{block:04d}.zarr"
            config = {"block": block, "sigma": sigma}
            made.append(
                small_store.make(path, "controller", config=config, inputs=inputs)
            )
            inputs = self._given | {"previous": made[-1]}
        return paths(made)


@pytest.fixture
def searches(tmp_path):
    return Searches(tmp_path)


def opened(*given):
    return paths(agents.open_stores(given, None, None).controller)


def test_blocks_left_by_an_earlier_search_are_left_out(searches, capsys):
    blocks = searches.evolve(0.1, 4)
    assert opened(searches.folder) == blocks
    assert capsys.readouterr().err == ""
    searches.evolve(0.05, 2)
    (blocks[3] / "x" / "c.0.0").unlink()  # nothing reads it
    assert opened(searches.folder) == blocks[:2]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{blocks[2]} does not go on from {blocks[1]}: ")
    with pytest.raises(UserError, match=rf"{blocks[2]} does not go on from"):
        opened(*blocks[:3])


def test_a_folder_is_a_search_from_block_0_on(searches, capsys):
    blocks = searches.evolve(0.1, 3)
    shutil.rmtree(blocks[1])
    assert opened(searches.folder) == blocks[:1]
    assert f"{blocks[2]} does not go on from {blocks[0]}" in capsys.readouterr().err
    shutil.rmtree(blocks[0])
    with pytest.raises(UserError, match=r"no controller stores from block-0000\.zarr"):
        opened(searches.folder)


def test_given_blocks_are_a_part_of_one_search(searches):
    blocks = searches.evolve(0.1, 4)
    assert opened(blocks[2]) == blocks[2:3]
    assert opened(blocks[3], blocks[2], blocks[1]) == blocks[1:]
    with pytest.raises(
        UserError, match=rf"{blocks[2]} does not go on from {blocks[0]}"
    ):
        opened(blocks[0], blocks[2])
    other = searches.evolve(0.05, 1, searches.folder.with_name("other"))
    with pytest.raises(UserError, match="give blocks of one search without a gap"):
        opened(searches.folder, *other)


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A round whose M learnt from the one before as well, and whose C in its dream."""
    folder = tmp_path_factory.mktemp("experiment")
    first, rng = synthetic.make_round(folder), np.random.default_rng(1)
    settings, place = synthetic.SETTINGS, folder / "round-1"
    learning = {"train_in": "dream", "temperature": 1.3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SETTINGS", settings.changed(controller=learning))
        rollouts = synthetic.make_rollouts(place, 1, 0, rng)
        v_store = synthetic.make_vision(place, 1, [rollouts, *first.rollouts], rng)
        latents = synthetic.make_latents(place, 1, rollouts, v_store, rng)
        latents = [latents, *first.latents]
        memory = synthetic.make_memory(place, 1, latents, rng)
        synthetic.make_controller(place, 1, v_store, memory, None, rng)
    return SimpleNamespace(place=place, memory=memory, latents=latents)


def test_an_exported_agent_dreams_from_all_latents_as_its_rule_gives_them(
    second, tmp_path
):
    shipped, by_rule = tmp_path / "a.zarr", tmp_path / "b.zarr"
    controller = [second.place / "controller"]
    export.run(controller=controller, out=shipped)
    export.run(controller=controller, latents=paths(second.latents), out=by_rule)
    store = open_artifact(shipped)
    assert store.provenance == open_artifact(by_rule).provenance
    starts = [latents.read("mu")[:, 0] for latents in second.latents]
    np.testing.assert_array_equal(store.read("starts/mu"), np.concatenate(starts))


def test_a_dream_of_latents_of_several_rounds_is_filmed(second, tmp_path, capsys):
    """Those of round 0 name the V of round 0."""
    out = tmp_path / "dream.gif"
    given = {"memory": second.memory.path, "latents": paths(second.latents)}
    dream.run(**given, temperature=1.0, steps=2, out=out)
    assert f"in 2 steps of the dream of seed 0 at temperature 1; film: {out}" in (
        capsys.readouterr().out
    )
    assert out.exists()
    other = synthetic.make_vision(tmp_path, 2, (), np.random.default_rng(2))
    with pytest.raises(UserError, match=rf"was not made with {other.path} but with"):
        dream.run(**given, vision=other.path, temperature=1.0, out=out)
