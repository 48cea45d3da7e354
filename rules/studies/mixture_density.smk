"""Study mixture_density: what squared error learns of several right y, and a mixture."""

from worldmodels.experiment.site import growing
from worldmodels.studies.mixture_density.settings import FIGURES, SQUARED, TOYS
from worldmodels.studies.mixture_density.steps import STUDY, training_settings

SETTINGS = STUDY.load(config)
RESULTS = STUDY.results(SETTINGS)
TRAINING = f"{RESULTS}/{{toy}}/mixtures-{{mixtures}}.zarr"
CONDA = "../../envs/cpu.yaml"
PAGE = {
    "page": f"{RESULTS}/index.html",
    "summary": f"{RESULTS}/table.txt",  # printed at the end
    "data": f"{RESULTS}/table.json",
    "figures": expand(f"{RESULTS}/figures/{{name}}.svg", name=FIGURES),
}


wildcard_constraints:
    toy="|".join(TOYS),
    mixtures=r"\d+",


rule train:
    """One network, of all seeds; of 0 mixtures: by squared error."""
    output:
        directory(TRAINING),
    log:
        f"{RESULTS}/logs/{{toy}}-mixtures-{{mixtures}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{toy}}-mixtures-{{mixtures}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(20, 0, attempt),
    params:
        checkpoint=f"{RESULTS}/checkpoints/{{toy}}-mixtures-{{mixtures}}.ckpt",
        settings=lambda wildcards: training_settings(SETTINGS, wildcards.toy),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study mixture_density train --toy {wildcards.toy}"
        " --mixtures {wildcards.mixtures} --checkpoint {params.checkpoint:q}"
        " --out {output:q} --log {log:q} --settings {params.settings:q}"


rule compare:
    """The page, the figures and the tables of all networks."""
    input:
        expand(TRAINING, toy=TOYS, mixtures=[SQUARED, *SETTINGS.mixtures]),
    output:
        **PAGE,
    log:
        f"{RESULTS}/logs/compare.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(20, 0, attempt),
    params:
        settings=STUDY.as_json("compare", SETTINGS),
        version=STUDY.steps["compare"].version,
    shell:
        "worldmodels study mixture_density compare --trainings {input:q}"
        " --out {output.page:q} --log {log:q} --settings {params.settings:q}"


rule study:
    """The study of this variant."""
    input:
        PAGE["page"],
        PAGE["summary"],
        PAGE["data"],
        PAGE["figures"],
