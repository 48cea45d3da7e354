"""Cells: M with another recurrent cell each, on the very same latents, over all seeds.

Each cell and seed is a run that begins at the last round's M, in
cells/<cell>/seed-<seed>. All that comes before is that of the experiment with that seed.
"""


rule forecast:
    """What the M of a cell and a seed foresees of held-out episodes."""
    input:
        memory=get_cell_memory,
        latents=get_cell_latents,
    output:
        directory(paths.FORECAST.replace("{run}", EXPERIMENT)),
    log:
        f"{RESULTS}/logs/cells/{{cell}}-{{seed}}-forecast.log",
    benchmark:
        f"{RESULTS}/benchmarks/cells/{{cell}}-{{seed}}-forecast.tsv"
    conda:
        CONDA
    threads: lambda wildcards: count_cores("memory", get_cell(wildcards), LAST)
    resources:
        mem_mb=get_cell_megabytes,
        runtime=get_cell_minutes,
        gpu=0,
    params:
        given=get_options("latents"),
        version=get_version("forecast"),
    shell:
        "worldmodels forecast --memory {input.memory:q} {params.given}"
        " --out {output:q} --log {log:q}"


rule cells:
    """How M's cells compare: cells/index.html and cells/table.txt."""
    input:
        get_cell_stores,
    output:
        page=f"{RESULTS}/cells/index.html",
        summary=f"{RESULTS}/cells/table.txt",
        data=f"{RESULTS}/cells/table.json",
    log:
        f"{RESULTS}/logs/cells.log",
    benchmark:
        f"{RESULTS}/benchmarks/cells.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000, CONFIG.site.max_mem_mb),
        runtime=growing(20, CONFIG.site.max_minutes),
    params:
        cells=get_cell_options(),
        version=get_version("cells"),
    shell:
        "worldmodels cells {params.cells} --out {output.page:q} --log {log:q}"
