"""The study dsprites: what a DNC's memory holds of the pictures that it predicts.

A module: it sees its own settings, `studies: {dsprites: ...}`, as `config`.
"""

import sys
from pathlib import Path

from worldmodels.studies.dsprites.jobs import more, options
from worldmodels.studies.dsprites.settings import (
    UNTRAINED,
    probed,
    trained,
    with_memory,
)
from worldmodels.studies.dsprites.steps import STUDY

SETTINGS = STUDY.load(config)
FOLDER = STUDY.results(SETTINGS)
PAGE = {
    "page": f"{FOLDER}/index.html",
    "summary": f"{FOLDER}/table.txt",  # printed at the end
    "data": f"{FOLDER}/table.json",
}
BITS = f"{FOLDER}/pictures.npy"  # of the user's archive, where one is given
PICTURES = [BITS] if SETTINGS.pictures else []
TRAINED = {name: f"{FOLDER}/train/{name}.zarr" for name in trained(SETTINGS)}
CONDA = "../../envs/cpu.yaml"


wildcard_constraints:
    model="[a-z]+",
    probed=f"[a-z]+({UNTRAINED})?",


if SETTINGS.pictures:
    if not Path(SETTINGS.pictures).expanduser().is_file():
        sys.exit(
            f"error: studies.dsprites.pictures is {SETTINGS.pictures}, where no file "
            "is; give the path of dSprites' npz, or leave it out and pictures are drawn"
        )

    rule pack:
        """The pictures of the user's archive, checked, as bits."""
        input:
            Path(SETTINGS.pictures).expanduser(),
        output:
            BITS,
        log:
            f"{FOLDER}/logs/pack.log",
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=more(1000),
            runtime=more(60),
        params:
            version=STUDY.steps["pack"].version,
        shell:
            "worldmodels study dsprites pack --archive {input:q} --out {output:q}"
            " --log {log:q}"


rule train:
    """One model, which learns to predict the next picture."""
    input:
        pictures=PICTURES,
    output:
        directory(f"{FOLDER}/train/{{model}}.zarr"),
    log:
        f"{FOLDER}/logs/train-{{model}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/train-{{model}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=more(3000),
        runtime=more(720),
        gpu=0,
    params:
        given=options("pictures"),
        checkpoint=f"{FOLDER}/checkpoints/train-{{model}}.ckpt",
        settings=STUDY.as_json("train", SETTINGS),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study dsprites train --model {wildcards.model} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule probe:
    """What linear probes read of one model, or of a control."""
    input:
        train=lambda wildcards: TRAINED.get(wildcards.probed, []),
        pictures=PICTURES,
    output:
        directory(f"{FOLDER}/probe/{{probed}}.zarr"),
    log:
        f"{FOLDER}/logs/probe-{{probed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/probe-{{probed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=more(4000),
        runtime=more(240),
        gpu=0,
    params:
        given=options("train", "pictures"),
        checkpoint=f"{FOLDER}/checkpoints/probe-{{probed}}.ckpt",
        settings=STUDY.as_json("probe", SETTINGS),
        version=STUDY.steps["probe"].version,
    shell:
        "worldmodels study dsprites probe --model {wildcards.probed} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule information:
    """What each number of one model's memory shares with a sprite's position."""
    input:
        train=lambda wildcards: TRAINED.get(wildcards.probed, []),
        pictures=PICTURES,
    output:
        directory(f"{FOLDER}/information/{{probed}}.zarr"),
    log:
        f"{FOLDER}/logs/information-{{probed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/information-{{probed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=more(4000),
        runtime=more(240),
        gpu=0,
    params:
        given=options("train", "pictures"),
        checkpoint=f"{FOLDER}/checkpoints/information-{{probed}}.ckpt",
        settings=STUDY.as_json("information", SETTINGS),
        version=STUDY.steps["information"].version,
    shell:
        "worldmodels study dsprites information --model {wildcards.probed}"
        " {params.given} --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"


rule page:
    """The page and the tables of the study."""
    input:
        train=list(TRAINED.values()),
        probe=[f"{FOLDER}/probe/{name}.zarr" for name in probed(SETTINGS)],
        information=[
            f"{FOLDER}/information/{name}.zarr" for name in with_memory(SETTINGS)
        ],
    output:
        **PAGE,
    log:
        f"{FOLDER}/logs/page.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=more(2000),
        runtime=more(20),
    params:
        given=options("train", "probe", "information"),
        version=STUDY.steps["page"].version,
    shell:
        "worldmodels study dsprites page {params.given} --out {output.page:q}"
        " --log {log:q}"


rule study:
    """All of the study."""
    input:
        list(PAGE.values()),
