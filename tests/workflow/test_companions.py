"""The report is made again with each page of cells and studies, and asks for none."""

import pytest
from support import described
from support.projects import CONFIG, planned, with_stub

STUDY = "results/studies/dnc_tasks/laptop"


@pytest.fixture
def done(tmp_path, monkeypatch):
    """A project that is finished, without any other page."""
    folder = with_stub(tmp_path).folder
    monkeypatch.chdir(folder)
    described.make(planned(folder, CONFIG).jobs)
    planned(folder, CONFIG, "touch", dag={"forceall": True})
    return folder


def jobs(folder, executor="dryrun"):
    """Return the jobs that run, by the names of their rules."""
    dag = planned(folder, CONFIG, executor)
    return {job.rule.name: job for job in dag.jobs if dag.needrun(job) and job.output}


def build(folder, place, table="{}"):
    (folder / place).mkdir(parents=True, exist_ok=True)
    for name in ("index.html", "table.txt", "table.json"):
        (folder / place / name).write_text(table)


def test_the_report_is_made_again_when_a_page_was_built_or_built_anew(done):
    assert jobs(done) == {}
    new = [("results/small/cells", "{}"), (STUDY, "{}"), (STUDY, '{"new": 1}')]
    for place, table in new:
        build(done, place, table)
        found = jobs(done, "touch")
        assert [*found] == ["report"]
        assert place in found["report"].shellcmd
        assert not any(place in path for path in found["report"].input)
    assert jobs(done) == {}


def test_a_page_to_play_in_is_linked_once_it_is_there(done):
    (done / "results/small/play.html").write_text("played")
    found = jobs(done, "touch")
    assert [*found] == ["report"]
    assert "--play results/small/play.html" in found["report"].shellcmd
    assert jobs(done) == {}


def test_a_report_without_such_pages_has_the_params_of_earlier_versions(project):
    plan = planned(project.folder, CONFIG)
    (report,) = (job for job in plan.jobs if job.rule.name == "report")
    assert report.non_derived_params == [report.params.version]
    assert "--beside" not in report.shellcmd
    assert "--play" not in report.shellcmd
