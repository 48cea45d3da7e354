"""Vision: V, trained on the frames of a round's rollouts, and of earlier ones."""


rule train_vision:
    input:
        rollouts=get_vision_data,
        start=get_vision_start,
    output:
        directory(paths.VISION),
    log:
        f"{paths.LOGS}/vision.log",
    benchmark:
        f"{paths.BENCHMARKS}/vision.tsv"
    conda:
        CONDA
    threads: get_cores("vision")
    resources:
        mem_mb=get_megabytes("vision"),
        runtime=get_minutes("vision"),
        gpu=0,
    params:
        given=get_options("rollouts", "start"),
        checkpoint=f"{paths.CHECKPOINTS}/vision.ckpt",
        settings=get_settings("vision"),
        compared=get_compared("vision"),
        version=get_version("vision"),
    shell:
        "worldmodels vision --round {wildcards.round} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"
