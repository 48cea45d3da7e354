"""Trainings of the study: settings, an interruption, double precision, gradients."""

import json

import numpy as np
import pytest
from support.resumed import assert_same_arrays, killed, read_checkpoint

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import learner, ppo, setup, train
from worldmodels.studies.curiosity.arms import ABLATIONS, ARMS, BOLD, CAUTIOUS, MAIN
from worldmodels.studies.curiosity.settings import trainings
from worldmodels.studies.curiosity.steps import STUDY, training_settings

SMALL = {
    "limit": 12, "test_levels": 3,
    "vector": {
        "steps": 72, "environments": 4, "rollout": 6, "epochs": 1, "minibatches": 2,
        "units": 4, "embedding": 3,
    },
}  # fmt: skip


@pytest.fixture
def fit(tmp_path, in_clock):
    """Train an arm in the world of the clock; return the path of its store."""

    def run(name: str, arm: str = "both", **changes):
        out = tmp_path / f"{name}.zarr"
        train.run(
            settings=STUDY.load(SMALL | changes), world="vector", arm=arm, seed=1,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0, out=out,
            log=None,
        )  # fmt: skip
        return out

    return run


@pytest.mark.slow
def test_a_game_that_was_killed_within_its_episodes_goes_on_bit_for_bit(
    tmp_path, monkeypatch
):
    """PixelCopter's own state, its levels' keys among it, comes back from disk."""
    program = []  # one for all three

    def compiled(*given, make=learner.updates):
        return (program or program.append(make(*given)) or program)[0]

    monkeypatch.setattr(learner, "updates", compiled)

    def fit(name: str):
        out = tmp_path / f"{name}.zarr"
        train.run(
            settings=STUDY.load(SMALL), world="vector", arm="both", seed=1,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0, out=out,
            log=None,
        )  # fmt: skip
        return out

    monkeypatch.setattr(train, "_write_scores", lambda *_: None)
    killed(monkeypatch, train.Iterations, fit)
    saved = read_checkpoint(tmp_path / "killed.ckpt")["train_state"]["carry"]["place"]
    assert (saved["flight"]["length"] > 0).any()  # episodes were under way
    whole = fit("whole")
    assert_same_arrays(fit("killed"), whole)
    store = open_artifact(whole, "curiosity_train")
    assert store.read("history/episodes").sum() > 0
    assert store.read("history/loss").shape == (3,)
    assert int(store.read("frames/count")) == 72
    assert store.read("history/rate")[0] == np.float32(1e-3)
    np.testing.assert_allclose(store.read("history/rate")[-1], 5e-5, rtol=1e-5)


@pytest.mark.slow
def test_double_precision_reaches_weights_moments_and_losses(fit, float64):
    store = open_artifact(fit("double", dtype="float64", debug=True))
    found = {name: store.read(name).dtype for name in store.names()}
    whole = {"int32", "int64", "bool", "float64"}
    assert {str(dtype) for dtype in found.values()} <= whole, found
    # With debug the norm of each gradient is stored.
    norms = [n for n in store.names() if n.startswith("history/grad_norm.")]
    assert len(norms) == len([n for n in store.names() if n.startswith("params/")])


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_with_a_sentence(fit, monkeypatch):
    monkeypatch.setattr(
        ppo, "value_loss", lambda values, returns: values.sum() * np.nan
    )
    with pytest.raises(UserError) as refused:
        fit("broken")
    sentence = str(refused.value)
    assert "the loss of studies.curiosity vector both is nan at update 1" in sentence
    assert "agent.value_body.hidden0" in sentence  # the first of the broken gradients
    assert "lower studies.curiosity.vector.learning_rate" in sentence


def test_a_training_records_what_changes_it_and_no_more():
    passed = json.loads(training_settings(STUDY.load(SMALL), "vector"))
    assert passed.keys() == {"vector", "limit", "test_levels"}
    assert passed["vector"]["units"] == 4
    other = SMALL | {"pixels": {"units": 5}, "seeds": [9]}
    other["vector"] = SMALL["vector"] | {"arms": ["both"]}
    assert json.loads(training_settings(STUDY.load(other), "vector")) == passed
    config = setup.recorded(STUDY.load(SMALL), "vector", "published", 0)
    assert config["faults"] == [1, 2, 3]
    assert config.keys().isdisjoint({"dtype", "debug", "arms"})


def test_each_bold_setting_is_made_cautious_alone_and_kept_alone():
    plain = setup.recorded(STUDY.load({}), "vector", "extrinsic", 0)
    for name in BOLD:
        one, others = (
            setup.recorded(STUDY.load({}), "vector", f"{how}_{name}", 0)
            for how in ("cautious", "bold")
        )
        for key in BOLD:
            assert one[key] == (CAUTIOUS if key == name else plain)[key]
            assert others[key] == (plain if key == name else CAUTIOUS)[key]
    assert [arm for arm in ARMS if ARMS[arm].faults] == [
        "published", "fault_1", "fault_2", "fault_3", "faults", "published_extrinsic",
        "published_intrinsic",
    ]  # fmt: skip
    assert not MAIN.keys() & ABLATIONS.keys()


def test_the_default_trains_four_arms_in_two_worlds():
    assert trainings(STUDY.load({})) == [
        (world, arm) for world in ("vector", "pixels") for arm in MAIN
    ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"vector": {"environments": 10}}, "must be a multiple of its minibatches"),
        ({"pixels": {"steps": 8191}}, "steps must be 8192 or more"),
        ({"vector": {"arms": ["both", "both"]}}, "each arm must be there once"),
        ({"vector": {"arms": ["nobody"]}}, r"vector\.arms\[0\] is 'nobody'"),
        ({"vector": {"arms": []}, "pixels": {"arms": []}}, "must have an arm"),
    ],
)
def test_impossible_settings_are_refused(values, why):
    with pytest.raises(UserError, match=why):
        STUDY.load(values)


@pytest.mark.slow
def test_cars_are_driven_by_three_numbers_that_the_same_policy_draws():
    config = setup.recorded(STUDY.load({}), "carracing", "extrinsic", 0)
    known = setup.of(config)
    assert (known.world.shape, known.agent.body.stack) == ((256, 16), 4)
    weights, _ = agents.initial(known.agent, np.random.default_rng(0))
    assert weights["agent"]["log_std"].shape == (3,)
    np.testing.assert_array_equal(weights["agent"]["policy"]["bias"], [0, 0, -1])
