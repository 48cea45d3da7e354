"""Temperatures: a controller for each learns in the dream and is scored there and awake.

V, M and the latents are the experiment's own, of its last round; so is the controller
that learns in the very same way (see `used` in common.smk).
"""


rule temperatures:
    """What the controller of each temperature scores: temperatures/table.txt."""
    input:
        swept,
    output:
        summary=f"{RESULTS}/temperatures/table.txt",
        data=f"{RESULTS}/temperatures/table.json",
    log:
        f"{RESULTS}/logs/temperatures.log",
    benchmark:
        f"{RESULTS}/benchmarks/temperatures.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(1000, CONFIG.site.max_mem_mb),
        runtime=growing(10, CONFIG.site.max_minutes),
    params:
        stores=lambda wildcards, input: listed(input),
        version=version("temperatures"),
    shell:
        "worldmodels temperatures {params.stores} --out {output.summary:q} --log {log:q}"
