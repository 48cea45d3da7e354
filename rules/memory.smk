"""Memory: the latents of every frame, encoded by V, and M, trained on their sequences."""


rule encode_shard:
    input:
        vision=paths.VISION,
        rollouts=paths.ROLLOUTS,
    output:
        directory(paths.LATENTS),
    log:
        f"{paths.LOGS}/latents-{{shard}}.log",
    benchmark:
        f"{paths.BENCHMARKS}/latents-{{shard}}.tsv"
    conda:
        CONDA
    threads: get_cores("latents")
    resources:
        mem_mb=get_megabytes("latents"),
        runtime=get_minutes("latents"),
        gpu=0,
    params:
        settings=get_settings("latents"),
        compared=get_compared("latents"),
        version=get_version("latents"),
    shell:
        "worldmodels latents --round {wildcards.round} --vision {input.vision:q}"
        " --rollouts {input.rollouts:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


use rule encode_shard as encode_earlier_shard with:
    input:
        vision=paths.VISION,
        rollouts=get_earlier_rollouts,
    output:
        directory(paths.EARLIER_LATENTS),
    log:
        f"{paths.LOGS}/latents-round-{{source}}-{{shard}}.log",
    benchmark:
        f"{paths.BENCHMARKS}/latents-round-{{source}}-{{shard}}.tsv"


rule train_memory:
    input:
        latents=get_memory_data,
        start=get_memory_start,
    output:
        directory(paths.MEMORY),
    log:
        f"{paths.LOGS}/memory.log",
    benchmark:
        f"{paths.BENCHMARKS}/memory.tsv"
    conda:
        CONDA
    threads: get_cores("memory")
    resources:
        mem_mb=get_megabytes("memory"),
        runtime=get_minutes("memory"),
        gpu=0,
    params:
        given=get_options("latents", "start"),
        checkpoint=f"{paths.CHECKPOINTS}/memory.ckpt",
        settings=get_settings("memory"),
        compared=get_compared("memory"),
        version=get_version("memory"),
    shell:
        "worldmodels memory --round {wildcards.round} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
