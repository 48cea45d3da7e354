"""Stale results: stores that Snakemake would keep, but that other settings made.

They are refused after the plan is made and before the first job, even when the plan is
"Nothing to be done". Snakemake has no hook there, so its planning is wrapped. That
method of it is private: pyproject.toml bounds Snakemake's version.
"""

from snakemake.settings.enums import RerunTrigger

from worldmodels.experiment.stages import before, recorded, sections_of

# The stage of each rule that makes a store.
STAGE_OF = {
    name: stage
    for stage in (*CONFIGURED, "export", "forecast")
    for name in STAGES[stage].rules
}


def get_expected(job):
    """Return what the store of a job must record to be current."""
    stage, places = STAGE_OF[job.rule.name], ("round", "shard", "block")
    config = {
        name: int(job.wildcards.get(name))
        for name in places
        if name in job.wildcards.keys()
    }
    if stage in CONFIGURED:
        run, round = get_place(job.wildcards)
        sections = sections_of(stage, run.config.run, run.settings(round))
        config |= recorded(stage, round, *sections)
    return stale_stores.Expected(
        path=str(job.output[0]),
        made_by=job.rule.name,
        version=get_version(stage),
        config=config,
        inputs=[str(path) for path in job.input],
        before=before(stage),
    )


def refuse_stale():
    """End with one sentence where a store that stays records other settings.

    A store that is made again may record anything; `--touch` makes none again. With
    `--rerun-triggers mtime` all stores pass: it asks to keep what other settings made.
    """
    if RerunTrigger.PARAMS not in workflow.rerun_triggers:
        return
    dag = workflow.dag
    stay = [job for job in dag.jobs if workflow.touch or not dag.needrun(job)]
    try:
        stale_stores.refuse(
            get_expected(job) for job in stay if job.rule.name in STAGE_OF
        )
    except UserError as error:
        sys.exit(f"error: {error}")


def check_after(build_dag):
    """Return Snakemake's planning with a check for stale stores at its end."""

    def build():
        build_dag()
        if workflow.is_main_process and workflow.executor_plugin:
            refuse_stale()

    return build


workflow._build_dag = check_after(workflow._build_dag)
