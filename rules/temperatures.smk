"""Temperatures: one C for each, scored in the dream that it learnt in and in the game.

V, M and the latents are those of the experiment's last round, trained with each of the
seeds. So is the C of a temperature, if the last round's C learns in that very way.
"""


rule temperatures:
    """What the controller of each temperature scores: temperatures/table.txt."""
    input:
        get_temperature_scores,
    output:
        summary=f"{RESULTS}/temperatures/table.txt",
        data=f"{RESULTS}/temperatures/table.json",
    log:
        f"{RESULTS}/logs/temperatures.log",
    benchmark:
        f"{RESULTS}/benchmarks/temperatures.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(1000, CONFIG.site.max_mem_mb),
        runtime=growing(10, CONFIG.site.max_minutes),
    params:
        stores=lambda wildcards, input: as_words(input),
        version=get_version("temperatures"),
    shell:
        "worldmodels temperatures {params.stores} --out {output.summary:q} --log {log:q}"
