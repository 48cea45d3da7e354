"""Study dnc_tasks: a DNC and LSTMs learn to copy, to add and to sort."""

from worldmodels.experiment.site import growing
from worldmodels.studies.dnc_tasks.settings import MODELS, TASKS
from worldmodels.studies.dnc_tasks.steps import STUDY, training_settings

SETTINGS = STUDY.load(config)
RESULTS = STUDY.results(SETTINGS)
TRAINING = f"{RESULTS}/{{task}}/{{model}}-{{seed}}.zarr"
TRACE = f"{RESULTS}/{{task}}/trace.zarr"
CONDA = "../../envs/cpu.yaml"
PAGE = {
    "page": f"{RESULTS}/index.html",
    "summary": f"{RESULTS}/table.txt",
    "data": f"{RESULTS}/table.json",
}


wildcard_constraints:
    task="|".join(TASKS),
    model="|".join(MODELS),
    seed=r"\d+",


rule train:
    output:
        directory(TRAINING),
    log:
        f"{RESULTS}/logs/{{task}}-{{model}}-{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{task}}-{{model}}-{{seed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        checkpoint=f"{RESULTS}/checkpoints/{{task}}-{{model}}-{{seed}}.ckpt",
        settings=lambda wildcards: training_settings(
            SETTINGS, wildcards.task, wildcards.model
        ),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study dnc_tasks train --task {wildcards.task}"
        " --model {wildcards.model} --seed {wildcards.seed}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule trace:
    """What the memory of the first seed's DNC does."""
    input:
        expand(TRAINING, model="dnc", seed=SETTINGS.seeds[0], allow_missing=True),
    output:
        directory(TRACE),
    log:
        f"{RESULTS}/logs/{{task}}-trace.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        version=STUDY.steps["trace"].version,
    shell:
        "worldmodels study dnc_tasks trace --training {input:q} --out {output:q}"
        " --log {log:q}"


rule compare:
    """The page and the tables of all trainings."""
    input:
        trainings=expand(TRAINING, task=TASKS, model=MODELS, seed=SETTINGS.seeds),
        traces=expand(TRACE, task=TASKS),
    output:
        **PAGE,
    log:
        f"{RESULTS}/logs/compare.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        version=STUDY.steps["compare"].version,
    shell:
        "worldmodels study dnc_tasks compare --trainings {input.trainings:q}"
        " --traces {input.traces:q} --out {output.page:q} --log {log:q}"


rule study:
    """The study of this variant."""
    input:
        PAGE.values(),
