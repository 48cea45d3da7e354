"""Stale results: stores that Snakemake takes for what is asked for, and are not.

Snakemake has no place between the plan and the first job where "Nothing to be done"
passes too, so its planning is wrapped. That is private: pyproject.toml bounds Snakemake's
version.
"""

from snakemake.settings.enums import RerunTrigger

from worldmodels.experiment import stale_stores
from worldmodels.experiment.stages import recorded, sections_of

STAGE_OF = {
    "rollouts_shard": "rollouts",
    "train_vision": "vision",
    "encode_shard": "latents",
    "encode_earlier_shard": "latents",
    "train_memory": "memory",
    "evolve_block": "controller",
    "evaluate": "evaluation",
    "pretrained": "export",
}


def asked(job):
    """Return what the store of a job is to be."""
    stage, places = STAGE_OF[job.rule.name], ("round", "shard", "block")
    config = {
        name: int(job.wildcards.get(name))
        for name in places
        if name in job.wildcards.keys()
    }
    if stage != "export":
        run, round = RUNS[job.wildcards.run].config.run, config["round"]
        sections = sections_of(stage, run, settings(job.wildcards.run, round))
        config |= recorded(stage, round, *sections)
    return stale_stores.Asked(
        path=str(job.output[0]),
        made_by=job.rule.name,
        version=version(stage),
        config=config,
        inputs=[str(path) for path in job.input],
    )


def refuse_stale():
    """End where a store that is to stay is not what is asked for.

    What is to be made again may be anything; but `--touch` makes nothing. Who asks for
    `--rerun-triggers mtime` wants to keep what was made with other settings.
    """
    if RerunTrigger.PARAMS not in workflow.rerun_triggers:
        return
    dag = workflow.dag
    stay = [job for job in dag.jobs if workflow.touch or not dag.needrun(job)]
    try:
        stale_stores.refuse(asked(job) for job in stay if job.rule.name in STAGE_OF)
    except UserError as error:
        sys.exit(f"error: {error}")


def planned(plan):
    """Return `plan` with what must be known of its result before a job is run."""

    def build():
        plan()
        if workflow.is_main_process and workflow.executor_plugin:
            refuse_stale()

    return build


workflow._build_dag = planned(workflow._build_dag)
