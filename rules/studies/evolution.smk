"""The study evolution: what CMA-ES finds, and when.

A module: it sees its own settings, `studies: {evolution: ...}`, as `config`.
"""

from worldmodels.experiment.site import growing
from worldmodels.studies.evolution.steps import FILMS, STUDY

SETTINGS = STUDY.load(config)
FOLDER = STUDY.results(SETTINGS)
PAGE = {
    "page": f"{FOLDER}/index.html",
    "summary": f"{FOLDER}/table.txt",  # printed at the end
    "data": f"{FOLDER}/table.json",
}
SEARCHED = ("rates", "beside", "restarted", "trace")
CONDA = "../../envs/cpu.yaml"


wildcard_constraints:
    step="|".join(SEARCHED),
    case="|".join(FILMS),


rule search:
    """All searches of one kind."""
    output:
        directory(f"{FOLDER}/{{step}}.zarr"),
    log:
        f"{FOLDER}/logs/{{step}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/{{step}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        settings=lambda wildcards: STUDY.as_json(wildcards.step, SETTINGS),
        version=lambda wildcards: STUDY.steps[wildcards.step].version,
    shell:
        "worldmodels study evolution {wildcards.step} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule film:
    """One search, generation by generation."""
    input:
        f"{FOLDER}/trace.zarr",
    output:
        f"{FOLDER}/{{case}}.gif",
    log:
        f"{FOLDER}/logs/film-{{case}}.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        version=STUDY.steps["film"].version,
    shell:
        "worldmodels study evolution film --trace {input:q} --case {wildcards.case}"
        " --out {output:q} --log {log:q}"


rule compare:
    """The page and the tables of all searches."""
    input:
        rates=f"{FOLDER}/rates.zarr",
        beside=f"{FOLDER}/beside.zarr",
        restarted=f"{FOLDER}/restarted.zarr",
        films=expand(f"{FOLDER}/{{case}}.gif", case=FILMS),
    output:
        **PAGE,
    log:
        f"{FOLDER}/logs/compare.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        version=STUDY.steps["compare"].version,
    shell:
        "worldmodels study evolution compare --rates {input.rates:q}"
        " --beside {input.beside:q} --restarted {input.restarted:q}"
        " --films {input.films:q} --out {output.page:q} --log {log:q}"


rule study:
    """The study of this variant."""
    input:
        PAGE.values(),
