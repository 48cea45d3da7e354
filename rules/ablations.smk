"""Ablations: the system with one change each, beside the baseline, over several seeds.

Each training is a run of its own in ablations/<name>/seed-<seed>, but what it would make
just as the baseline does it takes from there (see `used` in common.smk).
"""

from worldmodels.experiment.ablations import ABLATIONS, folder

# Each target makes a table, of every ablation or of one: its folder, and which.
TABLES = {"ablations": (f"{RESULTS}/ablations", list(ABLATIONS))} | {
    f"ablation_{name}": (f"{RESULTS}/ablations/{name}", [name]) for name in ABLATIONS
}


def trained(name):
    """Return the evaluations of an ablation's trainings."""
    runs = [folder(EXPERIMENT, name, seed) for seed in CONFIG.ablation_seeds]
    return expand(EVALUATION, run=runs, round=0)


def compared(names):
    """Return the params function that gives evaluations by their ablation's name."""
    return lambda wildcards: " ".join(
        f"--ablation {name} {listed(trained(name))}" for name in names
    )


for target, (place, names) in TABLES.items():

    rule:
        name:
            target
        input:
            [trained(name) for name in names],
        output:
            summary=f"{place}/table.txt",
            data=f"{place}/table.json",
        log:
            f"{RESULTS}/logs/{target}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{target}.tsv"
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=growing(1000, CONFIG.site.max_mem_mb),
            runtime=growing(10, CONFIG.site.max_minutes),
        params:
            ablations=compared(names),
            version=version("ablations"),
        shell:
            "worldmodels ablations {params.ablations} --out {output.summary:q}"
            " --log {log:q}"
