"""Evaluation: the selected controller on unseen tracks, beside the random policy.

The random policy drives once for all rounds, ablations and temperatures.
"""


rule score_random:
    output:
        directory(paths.RANDOM),
    log:
        f"{paths.LOGS}/random.log",
    benchmark:
        f"{paths.BENCHMARKS}/random.tsv"
    conda:
        CONDA
    threads: get_cores("random")
    resources:
        mem_mb=get_megabytes("random"),
        runtime=get_minutes("random"),
        gpu=0,
    params:
        settings=get_settings("random"),
        compared=get_compared("random"),
        version=get_version("random"),
    shell:
        "worldmodels random --round {wildcards.round} --workers {threads}"
        " --out {output:q} --log {log:q} --settings {params.settings:q}"


rule evaluate:
    input:
        vision=get_vision,
        memory=get_memory,
        controller=get_blocks,
        latents=get_dream_starts,
        random=get_random,
    output:
        directory(paths.EVALUATION),
    log:
        f"{paths.LOGS}/evaluation.log",
    benchmark:
        f"{paths.BENCHMARKS}/evaluation.tsv"
    conda:
        CONDA
    threads: get_cores("evaluation")
    resources:
        mem_mb=get_megabytes("evaluation"),
        runtime=get_minutes("evaluation"),
        gpu=0,
    params:
        given=get_options("controller", "latents", "random"),
        settings=get_settings("evaluation"),
        compared=get_compared("evaluation"),
        version=get_version("evaluation"),
    shell:
        "worldmodels evaluation --round {wildcards.round} --workers {threads}"
        " --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --out {output:q} --log {log:q} --settings {params.settings:q}"
