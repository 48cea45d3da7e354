"""Pretrained: the agent of the last round in one small store, for others to use."""


rule pretrained:
    """The agent of the last round in one store that needs no other: pretrained.zarr."""
    input:
        vision=paths.vision(MAIN, LAST),
        memory=paths.memory(MAIN, LAST),
        controller=paths.blocks(MAIN, LAST),
        latents=paths.dream_starts(MAIN, LAST),
    output:
        directory(paths.PRETRAINED.format(run=EXPERIMENT)),
    log:
        f"{RESULTS}/logs/pretrained.log",
    benchmark:
        f"{RESULTS}/benchmarks/pretrained.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000, CONFIG.site.max_mem_mb),
        runtime=growing(10, CONFIG.site.max_minutes),
    params:
        given=get_options("controller", "latents"),
        version=get_version("export"),
    shell:
        "worldmodels export --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --out {output:q} --log {log:q}"
