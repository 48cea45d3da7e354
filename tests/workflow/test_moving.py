"""A finished run that is moved: nothing is made again, and nothing stale passes.

The stub's stores are given what the real stages would record of their command lines.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import described
from support.projects import CONFIG, planned, with_stub

REPORT = Path("results/small/report")
STORES = 19  # of the small run
OF_ANY_SEED = 1  # the scores of the random policy


@pytest.fixture(scope="module")
def finished_copy(tmp_path_factory):
    """A project with all its stores, which say what they are and hold nothing else."""
    folder = with_stub(tmp_path_factory.mktemp("described")).folder
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        described.make(planned(folder, CONFIG).jobs)
        planned(folder, CONFIG, "touch", dag={"forceall": True})
    assert len(list(folder.rglob("zarr.json"))) == STORES
    return folder


@pytest.fixture
def moved(finished_copy, tmp_path, monkeypatch):
    """Return a function that copies the project with a command and goes there."""

    def copy(*command: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        filled = [word.format(here=finished_copy, there=folder) for word in command]
        subprocess.run(filled, check=True)
        monkeypatch.chdir(folder)
        return folder

    return copy


ARCHIVED = ("cp", "-a", "{here}/.", "{there}")
PLAIN = ("cp", "-r", "{here}/.", "{there}")
WITHOUT_DOTS = (
    "sh", "-c", "cd {here} && tar c --exclude='.*' * | tar x -C {there}",
)  # fmt: skip


def to_run(dag) -> set[str]:
    return {str(job.output[0]) for job in dag.jobs if dag.needrun(job) and job.output}


def refusal(*arguments, **more) -> str:
    """Return the sentence that a plan ends with."""
    with pytest.raises(SystemExit) as ended:
        planned(*arguments, **more)
    assert "\n" not in ended.value.code
    return ended.value.code


def test_a_copy_with_its_times_has_nothing_to_do(moved):
    assert to_run(planned(moved(*ARCHIVED), CONFIG)) == set()


def test_touch_makes_a_plain_copy_current_and_may_lack_the_report(moved):
    folder = moved(*PLAIN)
    shutil.rmtree(REPORT)
    planned(folder, CONFIG, "touch")
    assert to_run(planned(folder, CONFIG)) == {str(REPORT / "index.html")}


def test_a_copy_without_dot_files_is_checked_by_what_its_stores_record(moved):
    folder = moved(*WITHOUT_DOTS)
    assert not list(folder.rglob(".snakemake*"))
    assert to_run(planned(folder, CONFIG)) == set()
    sentence = refusal(folder, CONFIG | {"seed": 1})
    first = "results/small/round-0/controller/block-0000.zarr"
    assert f"for: {first} (seed is 0 there and 1 here), " in sentence
    # Latents and random scores depend on no seed; three of the 14 others are named.
    assert ", 11 more; delete it, or give --forcerun " in sentence


def test_what_is_made_again_anyway_may_be_anything(moved):
    folder = moved(*WITHOUT_DOTS)
    forced = {"forcerun": {"rollouts_shard"}}
    made = to_run(planned(folder, CONFIG | {"seed": 1}, dag=forced))
    assert len(made) == STORES - OF_ANY_SEED + 1


def test_more_of_something_is_asked_for_than_was_there(moved):
    """Snakemake does not miss the new block: the evaluation is newer than the old."""
    folder = moved(*WITHOUT_DOTS)
    more = CONFIG | {"controller": CONFIG["controller"] | {"generations": 6}}
    sentence = refusal(folder, more)
    assert "evaluation.zarr (it was made from 5 stores, 6 are asked for)" in sentence
    assert "--forcerun" in sentence
    forced = {"forcerun": {"evaluate", "rollouts_shard"}}
    made = to_run(planned(folder, more, dag=forced))
    assert "results/small/round-0/controller/block-0002.zarr" in made


def test_only_what_the_target_needs_is_looked_at(moved):
    folder = moved(*WITHOUT_DOTS)
    other = CONFIG | {"evaluation": {"episodes": 7}}
    assert to_run(planned(folder, other, dag={"targets": {"controller"}})) == set()
    assert "episodes is 32 there and 7 here" in refusal(folder, other)


def test_touch_lets_nothing_stale_pass(moved):
    """Also where Snakemake's own notes are there, which it would set anew."""
    folder = moved(*ARCHIVED)
    other = CONFIG | {"seed": 1}
    assert "seed is 0 there" in refusal(folder, other, "touch")
    assert to_run(planned(folder, CONFIG)) == set()
    assert len(to_run(planned(folder, other))) == STORES - OF_ANY_SEED + 1
