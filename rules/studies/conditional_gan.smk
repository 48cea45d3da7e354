"""The study conditional_gan: labels steer what a GAN draws.

A module: it sees its own settings, `studies: {conditional_gan: ...}`, as `config`.
"""

import sys
from pathlib import Path

from worldmodels.experiment.site import growing
from worldmodels.studies.conditional_gan.settings import MODELS, models
from worldmodels.studies.conditional_gan.steps import STUDY

SETTINGS = STUDY.load(config)
FOLDER = STUDY.results(SETTINGS)
DRAWN = f"{FOLDER}/drawn"  # faces in CelebA's own layout
PICTURES = f"{FOLDER}/pictures.zarr"
JUDGE = f"{FOLDER}/judge.zarr"
TRAINING = f"{FOLDER}/train/{{model}}-{{seed}}.zarr"
SCORE = f"{FOLDER}/score/{{model}}-{{seed}}.zarr"
CONDA = "../../envs/cpu.yaml"
PAGE = {
    "page": f"{FOLDER}/index.html",
    "summary": f"{FOLDER}/table.txt",
    "data": f"{FOLDER}/table.json",
}


wildcard_constraints:
    model="|".join(MODELS),
    seed=r"\d+",


if SETTINGS.data.folder:
    SOURCE = Path(SETTINGS.data.folder).expanduser()
    if not SOURCE.is_dir():
        sys.exit(
            f"error: studies.conditional_gan.data.folder is {SETTINGS.data.folder}, "
            "where no folder is; give the folder of the pictures, or leave it out and "
            "faces are drawn"
        )
else:
    SOURCE = DRAWN

    rule draw:
        """Faces with known attributes, as CelebA lays them out."""
        output:
            directory(DRAWN),
        log:
            f"{FOLDER}/logs/draw.log",
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: growing(1000, 0, attempt),
            runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        params:
            settings=STUDY.as_json("draw", SETTINGS),
            version=STUDY.steps["draw"].version,
        shell:
            "worldmodels study conditional_gan draw --out {output:q} --log {log:q}"
            " --settings {params.settings:q}"


rule pack:
    """The pictures and their labels in one store."""
    input:
        SOURCE,
    output:
        directory(PICTURES),
    log:
        f"{FOLDER}/logs/pack.log",
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        settings=STUDY.as_json("pack", SETTINGS),
        version=STUDY.steps["pack"].version,
    shell:
        "worldmodels study conditional_gan pack --folder {input:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"


rule judge:
    """The classifier that judges what is drawn."""
    input:
        PICTURES,
    output:
        directory(JUDGE),
    log:
        f"{FOLDER}/logs/judge.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(120, 0, attempt),
        gpu=0,
    params:
        checkpoint=f"{FOLDER}/checkpoints/judge.ckpt",
        settings=STUDY.as_json("judge", SETTINGS),
        version=STUDY.steps["judge"].version,
    shell:
        "worldmodels study conditional_gan judge --pictures {input:q}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule train:
    """One generator and its discriminator."""
    input:
        PICTURES,
    output:
        directory(TRAINING),
    log:
        f"{FOLDER}/logs/train-{{model}}-{{seed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/train-{{model}}-{{seed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(720, 0, attempt),
        gpu=0,
    params:
        checkpoint=f"{FOLDER}/checkpoints/train-{{model}}-{{seed}}.ckpt",
        settings=STUDY.as_json("train", SETTINGS),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study conditional_gan train --pictures {input:q}"
        " --model {wildcards.model} --seed {wildcards.seed}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule score:
    """What one trained generator draws, measured."""
    input:
        pictures=PICTURES,
        judge=JUDGE,
        training=TRAINING,
    output:
        directory(SCORE),
    log:
        f"{FOLDER}/logs/score-{{model}}-{{seed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/score-{{model}}-{{seed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(120, 0, attempt),
        gpu=0,
    params:
        checkpoint=f"{FOLDER}/checkpoints/score-{{model}}-{{seed}}.ckpt",
        settings=STUDY.as_json("score", SETTINGS),
        version=STUDY.steps["score"].version,
    shell:
        "worldmodels study conditional_gan score --pictures {input.pictures:q}"
        " --judge {input.judge:q} --training {input.training:q}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule compare:
    """The page and the tables of all trainings."""
    input:
        pictures=PICTURES,
        judge=JUDGE,
        trainings=expand(TRAINING, model=models(SETTINGS), seed=SETTINGS.seeds),
        scores=expand(SCORE, model=models(SETTINGS), seed=SETTINGS.seeds),
    output:
        **PAGE,
    log:
        f"{FOLDER}/logs/compare.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
    params:
        settings=STUDY.as_json("compare", SETTINGS),
        version=STUDY.steps["compare"].version,
    shell:
        "worldmodels study conditional_gan compare --pictures {input.pictures:q}"
        " --judge {input.judge:q} --trainings {input.trainings:q}"
        " --scores {input.scores:q} --out {output.page:q} --log {log:q}"
        " --settings {params.settings:q}"


rule study:
    """All of the study."""
    input:
        list(PAGE.values()),
