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
        mem_mb=6000,
        runtime=120,
    params:
        given=options("temperatures"),
        version=VERSIONS["report"],
    shell:
        "worldmodels report {input.stores:q} {params.given} --out {output.page:q}"
        " --log {log:q}"
