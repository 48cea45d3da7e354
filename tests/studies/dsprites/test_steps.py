"""The steps of the study, one after the other, at small sizes; and after a kill."""

import jax
import numpy as np
import pytest

from worldmodels.runtime import stopping
from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.dsprites import (
    information,
    observed,
    probe,
    probes,
    train,
)
from worldmodels.studies.dsprites.settings import (
    Settings,
    learning_of,
    probed,
    with_memory,
)
from worldmodels.studies.dsprites.steps import STUDY
from worldmodels.training import running_statistics

SETTINGS = Settings(
    hidden_size=8,
    learning={"rollouts": 8, "shortest": 8, "longest": 12, "epochs": 1,
              "batch_size": 2, "window": 3},
    probes={"rollouts": 5, "held_out": 3, "steps": 16, "shard": 3, "epochs": 1,
            "batch_size": 8},
    information={"sequences": 2, "shortest": 64, "longest": 70, "permutations": 19},
)  # fmt: skip


def run(step, name, folder, out="out", train=None, **more):
    given = {} if step.STEP == "train" else {"train": train}
    step.run(
        settings=more.get("settings", SETTINGS),
        model=name,
        pictures=None,
        checkpoint=folder / f"{out}.ckpt",
        checkpoint_seconds=more.get("seconds", 1e9),
        out=folder / f"{out}.zarr",
        log=None,
        **given,
    )
    return open_artifact(folder / f"{out}.zarr", STUDY.kind(step.STEP))


@pytest.mark.slow  # of 4,096 numbers
def test_a_probe_of_the_picture_finds_its_position(tmp_path):
    sizes = {"rollouts": 60, "held_out": 10, "steps": 20, "shard": 40, "epochs": 1}
    store = run(probe, "input", tmp_path, settings=SETTINGS.changed(probes=sizes))
    gained = probes.gained(store.read("pixels/ridge").mean(axis=0))
    now, before = gained[0], gained[1]
    assert min(now[3:5]) > 0.7  # x and y at t
    assert np.abs(before).max() < 0.4  # the picture knows nothing of those before


def test_random_numbers_are_at_chance(tmp_path):
    sizes = {"rollouts": 90, "held_out": 20, "steps": 30, "shard": 30, "epochs": 1}
    store = run(probe, "random", tmp_path, settings=SETTINGS.changed(probes=sizes))
    gained = probes.gained(store.read("noise/ridge").mean(axis=0))
    np.testing.assert_allclose(gained, 0, atol=0.15)
    # On what it learnt from a probe seems better than it is.
    assert store.read("noise/adam_learnt").shape == (3, 6)


def test_one_rollout_in_five_compares_strengths_whatever_the_shards():
    sizes, observe = observed.observer("random", SETTINGS, None, None)
    job = probe.Job(SETTINGS, sizes, probe._observed(SETTINGS, sizes, observe))
    state = job.initial()
    for number in range(2 * job.learnt):  # the statistics, and the first epoch
        state = job.add(state, number)
    rows = SETTINGS.probes.steps - 10
    found = [int(state["noise"][name].count) for name in ("fit", "check")]
    assert found == [4 * rows, rows]
    assert state["noise"]["statistics"].count == 5


def test_a_saturated_unit_that_moves_elsewhere_does_not_decide_all():
    rng = np.random.default_rng(0)
    learnt = np.where(rng.random((5, 12, 1)) < 0.5, 1, np.nextafter(1, 0))
    found = {"statistics": running_statistics.of(learnt)}
    moved = probe._normalised(found, np.full((1, 12, 1), -1.0))
    np.testing.assert_array_equal(np.abs(moved) <= probe.FURTHEST, True)
    near = rng.normal(size=(5, 12, 1))
    whole = running_statistics.of(near)
    kept = probe._normalised({"statistics": whole}, near)
    np.testing.assert_array_equal(kept, whole.normalised(near)[:, 10:])


def test_a_killed_probe_goes_on(tmp_path, monkeypatch):
    whole = run(probe, "random", tmp_path, "whole")
    pieces = []

    def dying(self, state, number):
        pieces.append(number)
        if len(pieces) == 4:
            raise KeyboardInterrupt
        return add(self, state, number)

    add = probe.Job.add
    monkeypatch.setattr(probe.Job, "add", dying)
    with pytest.raises(KeyboardInterrupt):
        run(probe, "random", tmp_path, seconds=0)
    again = run(probe, "random", tmp_path, seconds=0)
    assert pieces[4:] == list(range(3, 7))
    for name in ("noise/adam", "noise/ridge", "noise/adam_learnt"):
        np.testing.assert_array_equal(again.read(name), whole.read(name))


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, monkeypatch):
    other = SETTINGS.changed(probes={"learning_rate": 0.01})
    whole = run(probe, "random", tmp_path, "whole", settings=other)

    def dying(self, state, number):
        if number == 5:
            raise KeyboardInterrupt
        return add(self, state, number)

    add = probe.Job.add
    with monkeypatch.context() as patched:
        patched.setattr(probe.Job, "add", dying)
        with pytest.raises(KeyboardInterrupt):
            run(probe, "random", tmp_path, seconds=0)
    again = run(probe, "random", tmp_path, settings=other)
    np.testing.assert_array_equal(again.read("noise/adam"), whole.read("noise/adam"))


@pytest.mark.parametrize("step", [train, probe, information])
def test_pictures_that_are_missing_are_one_sentence(tmp_path, step):
    with pytest.raises(UserError, match=r"holds no pictures .* step pack again"):
        step.run(
            settings=SETTINGS,
            model="b" if step is train else "b-untrained",
            pictures=tmp_path / "none.npy",
            checkpoint=tmp_path / "x.ckpt",
            checkpoint_seconds=1,
            out=tmp_path / "x.zarr",
            log=None,
            **({} if step is train else {"train": None}),
        )
    assert not any(tmp_path.iterdir())


def test_a_signal_ends_a_probe_after_a_piece(tmp_path, monkeypatch):
    """What was done until then is saved, whatever the interval."""
    asked = []

    def stop():
        asked.append(0)
        return len(asked) > 1

    class Held:
        def __enter__(self):
            return stop

        def __exit__(self, *error):
            if error[0] is None:
                raise SystemExit(143)

    with monkeypatch.context() as patched:
        patched.setattr(stopping, "held_back", Held)
        with pytest.raises(SystemExit):
            run(probe, "random", tmp_path)
    assert (tmp_path / "out.ckpt").exists()
    assert not (tmp_path / "out.zarr").exists()


def test_models_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"'q' is no model; those are a, b, lstm"):
        run(train, "q", tmp_path)
    with pytest.raises(UserError, match="lstm has learnt; give its store with --train"):
        run(probe, "lstm", tmp_path)
    with pytest.raises(UserError, match="'lstm' has no memory"):
        run(information, "lstm", tmp_path)
    assert not list(tmp_path.glob("*.zarr"))


def test_settings_name_what_is_probed():
    assert probed(Settings(models="b")) == ["input", "random", "b-untrained", "b"]
    assert with_memory(Settings(models="lstm b")) == ["b-untrained", "b"]
    sizes = Settings(learning={"rollouts": 9, "rollouts_a": 4})
    assert [learning_of(name, sizes).rollouts for name in "ab"] == [4, 9]
    with pytest.raises(UserError, match=r"probes .* at most the 90 steps of a shard"):
        STUDY.load({"probes": {"shard": 1}})  # of which Adam would make no update
    with pytest.raises(UserError, match=r"learning .* its shortest must not be longer"):
        STUDY.load({"learning": {"shortest": 200}})


@pytest.mark.slow
def test_a_study_in_double_precision_with_its_gradients(tmp_path):
    settings = SETTINGS.changed(dtype="float64", debug=True)
    with jax.enable_x64(True):
        store = run(train, "lstm", tmp_path, "train", settings=settings)
        read = run(probe, "lstm", tmp_path, "probe", store.path, settings=settings)
        state = probe.Job(settings, {"noise": 2}, None).initial()
    params = [name.removeprefix("params/") for name in store.names("params")]
    norms = [f"history/grad_norm.{name}" for name in params]
    floats = [*store.names("params"), *norms, "history/loss", "held_out/predicted"]
    assert {store.array(name).dtype for name in floats} == {np.dtype("f8")}
    squares = sum(store.read(name) ** 2 for name in norms)
    np.testing.assert_allclose(np.sqrt(squares), store.read("history/grad_norm"))
    assert {leaf.dtype for leaf in state["noise"]["probe"]} == {np.dtype("f8")}
    assert read.config["dtype"] == "float64"
    with pytest.raises(UserError, match=r"in float64 .* in float32; give --set dtype"):
        run(probe, "lstm", tmp_path, "other", store.path)


def test_stores_of_earlier_versions_have_the_settings_of_today():
    for step, uses in (("train", "learning"), ("probe", "probes")):
        used = STUDY.used(step, SETTINGS)
        assert used.keys() == {"seed", "hidden_size", uses}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "b"])
def test_a_killed_training_goes_on(tmp_path, monkeypatch, name):
    from worldmodels.training import loop

    whole = run(train, name, tmp_path, "whole")
    calls, save = [], loop._save

    def dying(*given):
        save(*given)
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_save", dying)
        with pytest.raises(KeyboardInterrupt):
            run(train, name, tmp_path, seconds=0)
    again = run(train, name, tmp_path, seconds=0)
    np.testing.assert_array_equal(
        again.read("history/loss"), whole.read("history/loss")
    )
    for one, other in zip(
        again.tree("params").items(), whole.tree("params").items(), strict=True
    ):
        np.testing.assert_array_equal(one[1], other[1])
