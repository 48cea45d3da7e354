"""Rollouts: episodes driven at random (round 0) or by the agent of the round before.

Only V and the latents read them. With `rollouts.keep: false` they are deleted once V and
the latents are made; no later stage needs them.
"""


rule rollouts_shard:
    input:
        unpack(get_driver),
    output:
        kept(directory(paths.ROLLOUTS)),
    log:
        f"{paths.LOGS}/rollouts-{{shard}}.log",
    benchmark:
        f"{paths.BENCHMARKS}/rollouts-{{shard}}.tsv"
    conda:
        CONDA
    threads: get_cores("rollouts")
    resources:
        mem_mb=get_megabytes("rollouts"),
        runtime=get_minutes("rollouts"),
        gpu=0,
    params:
        driver=get_options("vision", "memory", "controller"),
        settings=get_settings("rollouts"),
        compared=get_compared("rollouts"),
        version=get_version("rollouts"),
    shell:
        "worldmodels rollouts --round {wildcards.round} --shard {wildcards.shard}"
        " --workers {threads} {params.driver} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"
