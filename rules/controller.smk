"""Controller: C, evolved in blocks of generations, each from the block before."""


rule evolve_block:
    input:
        vision=get_vision,
        memory=get_memory,
        latents=get_search_latents,
        previous=get_previous_block,
        start=get_controller_start,
    output:
        directory(paths.BLOCK),
    log:
        f"{paths.LOGS}/controller-{{block}}.log",
    benchmark:
        f"{paths.BENCHMARKS}/controller-{{block}}.tsv"
    conda:
        CONDA
    threads: get_cores("controller")
    resources:
        mem_mb=get_megabytes("controller"),
        runtime=get_minutes("controller"),
        gpu=0,
    params:
        given=get_options("latents", "previous", "start"),
        # All blocks share one checkpoint, which stays until the next block has used the
        # store of this one. Earlier versions of the workflow had one a block, `before`.
        # Snakemake does not compare a param that takes `input`; else it would make the
        # blocks of those versions again.
        checkpoint=lambda wildcards, input: (
            f"{paths.CHECKPOINTS}/controller.ckpt".format(**wildcards)
        ),
        before=f"{paths.CHECKPOINTS}/controller-{{block}}.ckpt",
        settings=get_settings("controller"),
        compared=get_compared("controller"),
        version=get_version("controller"),
    shell:
        "worldmodels controller --round {wildcards.round} --block {wildcards.block}"
        " --workers {threads} --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
