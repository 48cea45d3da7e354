"""Report: one page about every round, and its summary in a few lines."""


rule report:
    """The report on all rounds: report/index.html and report/summary.txt."""
    input:
        stores=artifacts(EXPERIMENT),
        temperatures=SWEEP,
    output:
        page=REPORT,
        summary=SUMMARY,
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=memory_of("report"),
        runtime=minutes_of("report"),
    params:
        stores=lambda wildcards, input: listed(input.stores),
        given=options("temperatures"),
        version=version("report"),
    shell:
        "worldmodels report {params.stores} {params.given} --out {output.page:q}"
        " --log {log:q}"
