"""What jobs ask for: the cores of each stage, and the episodes that it reads."""

import pytest

from worldmodels.experiment import jobs
from worldmodels.experiment.config import load
from worldmodels.experiment.needs import Data
from worldmodels.experiment.runs import main_run
from worldmodels.runtime.errors import UserError

CONFIG = {
    "experiment": "small",
    "environment": {"slots": 5},
    "rollouts": {"episodes": 100, "episodes_per_shard": 50, "steps": 300},
    "memory": {"batch_size": 2, "reward_head": True},
    "rounds": [{}, {"rollouts": {"episodes": 20, "episodes_per_shard": 10}}],
}
GYMNASIUM = {"environment": {"slots": 5, "backend": "gymnasium"}}
DREAM = {"controller": {"train_in": "dream"}}


@pytest.mark.parametrize(
    ("change", "rollouts", "controller"),
    [({}, 64, 64), (GYMNASIUM, 5, 5), (GYMNASIUM | DREAM, 5, 64), (DREAM, 64, 64)],
)
def test_cars_and_dreams_take_the_whole_machine_and_gymnasium_its_slots(
    change, rollouts, controller
):
    settings = load(CONFIG | change).rounds[0]
    found = {
        stage: jobs.cores(stage, settings, machine=64)
        for stage in (
            "rollouts",
            "controller",
            "random",
            "evaluation",
            "vision",
            "report",
        )
    }
    assert found == {
        "rollouts": rollouts, "controller": controller, "random": 5,
        "evaluation": 5, "vision": 2, "report": 2,
    }  # fmt: skip
    # A cluster's driver does not know the node that a job will run on.
    assert jobs.cores("rollouts", settings, machine=None) == 5
    assert jobs.cores("controller", settings, machine=None) == 5


def test_a_stage_reads_the_rounds_that_it_learns_from_and_a_shard_is_read_alone():
    run = main_run(load(CONFIG))
    assert jobs.data("memory", run, 1) == Data(20, 300, 300)
    assert jobs.data("latents", run, 0) == Data(50, 300, 300)
    assert jobs.data("rollouts", run, 1) == Data(10, 300, 300)
    assert jobs.data("report", run, 1) == Data(120, 300, 300)
    accumulates = CONFIG["rollouts"] | {"accumulate": True}
    run = main_run(load(CONFIG | {"rollouts": accumulates}))
    assert jobs.data("memory", run, 1) == Data(120, 300, 300)
    assert jobs.data("memory", run, 0) == Data(100, 300, 300)
    assert jobs.data("latents", run, 1) == Data(10, 300, 300)


def test_a_job_that_cannot_end_names_its_run_and_round():
    config = load(CONFIG | {"site": {"max_mem_mb": 300}})
    with pytest.raises(UserError, match=r"^small, round 1: vision needs about "):
        jobs.check(main_run(config), 1, {"vision": 2}, config.site)
    jobs.check(main_run(config), 1, {"vision": 2}, load(CONFIG).site)
