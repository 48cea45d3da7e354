"""Play: the agent of the last round as a page to play in, for the browser.

The report has a link to it once it is there, and asks for none.
"""


rule play:
    """The agent of the last round as a page to play in, one HTML file: play.html."""
    input:
        vision=paths.vision(MAIN, LAST),
        memory=paths.memory(MAIN, LAST),
        controller=paths.blocks(MAIN, LAST),
        latents=paths.memory_data(MAIN, LAST),
    output:
        paths.PLAY.format(run=EXPERIMENT),
    log:
        f"{RESULTS}/logs/play.log",
    benchmark:
        f"{RESULTS}/benchmarks/play.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(4000, CONFIG.site.max_mem_mb),
        runtime=growing(20, CONFIG.site.max_minutes),
    params:
        given=get_options("controller", "latents"),
        version=get_version("play"),
    shell:
        "worldmodels play --vision {input.vision:q} --memory {input.memory:q}"
        " {params.given} --out {output:q} --log {log:q}"
