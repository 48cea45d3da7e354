"""Pretrained: the agent of the last round in one small store, to be shipped."""


rule pretrained:
    """The agent of the last round, to drive without anything else: pretrained.zarr."""
    input:
        vision=VISION.format(run=EXPERIMENT, round=ROUNDS[-1]),
        memory=MEMORY.format(run=EXPERIMENT, round=ROUNDS[-1]),
        controller=blocks(EXPERIMENT, ROUNDS[-1]),
        latents=dream_latents(EXPERIMENT, ROUNDS[-1]),
    output:
        directory(PRETRAINED),
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
        given=options("controller", "latents"),
        version=version("export"),
    shell:
        "worldmodels export --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --out {output:q} --log {log:q}"
