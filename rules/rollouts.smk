"""Rollouts: episodes driven at random (round 0) or by the controller of the round before.

V and the latents alone read them, and with `rollouts.keep: false` they are deleted when
those stand: everything after does without.
"""


rule rollouts_shard:
    input:
        unpack(driver),
    output:
        kept(directory(SHARD)),
    log:
        f"{LOGS}/rollouts-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/rollouts-{{shard}}.tsv"
    conda:
        CONDA
    threads: driving_cores
    resources:
        mem_mb=memory_of("rollouts"),
        runtime=minutes_of("rollouts"),
        gpu=0,
    params:
        driver=options("vision", "memory", "controller"),
        settings=settings_json("rollouts"),
        version=version("rollouts"),
    shell:
        "worldmodels rollouts --round {wildcards.round} --shard {wildcards.shard}"
        " --workers {threads} {params.driver} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"
