"""Seeds: the experiment trained once for each, and what all these trainings score.

The training of the experiment's own seed is the experiment itself. Each other lies in
seeds/seed-<seed>, a folder as the experiment's own.
"""


rule seeds:
    """What the experiment scores over its seeds: seeds/index.html and seeds/table.txt."""
    input:
        get_seed_stores,
    output:
        page=f"{RESULTS}/seeds/index.html",
        summary=f"{RESULTS}/seeds/table.txt",
        data=f"{RESULTS}/seeds/table.json",
    log:
        f"{RESULTS}/logs/seeds.log",
    benchmark:
        f"{RESULTS}/benchmarks/seeds.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000, CONFIG.site.max_mem_mb),
        runtime=growing(20, CONFIG.site.max_minutes),
    params:
        seeds=get_seed_options(),
        version=get_version("seeds"),
    shell:
        "worldmodels seeds {params.seeds} --out {output.page:q} --log {log:q}"
