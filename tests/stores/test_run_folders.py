"""A run's folder: which trainings it holds, and what is no run."""

import json
import shutil

import pytest
from support.compared_runs import SETTINGS, make_run

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.stores.run_folders import labels, open_run_folder

SCORES = [1.0, 2.0, 3.0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that has one round: only copy it."""
    return make_run(tmp_path_factory.mktemp("made"), SCORES)


@pytest.fixture
def run(made, tmp_path):
    """The same, to change."""
    return shutil.copytree(made, tmp_path / "run")


def seeds_of(folder) -> list[int | None]:
    return [seed.seed for seed in open_run_folder(folder).seeds]


def test_a_runs_seeds_are_its_own_and_those_that_were_scored(run):
    make_run(run / "seeds/seed-2", SCORES, seed=2)
    make_run(run / "seeds/seed-7", seed=7, kinds=["vision"])
    found = open_run_folder(run)
    assert [seed.seed for seed in found.seeds] == [0, 2]
    assert found.unscored == (run / "seeds/seed-7",)
    assert {*found.evaluations(0)} == {0, 2}
    assert seeds_of(run / "seeds/seed-2") == [2]
    shutil.rmtree(run / "round-0")
    shutil.rmtree(run / "seeds/seed-2/round-0/evaluation.zarr")
    with pytest.raises(UserError, match="has an evaluation yet; finish one"):
        open_run_folder(run)


@pytest.mark.parametrize("below", ["", "seeds/"])
def test_a_folder_of_seeds_alone_is_a_run(tmp_path, below):
    for seed in (0, 1):
        make_run(
            tmp_path / f"z/{below}seed-{seed}", SCORES, seed=seed, kinds=["evaluation"]
        )
    assert seeds_of(tmp_path / "z") == [0, 1]


def test_two_trainings_of_one_seed_are_refused(made, run):
    shutil.copytree(made, run / "seeds/seed-0")
    with pytest.raises(UserError, match="both trainings of seed 0; give one"):
        open_run_folder(run)


def test_rounds_that_are_begun_and_rounds_that_were_scored(run):
    make_run(run, round=2, kinds=["vision"])
    (run / "round-10").mkdir()
    found = open_run_folder(run)
    assert found.rounds == [0, 2]
    assert found.scored == [0]


def test_v_and_m_are_found_in_the_folder_of_another_training(made, tmp_path):
    base = shutil.copytree(made, tmp_path / "ablations/baseline/seed-0")
    place = tmp_path / "ablations/z/seed-0"
    shutil.copytree(base, place)
    for name in ("vision", "memory"):
        shutil.rmtree(place / f"round-0/{name}.zarr")
    (seed,) = open_run_folder(place).seeds
    memory = base / "round-0/memory.zarr"
    assert seed.one(0, "memory").path == memory
    assert seed.lent == {
        json.loads((base / f"round-0/{n}.zarr/zarr.json").read_text())["attributes"][
            "provenance"
        ]
        for n in ("vision", "memory")
    }


def test_generations_that_were_not_chosen_from_are_left_out(run, tmp_path):
    """Those of a time when more were asked for."""
    make_run(tmp_path / "long", blocks=2)
    old = "round-0/controller/block-0001.zarr"
    shutil.copytree(tmp_path / "long" / old, run / old)
    (seed,) = open_run_folder(run).seeds
    assert len([*seed.stores("controller")]) == 1
    shutil.rmtree(run / "round-0/evaluation.zarr")  # both are of one search
    (seed,) = open_run_folder(run).seeds
    assert len([*seed.stores("controller")]) == 2
    other = make_run(
        tmp_path / "other", settings=SETTINGS.changed(controller={"sigma": 0.3})
    )
    first = "round-0/controller/block-0000.zarr"
    shutil.rmtree(run / first)
    shutil.copytree(other / first, run / first)
    (seed,) = open_run_folder(run).seeds
    assert [s.path for s in seed.stores("controller")] == [run / first]


def test_generations_of_a_round_without_a_score_are_those_that_it_handed_on(tmp_path):
    kinds = ("vision", "memory", "controller")
    run = make_run(tmp_path / "run", kinds=kinds, blocks=2)
    first = open_artifact(run / "round-0/controller/block-0000.zarr")
    make_run(run, SCORES, round=1, start=[first])
    (seed,) = open_run_folder(run).seeds
    assert [s.path for s in seed.rounds[0]["controller"]] == [first.path]


@pytest.mark.parametrize("lost", ["vision.zarr", "controller/block-0000.zarr"])
def test_a_run_that_is_being_made_anew_is_refused(run, tmp_path, lost):
    settings = SETTINGS.changed(vision={"epochs": 7}, controller={"sigma": 0.3})
    make_run(tmp_path / "new", settings=settings)
    shutil.rmtree(run / "round-0" / lost)
    shutil.copytree(tmp_path / "new/round-0" / lost, run / "round-0" / lost)
    with pytest.raises(UserError, match="being made anew; finish it with"):
        open_run_folder(run)


def test_what_is_no_run_is_refused(run, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty/round-0").mkdir(parents=True)
    for given, words in (
        (tmp_path / "gone", "does not exist; give the folder of a run"),
        (tmp_path / "file", "is a file"),
        (tmp_path, "holds no rounds of a run"),
        (tmp_path / "empty", "holds no store yet"),
        (run / "round-0", f"is one round of a run; give the folder of the run, {run}"),
        (run / "round-0/vision.zarr", "is a vision store and runs are compared"),
    ):
        with pytest.raises(UserError, match=words) as raised:
            open_run_folder(given)
        assert str(raised.value).startswith(str(given))


def test_an_agents_store_is_refused(tmp_path):
    (tmp_path / "zarr.json").write_text('{"attributes": {"kind": "agent"}}')
    with pytest.raises(UserError, match="that it was exported from"):
        open_run_folder(tmp_path)


def test_a_damaged_store_is_refused(run):
    (run / "round-0/evaluation.zarr/agent/returns/c.0").unlink()
    with pytest.raises(ArtifactError, match="chunks are missing or truncated"):
        open_run_folder(run)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["r/a", "r/b"], ["a", "b"]),
        (["x/r/a", "y/r/a"], ["x", "y"]),
        (["x/r/a", "y/r/a", "r/b"], ["x", "y", "b"]),
        (["x/r/a", "y/r/a", "x/r/b"], ["x/r/a", "y", "b"]),
        (["a", "a/seeds/seed-3"], ["a", "seed-3"]),
        (["a/seeds/seed-3", "b/seeds/seed-3"], ["a", "b"]),
        (["./a/../b", "a"], ["b", "a"]),
    ],
)
def test_a_run_is_named_by_what_tells_it_from_the_others(tmp_path, given, names):
    (tmp_path / "a").mkdir()
    assert labels([tmp_path / path for path in given]) == names


def test_a_run_that_is_given_twice_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(UserError, match=r"link is given twice"):
        labels([tmp_path / "a", tmp_path / "link"])
