"""Report: one page on all rounds, and its summary in a few lines."""


rule report:
    """The report on all rounds: report/index.html and report/summary.txt."""
    input:
        stores=get_report_stores,
        temperatures=temperatures.of_the_report(CONFIG),
    output:
        page=paths.REPORT.format(run=EXPERIMENT),
        summary=paths.SUMMARY.format(run=EXPERIMENT),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        CONDA
    threads: get_cores("report")
    resources:
        mem_mb=get_megabytes("report"),
        runtime=get_minutes("report"),
    params:
        stores=lambda wildcards, input: as_words(input.stores),
        given=get_options("temperatures"),
        version=get_version("report"),
    shell:
        "worldmodels report {params.stores} {params.given} --out {output.page:q}"
        " --log {log:q}"
