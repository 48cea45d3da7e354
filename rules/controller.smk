"""Controller: C, evolved by CMA-ES in blocks of generations, each from the one before."""


rule evolve_block:
    input:
        vision=used("vision", VISION),
        memory=used("memory", MEMORY),
        latents=dream_starts,
        previous=previous_block,
        start=start_blocks,
    output:
        directory(BLOCK),
    log:
        f"{LOGS}/controller-{{block}}.log",
    benchmark:
        f"{BENCHMARKS}/controller-{{block}}.tsv"
    conda:
        CONDA
    threads: learning_cores
    resources:
        mem_mb=memory_of("controller"),
        runtime=minutes_of("controller"),
        gpu=0,
    params:
        given=options("latents", "previous", "start"),
        # One for all blocks: the last of a block stays until the next has used its store.
        # With "input" Snakemake does not compare it with where earlier versions of the
        # workflow had one a block; it would make their blocks anew.
        checkpoint=lambda wildcards, input: (
            f"{CHECKPOINTS}/controller.ckpt".format(**wildcards)
        ),
        before=f"{CHECKPOINTS}/controller-{{block}}.ckpt",
        settings=settings_json("controller"),
        version=version("controller"),
    shell:
        "worldmodels controller --round {wildcards.round} --block {wildcards.block}"
        " --workers {threads} --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
