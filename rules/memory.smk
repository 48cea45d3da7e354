"""Memory: V's latents of every frame, and M, trained on their sequences."""


rule encode_shard:
    input:
        vision=VISION,
        rollouts=SHARD,
    output:
        directory(LATENTS),
    log:
        f"{LOGS}/latents-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/latents-{{shard}}.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=memory_of("latents"),
        runtime=minutes_of("latents"),
        gpu=0,
    params:
        settings=settings_json("latents"),
        version=version("latents"),
    shell:
        "worldmodels latents --round {wildcards.round} --vision {input.vision:q}"
        " --rollouts {input.rollouts:q} --out {output:q} --log {log:q} --settings {params.settings:q}"


use rule encode_shard as encode_earlier_shard with:
    input:
        vision=VISION,
        rollouts=lambda wildcards: SHARD.format(
            run=wildcards.run, round=wildcards.source, shard=wildcards.shard
        ),
    output:
        directory(EARLIER),
    log:
        f"{LOGS}/latents-round-{{source}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/latents-round-{{source}}-{{shard}}.tsv"


rule train_memory:
    input:
        latents=lambda wildcards: all_latents(
            RUNS[wildcards.run].home("latents"), wildcards.round
        ),
        start=start("memory", MEMORY),
    output:
        directory(MEMORY),
    log:
        f"{LOGS}/memory.log",
    benchmark:
        f"{BENCHMARKS}/memory.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=memory_of("memory"),
        runtime=minutes_of("memory"),
        gpu=0,
    params:
        given=options("latents", "start"),
        checkpoint=f"{CHECKPOINTS}/memory.ckpt",
        settings=settings_json("memory"),
        version=version("memory"),
    shell:
        "worldmodels memory --round {wildcards.round} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
