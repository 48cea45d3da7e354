"""Vision: V, trained on the frames of a round's rollouts, and of earlier ones."""


rule train_vision:
    input:
        rollouts=all_rollouts,
        start=start("vision", VISION),
    output:
        directory(VISION),
    log:
        f"{LOGS}/vision.log",
    benchmark:
        f"{BENCHMARKS}/vision.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=memory_of("vision"),
        runtime=minutes_of("vision"),
        gpu=0,
    params:
        given=options("rollouts", "start"),
        checkpoint=f"{CHECKPOINTS}/vision.ckpt",
        settings=settings_json("vision"),
        version=version("vision"),
    shell:
        "worldmodels vision --round {wildcards.round} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
