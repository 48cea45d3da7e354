"""Evaluation: the selected controller on unseen tracks, beside the random policy."""


rule evaluate:
    input:
        vision=used("vision", VISION),
        memory=used("memory", MEMORY),
        controller=lambda wildcards: blocks(wildcards.run, wildcards.round),
        latents=dream_starts,
    output:
        directory(EVALUATION),
    log:
        f"{LOGS}/evaluation.log",
    benchmark:
        f"{BENCHMARKS}/evaluation.tsv"
    conda:
        CONDA
    threads: slots
    resources:
        mem_mb=memory_of("evaluation"),
        runtime=minutes_of("evaluation"),
        gpu=0,
    params:
        given=options("controller", "latents"),
        settings=settings_json("evaluation"),
        version=version("evaluation"),
    shell:
        "worldmodels evaluation --round {wildcards.round} --workers {threads}"
        " --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --out {output:q} --log {log:q} --settings {params.settings:q}"
