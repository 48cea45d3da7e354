"""World Models (Ha & Schmidhuber 2018), from nothing to a trained agent and its report.

    snakemake                                     the laptop default (config.yaml)
    snakemake --configfile presets/smoke.yaml     the whole pipeline, tiny
    snakemake vision --configfile FILE …          a target goes before the files
    snakemake -n                                  what would run, and why
    snakemake vision                              up to one stage, in all rounds:
        rollouts, vision, latents, memory, controller, evaluation, report (all)
    snakemake pretrained                          the last round's agent in one store
    snakemake seeds                               the whole once for each of `seeds`, and
        what all these trainings score
    snakemake ablations                           what each part of the system is worth,
        over `seeds`; one ablation alone: ablation_z, ... (rules/ablations.smk)
    snakemake temperatures                        a controller for each of `temperatures`
        and `seeds`, scored in the dream that it learnt in and in the game
    snakemake cells                               LSTM, a larger LSTM and DNC as M's cell,
        over `seeds`, on the same data
    snakemake studies                             the studies beside World Models; one of
        them alone: study_<name> (docs/studies)

Each round: rollouts -> vision -> latents -> memory -> controller -> evaluation; round
N's rollouts are driven by round N-1's controller. The report reads every round.
"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# `exec` puts the stage in the place of its shell. When a cluster stops a job, a shell
# would end at once, and the stage would be killed before it saves its checkpoint.
shell.prefix("set -euo pipefail; exec ")


##### configuration, and what all rules share #####


include: "rules/common.smk"
include: "rules/jobs.smk"


##### the stages of a round, in order #####


include: "rules/rollouts.smk"
include: "rules/vision.smk"
include: "rules/memory.smk"
include: "rules/controller.smk"
include: "rules/evaluation.smk"


##### what is made of all rounds, and comparisons #####


include: "rules/report.smk"
include: "rules/pretrained.smk"
include: "rules/play.smk"
include: "rules/seeds.smk"
include: "rules/ablations.smk"
include: "rules/temperatures.smk"
include: "rules/cells.smk"


##### studies: systems beside World Models, each a module with rules of its own #####


module dnc_tasks:
    snakefile:
        "rules/studies/dnc_tasks.smk"
    config:
        registry.configured("dnc_tasks", CONFIG)


use rule * from dnc_tasks exclude study as dnc_tasks_*


use rule study from dnc_tasks as study_dnc_tasks


module dsprites:
    snakefile:
        "rules/studies/dsprites.smk"
    config:
        registry.configured("dsprites", CONFIG)


use rule * from dsprites exclude study as dsprites_*


use rule study from dsprites as study_dsprites


module mixture_density:
    snakefile:
        "rules/studies/mixture_density.smk"
    config:
        registry.configured("mixture_density", CONFIG)


use rule * from mixture_density exclude study as mixture_density_*


use rule study from mixture_density as study_mixture_density


module evolution:
    snakefile:
        "rules/studies/evolution.smk"
    config:
        registry.configured("evolution", CONFIG)


use rule * from evolution exclude study as evolution_*


use rule study from evolution as study_evolution


module conditional_gan:
    snakefile:
        "rules/studies/conditional_gan.smk"
    config:
        registry.configured("conditional_gan", CONFIG)


use rule * from conditional_gan exclude study as conditional_gan_*


use rule study from conditional_gan as study_conditional_gan


module curiosity:
    snakefile:
        "rules/studies/curiosity.smk"
    config:
        registry.configured("curiosity", CONFIG)


use rule * from curiosity exclude study as curiosity_*


use rule study from curiosity as study_curiosity


module pommerman:
    snakefile:
        "rules/studies/pommerman.smk"
    config:
        registry.configured("pommerman", CONFIG)


use rule * from pommerman exclude study as pommerman_*


use rule study from pommerman as study_pommerman


rule studies:
    """All studies, each with its own page, below results/studies/."""
    input:
        [
            path
            for name in registry.STUDIES
            for path in getattr(rules, f"study_{name}").input
        ],


##### refusal of results that other settings made #####


include: "rules/stale.smk"


##### targets #####


rule all:
    """Everything, ending with the report."""
    default_target: True
    input:
        rules.report.output,


rule rollouts:
    """The episodes of all rounds."""
    input:
        [paths.rollouts(MAIN, round) for round in ROUNDS],


rule vision:
    """V of all rounds."""
    input:
        [paths.vision(MAIN, round) for round in ROUNDS],


rule latents:
    """The latents of all rounds."""
    input:
        [paths.memory_data(MAIN, round) for round in ROUNDS],


rule memory:
    """M of all rounds."""
    input:
        [paths.memory(MAIN, round) for round in ROUNDS],


rule controller:
    """C of all rounds: every block of generations."""
    input:
        [paths.blocks(MAIN, round) for round in ROUNDS],


rule evaluation:
    """The score on unseen tracks of all rounds' agents that are scored."""
    input:
        [paths.evaluation(MAIN, round) for round in paths.scored_rounds(MAIN)],


##### at the end #####


onsuccess:
    for job in workflow.dag.jobs:
        # With --touch the summary may be missing.
        if job.output.get("summary") and Path(job.output.summary).exists():
            print(Path(job.output.summary).read_text(), flush=True)
    # Not at once when a store is published: Snakemake may yet delete the store.
    for checkpoint in get_spent_checkpoints(workflow.dag.jobs):
        checkpoint.unlink(missing_ok=True)
