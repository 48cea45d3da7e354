"""Ablations: the system with one change each, beside the baseline, over several seeds.

Each seed of an ablation is a run of its own, in ablations/<name>/seed-<seed>. What it
would make just as the baseline does, it uses from there.
"""

# The table of each target: its folder, and the ablations in it.
TABLES = {"ablations": (f"{RESULTS}/ablations", list(ablations.ABLATIONS))} | {
    f"ablation_{name}": (f"{RESULTS}/ablations/{name}", [name])
    for name in ablations.ABLATIONS
}

for target, (place, names) in TABLES.items():

    rule:
        name:
            target
        input:
            [ablations.evaluations(CONFIG, name) for name in names],
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
            ablations=get_ablation_options(names),
            version=get_version("ablations"),
        shell:
            "worldmodels ablations {params.ablations} --out {output.summary:q}"
            " --log {log:q}"
