"""Report: one page on all rounds, and its summary in a few lines.

It has a chapter for each page of cells and studies that is built, and a link to the page
to play in, and is made again when one is built anew. They are no inputs: the report makes
none of them.
"""

from worldmodels.studies import built

BESIDE = built.digests(RESULTS)
PLAY = paths.PLAY.format(run=EXPERIMENT)
PLAYED = PLAY if Path(PLAY).exists() else ""

# The param by which the report is made again; a report without such pages has none, as
# those of earlier versions. Another param, a function of `input`, gives the folders to
# the command; Snakemake does not compare it.
COMPARED_PAGES = {"pages": " ".join(map(" ".join, BESIDE.items()))} if BESIDE else {}
COMPARED_PAGES |= {"linked": PLAYED} if PLAYED else {}


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
        **COMPARED_PAGES,
        stores=lambda wildcards, input: as_words(input.stores),
        given=get_options("temperatures"),
        beside=lambda wildcards, input: as_option("beside", BESIDE),
        play=lambda wildcards, input: as_option("play", PLAYED),
        version=get_version("report"),
    shell:
        "worldmodels report {params.stores} {params.given} {params.beside} {params.play}"
        " --out {output.page:q} --log {log:q}"
