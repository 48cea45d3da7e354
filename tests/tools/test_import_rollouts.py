"""Tool import-rollouts: a person's own episodes become stores, or are refused whole."""

import re

import numpy as np
import pytest
from PIL import Image
from support import commands, recorded

from worldmodels.stores.artifact import open_artifact

LENGTHS = {"a": 5, "b": 9, "c": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three episodes of 64 x 64 pixels."""
    episodes = {n: recorded.episode(steps, steps) for n, steps in LENGTHS.items()}
    return recorded.write(tmp_path_factory.mktemp("mine"), **episodes)


def imported(*arguments, out):
    """Run the command and return its stores."""
    commands.call("import-rollouts", *arguments, "--out", out)
    return [open_artifact(path, "rollouts") for path in sorted(out.iterdir())]


def test_frames_of_the_size_that_v_sees_come_back_bit_by_bit(folder, tmp_path):
    stores = imported(folder, "--episodes-per-shard=2", out=tmp_path / "rollouts")
    assert [s.path.name for s in stores] == ["shard-000.zarr", "shard-001.zarr"]
    found = [(store, e) for store in stores for e in range(len(store.read("length")))]
    for (store, e), (name, steps) in zip(found, LENGTHS.items(), strict=True):
        expected = np.load(folder / f"{name}.npz")
        assert store.read("length")[e] == steps
        for ours, theirs in (
            ("frames", "obs"),
            ("actions", "action"),
            ("rewards", "reward"),
            ("terminated", "done"),
        ):
            values = store.read(ours, e)
            assert len(values) == 9  # padded to the longest
            np.testing.assert_array_equal(
                values[:steps], expected[theirs].astype(values.dtype)
            )
            assert not values[steps:].any()
    seeds = np.concatenate([store.read("seed") for store in stores])
    assert len(np.unique(seeds)) == 3


def test_other_frames_are_cut_and_resized_as_those_of_games(tmp_path):
    arrays = recorded.episode(4, height=90, width=120)
    folder = recorded.write(tmp_path / "mine", only=arrays)
    (store,) = imported(
        folder, "--steps=6", "--crop", 2, 8, 0, 20, out=tmp_path / "rollouts"
    )
    assert store.array("frames").shape == (1, 6, 64, 64, 3)
    for frame, obs in zip(store.read("frames", 0), arrays["obs"], strict=False):
        cut = Image.fromarray(np.ascontiguousarray(obs[2:82, :100]))
        expected = np.asarray(cut.resize((64, 64), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(frame, expected)


def test_other_content_is_other_provenance(folder, tmp_path):
    one, again, other = (
        imported(where, out=tmp_path / name)[0].provenance
        for name, where in (
            ("one", folder),
            ("again", folder),
            ("other", recorded.write(
                tmp_path / "mine",
                **{n: recorded.episode(t, 100 + t) for n, t in LENGTHS.items()},
            )),
        )
    )  # fmt: skip
    assert one == again != other


def refused(*arguments, out):
    sentence = commands.call_refused("import-rollouts", *arguments, "--out", out)
    assert not list(out.parent.glob("rollouts*"))
    return sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps=8"], "--steps is 8 and the longest episode has 9"),
        (["--crop", 40, 24, 0, 0], "leaves nothing of the frames of"),
        (["--low", -1], "--low has 1 number; an action of these episodes has 2"),
        (["--low", 0, -1, "--high", 1, 1], "a0 of the actions goes from -0.9"),
        (["--low", 1, -1, "--high", 1, 1], "a0 of the actions has the bounds 1 and 1"),
        (["--low", "nan", -1, "--high", 1, 1], "has the bounds nan and 1"),
        (["--low", -1, -1, "--high", "inf", 1], "has the bounds -1 and inf"),
        (["--low", -1, -1, "--high", 1e39, 1], "has the bounds -1 and inf"),
        (["--minari=x/y-v0"], "give folders of npz files, or the name of a --minari"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder, tmp_path, arguments, words):
    assert words in refused(folder, *arguments, out=tmp_path / "rollouts")


def test_one_bad_episode_refuses_all_before_a_store_is_written(folder, tmp_path):
    for change, words in (
        ({"action": np.zeros(4)}, "actions of 1 number, those before it of 2"),
        ({"obs": np.zeros((4, 64, 64, 1), np.uint8)}, "it must be uint8"),
    ):
        bad = recorded.write(tmp_path / "bad", z=recorded.episode(4) | change)
        sentence = refused(folder, bad, out=tmp_path / "rollouts")
        assert str(bad / "z.npz") in sentence
        assert words in sentence


def test_a_folder_with_rollouts_is_left_alone(folder, tmp_path):
    out = tmp_path / "rollouts"
    (store,) = imported(folder, out=out)
    sentence = commands.call_refused("import-rollouts", folder, "--out", out)
    assert f"{out} holds rollouts already" in sentence
    open_artifact(store.path)


@pytest.fixture
def minari(tmp_path, monkeypatch):
    module = pytest.importorskip("minari", reason="pip install --editable '.[minari]'")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return module


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("discrete", [False, True])
def test_a_data_set_of_minari_is_its_episodes(minari, tmp_path, discrete):
    import gymnasium
    from minari.data_collector.episode_buffer import EpisodeBuffer

    box, choice = gymnasium.spaces.Box(-2, 3, (2,)), gymnasium.spaces.Discrete(3)
    rng, lengths = np.random.default_rng(0), (5, 7)
    buffers = [
        EpisodeBuffer(
            id=number,
            observations=list(rng.integers(0, 256, (steps + 1, 64, 64, 3), np.uint8)),
            actions=list(
                rng.integers(0, 3, steps)
                if discrete
                else rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
            ),
            rewards=[1.0] * steps,
            terminations=[False] * (steps - 1) + [number == 1],
            truncations=[False] * (steps - 1) + [number == 0],
        )
        for number, steps in enumerate(lengths)
    ]
    minari.create_dataset_from_buffers(
        "tests/mine-v0",
        buffer=buffers,
        observation_space=gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8),
        action_space=choice if discrete else box,
    )
    (store,) = imported("--minari=tests/mine-v0", out=tmp_path / "rollouts")
    np.testing.assert_array_equal(store.read("length"), lengths)
    kept = minari.load_dataset("tests/mine-v0")  # which has made JPEGs of them
    for number, (buffer, steps) in enumerate(zip(buffers, lengths, strict=True)):
        frames = store.read("frames", number)[:steps]
        np.testing.assert_array_equal(frames, kept[number].observations[:-1])
        actions = np.array(buffer.actions)
        expected = np.eye(3)[actions] if discrete else actions
        np.testing.assert_array_equal(store.read("actions", number)[:steps], expected)
        assert store.read("terminated", number).any() == (number == 1)
    sentence = commands.call_refused(
        "import-rollouts", "--minari=tests/none-v0", "--out", tmp_path / "other"
    )
    assert re.search(
        r"Minari cannot open its data set 'tests/none-v0' \(.*not found", sentence
    )
