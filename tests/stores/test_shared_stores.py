"""The V, M and latents that an ablation or a temperature takes from another run.

Ablations of earlier versions took theirs from one among them, the baseline.
"""

import shutil
from pathlib import Path

import pytest
from support import small_store

from worldmodels.runtime.errors import UserError
from worldmodels.stores import agents
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import dream

BASELINE, Z, UNTRAINED = (
    f"ablations/{name}/seed-1/round-0" for name in ("baseline", "z", "untrained_memory")
)
TAU = "temperatures/0.1/round-1"
SEEDED, ABLATED, SEEDED_TAU = (
    "seeds/seed-4/round-0", "ablations/z/seed-4/round-0",
    "seeds/seed-4/temperatures/0.1/round-0",
)  # fmt: skip
# Where V and M of each controller lie.
SHARED = {
    "round-1": ("round-1", "round-1"),
    TAU: ("round-1", "round-1"),
    BASELINE: (BASELINE, BASELINE),
    Z: (BASELINE, BASELINE),
    UNTRAINED: (BASELINE, UNTRAINED),
    SEEDED: (SEEDED, SEEDED),
    ABLATED: (SEEDED, SEEDED),
    SEEDED_TAU: (SEEDED, SEEDED),
    "ablations/z/seed-0/round-0": ("round-0", "round-0"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An experiment of two rounds with ablations and a temperature: only read it."""
    folder = tmp_path_factory.mktemp("experiment")

    def make(place, kind, **inputs):
        path, config = folder / place, {"block": 0, "of": place}
        return small_store.make(path, kind, config=config, inputs=inputs)

    v_store, latents, m_stores = {}, {}, {}
    another = "ablations/baseline/seed-2/round-0"
    for round in ("round-0", "round-1", BASELINE, another, SEEDED):
        v_store[round] = make(f"{round}/vision.zarr", "vision")
        given = {"vision": v_store[round]}
        latents[round] = make(f"{round}/latents/shard-000.zarr", "latents", **given)
    for round in (*latents, UNTRAINED):
        given = latents[BASELINE if round == UNTRAINED else round]
        m_stores[round] = make(f"{round}/memory.zarr", "memory", latents=given)
    for round, (of_v, of_m) in SHARED.items():
        given = {"vision": v_store[of_v], "memory": m_stores[of_m]}
        make(f"{round}/controller/block-0000.zarr", "controller", **given)
    return folder


@pytest.fixture
def experiment(made, tmp_path):
    """The folder of such an experiment, to be changed."""
    return shutil.copytree(made, tmp_path / "experiment")


def found(folder, round, vision=None, memory=None):
    stores = agents.open_stores([folder / round / "controller"], vision, memory)
    return stores.vision.path, stores.memory.path


@pytest.mark.parametrize("round", SHARED)
def test_v_and_m_are_found_where_they_are_shared(made, round, monkeypatch):
    places = [made / place for place in SHARED[round]]
    expected = places[0] / "vision.zarr", places[1] / "memory.zarr"
    assert found(made, round) == expected
    monkeypatch.chdir(made / round / "controller")
    stores = agents.open_stores([Path("block-0000.zarr")], None, None)
    assert (stores.vision.path, stores.memory.path) == expected


def test_latents_and_v_of_a_shared_m_are_found_too(made):
    untrained = made / UNTRAINED / "memory.zarr"
    (latents,) = agents.open_latents(open_artifact(untrained), [])
    assert latents.path == made / BASELINE / "latents" / "shard-000.zarr"
    stores = dream._open(untrained, None, [])
    assert stores.vision.path == made / BASELINE / "vision.zarr"


def test_the_v_of_its_own_round_is_found_for_an_m_of_several_rounds(experiment):
    """Each round has a store of a V that was kept; C knows that of its own round."""
    latents = [
        open_artifact(experiment / f"round-{n}/latents/shard-000.zarr") for n in (0, 1)
    ]
    for round in ("round-0", "round-1"):
        place = experiment / f"cells/dnc/seed-0/{round}/memory.zarr"
        small_store.make(place, "memory", config={}, inputs={"latents": latents})
        stores = dream._open(place, None, [])
        assert stores.vision.path == experiment / round / "vision.zarr"


def test_a_copied_experiment_uses_its_own_stores(experiment):
    assert found(experiment, Z)[0] == experiment / BASELINE / "vision.zarr"


def test_what_is_nowhere_in_the_experiment_is_asked_for(experiment):
    shutil.rmtree(experiment / BASELINE / "memory.zarr")
    missing = "^the memory store that .*z/seed-1/.* is not in the rounds of its exp"
    with pytest.raises(UserError, match=missing):
        found(experiment, Z)
    with pytest.raises(UserError, match=r"give it after --memory$"):
        found(experiment, Z, vision=experiment / BASELINE / "vision.zarr")
    with pytest.raises(UserError, match=r"was not made with .* memory store"):
        found(experiment, Z, memory=experiment / "round-0" / "memory.zarr")


def test_a_stranger_in_its_place_is_refused(experiment):
    place = experiment / "round-1" / "vision.zarr"
    shutil.rmtree(place)
    shutil.copytree(experiment / "round-0" / "vision.zarr", place)
    with pytest.raises(UserError, match=rf"was not made with {place}"):
        found(experiment, "round-1")


def test_damage_matters_where_it_is_used(experiment):
    vision = experiment / BASELINE / "vision.zarr"
    elsewhere = experiment / "round-0" / "vision.zarr" / "zarr.json"
    for text in ("{", "[" * 100_000, '{"attributes": 1}'):
        elsewhere.write_text(text)
        assert found(experiment, Z)[0] == vision
    shutil.rmtree(vision / "x")
    with pytest.raises(UserError, match=rf"^{vision}"):
        found(experiment, Z)
