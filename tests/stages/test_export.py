"""export: a round's agent in one small store, and the same agent back from it."""

import jax
import numpy as np
import pytest
from support import synthetic
from support.presets import PAPER

from worldmodels import cli
from worldmodels.environments.games import CARRACING
from worldmodels.experiment.settings import Run
from worldmodels.experiment.stages import recorded, sections_of
from worldmodels.models import memory, vision
from worldmodels.models.controller import Controller
from worldmodels.runtime.errors import UserError
from worldmodels.stages import export
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.tools import inspect


@pytest.fixture(scope="module")
def exported(pretrained) -> Artifact:
    return open_artifact(pretrained, "agent")


def within_half_precision(loaded, stored) -> bool:
    """Say whether numbers differ by no more than the rounding to 11 bits may."""
    stored = np.asarray(stored, np.float64)
    error = np.abs(np.asarray(loaded, np.float64) - stored)
    return bool((error <= np.maximum(2**-11 * np.abs(stored), 2**-25)).all())


def test_every_parameter_comes_back_in_single_precision(stores, exported):
    _, weights, controller, _ = networks.load_pretrained(exported.path)
    best, _ = networks.best_controller(stores.controller)
    stored = [stores.vision.tree("params"), stores.memory.tree("params"), best]
    loaded = [weights.vision, weights.memory, controller]
    assert jax.tree.structure(loaded) == jax.tree.structure(stored)
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded)} == {np.dtype("float32")}
    assert "decoder" in weights.vision  # which films need
    assert jax.tree.all(jax.tree.map(within_half_precision, loaded, stored))
    # Not a single one is so far off that another bit would have been kept.
    kernel = stored[0]["encoder"]["conv_0"]["kernel"]
    error = np.abs(loaded[0]["encoder"]["conv_0"]["kernel"] / kernel - 1)
    assert 2**-13 < error.max() <= 2**-11


def test_the_agent_has_the_shapes_and_settings_of_its_stages(stores, exported):
    agent, _, controller, config = networks.load_pretrained(exported.path)
    expected, _ = networks.load_agent(
        stores.vision, stores.memory, (c := stores.controller[0]).config, c.game
    )
    assert agent == expected
    assert controller.shape == (agent.controller.parameter_count,)
    assert config["vision"] == stores.vision.config
    assert config["memory"] == stores.memory.config
    evolved = dict(stores.controller[0].config)
    del evolved["block"]
    assert config["controller"] == evolved


def test_it_tells_where_it_came_from_and_how_well_it_was_tested(stores, exported):
    tested = np.concatenate([b.read("selection/returns") for b in stores.controller])
    best = tested.mean(axis=1).argmax()
    np.testing.assert_array_equal(exported.read("selection/returns"), tested[best])
    assert exported.config["selection_score"] == pytest.approx(tested[best].mean())
    generations = [b.read("selection/generation") for b in stores.controller]
    assert exported.config["generation"] == np.concatenate(generations)[best]
    assert exported.config["relative_rounding"] == 2**-11
    assert exported.config["absolute_rounding"] == 2**-25
    assert exported.attributes["inputs"] == {
        "vision": [stores.vision.provenance],
        "memory": [stores.memory.provenance],
        "controller": [block.provenance for block in stores.controller],
    }


def test_rounding_keeps_its_bounds_over_all_of_half_precision():
    rng = np.random.default_rng(0)
    values = 10 ** rng.uniform(-12, np.log10(65504), 100_000)
    values = (values * rng.choice([-1, 1], values.shape)).astype(np.float32)
    values[:2] = 0, 65504
    halved = export.halved(values, "x")
    assert halved.dtype == np.float16
    assert within_half_precision(halved, values)


@pytest.mark.parametrize("value", [65520, -1e30, np.nan, np.inf])
def test_what_half_precision_cannot_hold_is_refused(value):
    with pytest.raises(UserError, match="the_bias has parameters of up to"):
        export.halved(np.array([1, value], np.float32), "the_bias")


def test_double_precision_is_driven_in_single(stores, exported, tmp_path):
    """Weights of a debugging run make the same store but for their recorded type."""

    def doubled(kind: str, source: Artifact, inputs: dict) -> Artifact:
        path = tmp_path / source.path.name
        config = {**source.config, "dtype": "float64"}
        with publication.create(
            path, kind, config=config, inputs=inputs, stage_version=1
        ) as store:
            for name in source.names():
                values = source.read(name)
                is_weight = name.startswith("params")
                store.write(name, values.astype(np.float64) if is_weight else values)
        return open_artifact(path)

    v_store = doubled("vision", stores.vision, {})
    m_store = doubled("memory", stores.memory, {})
    inputs = {"vision": v_store, "memory": m_store}
    first = doubled("controller", stores.controller[0], inputs)
    inputs["previous"] = first
    second = doubled("controller", stores.controller[1], inputs)
    out = tmp_path / "agent.zarr"
    export.run(
        controller=[first.path, second.path],
        vision=v_store.path,
        memory=m_store.path,
        out=out,
    )
    agent, *values, config = networks.load_pretrained(out)
    expected, *others, _ = networks.load_pretrained(exported.path)
    assert config["vision"]["dtype"] == "float64"
    assert agent == expected
    assert jax.tree.all(jax.tree.map(np.array_equal, values, others))


def test_it_is_small_at_the_papers_sizes(tmp_path):
    """All of V, M and C with random weights; even uncompressed it is 9.5 MB."""
    run, settings = Run(), PAPER

    def create(stage: str, more: dict, inputs: dict):
        config = recorded(stage, 0, *sections_of(stage, run, settings))
        config |= {"round": 0} | more
        path = tmp_path / f"{stage}.zarr"
        return config, publication.create(
            path, stage, config=config, inputs=inputs, stage_version=1
        )

    config, writer = create("vision", {}, {})
    with writer as store:
        model = networks.vision_model(config)
        store.tree("params", vision.initial(jax.random.key(0), model))
    config, writer = create("memory", {"latent_size": 32, "action_size": 3}, {})
    with writer as store:
        model = networks.memory_model(config)
        store.tree("params", memory.initial(jax.random.key(0), model))
    v_store, m_store = (
        open_artifact(tmp_path / f"{s}.zarr") for s in ("vision", "memory")
    )
    inputs = {"vision": v_store, "memory": m_store}
    _, writer = create("controller", {"block": 0, "selection_episodes": 1024}, inputs)
    count = Controller(32, model.size.features, CARRACING).parameter_count
    assert count == 867
    with writer as store:
        rng = np.random.default_rng(0)
        store.write("selection/mean", rng.normal(size=(1, count)).astype(np.float32))
        store.write("selection/returns", np.ones((1, 1024), np.float32))
        store.write("selection/generation", np.array([1800], np.int32))
    block, out = tmp_path / "controller.zarr", tmp_path / "agent.zarr"
    files = {"vision": v_store.path, "memory": m_store.path}
    export.run(controller=[block], **files, out=out)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12e6
    _, weights, *_ = networks.load_pretrained(out)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(weights))
    assert parameters == 4_348_547 + 422_368  # of V and of M, paper, A.1 and A.2


def test_inspect_tells_all_of_it(exported, capsys):
    inspect.run(store=exported.path)
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "kind agent, schema 1" in told
    assert f"vision.latent_size {synthetic.LATENT}" in told
    assert f"memory.hidden_size {synthetic.HIDDEN}" in told
    assert "controller.inputs z_h" in told
    assert f"generation {exported.config['generation']}" in told
    assert f"selection_score {exported.config['selection_score']}" in told
    assert any(line.startswith("vision/decoder/dense/kernel float16") for line in told)
    assert any(line.startswith("controller float16") for line in told)


def test_v_and_m_must_be_those_that_c_was_evolved_with(stores, tmp_path):
    other = synthetic.make_vision(tmp_path, 1, (), np.random.default_rng(0))
    blocks, out = [stores.controller[0].path], tmp_path / "agent.zarr"
    with pytest.raises(UserError, match=r"was not made with .* vision store"):
        export.run(controller=blocks, vision=other.path, out=out)
    assert not out.exists()


def test_another_kind_or_nothing_is_no_pretrained_agent(stores, tmp_path):
    with pytest.raises(UserError, match="vision store; an agent store is needed here"):
        networks.load_pretrained(stores.vision.path)
    with pytest.raises(UserError, match="no pretrained agent is there"):
        networks.load_pretrained(tmp_path / "agent.zarr")


def test_the_command_makes_it(stores, exported, tmp_path, capsys):
    out, log = tmp_path / "agent.zarr", tmp_path / "export.log"
    files = ["--controller", *(str(block.path) for block in stores.controller)]
    assert cli.main(["export", *files, "--out", str(out), "--log", str(log)]) == 0
    told = capsys.readouterr().out
    assert f"generation {exported.config['generation']}, " in told
    assert str(out) in told
    assert open_artifact(out, "agent").provenance == exported.provenance
    assert "export" in log.read_text()
