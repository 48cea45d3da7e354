"""Ablations: the experiment with one change each, beside itself, over all its seeds.

Each seed of an ablation is a run of its own, in ablations/<name>/seed-<seed>. What it
would make just as the experiment does with that seed, it uses from there.
"""

# The table of each target: its folder, and the ablations in it.
TABLES = {
    "ablations": (
        f"{RESULTS}/ablations",
        [ablations.BASELINE, *ablations.names(CONFIG)],
    )
} | {
    f"ablation_{name}": (f"{RESULTS}/ablations/{name}", [name])
    for name in ablations.ABLATIONS
}

for target, (place, names) in TABLES.items():

    rule:
        name:
            target
        input:
            get_ablation_scores(names),
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
