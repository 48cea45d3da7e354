"""The study pommerman: what an LSTM and a DNC know of a game's next state.

A module: it sees its own settings, `studies: {pommerman: ...}`, as `config`.
"""

from worldmodels.experiment.site import growing
from worldmodels.studies.pommerman.settings import FIGURES, MODELS, PARTS
from worldmodels.studies.pommerman.steps import STUDY, training_settings

SETTINGS = STUDY.load(config)
FOLDER = STUDY.results(SETTINGS)
GAMES = f"{FOLDER}/games-{{part}}.zarr"
TRAINING = f"{FOLDER}/{{model}}-{{seed}}.zarr"
SCORE = f"{FOLDER}/scores/{{model}}-{{seed}}.zarr"
OVERFIT = f"{FOLDER}/overfit-{{model}}.zarr"
KNOWN = f"{FOLDER}/scores/overfit-{{model}}.zarr"
PAGE = {
    "page": f"{FOLDER}/index.html",
    "summary": f"{FOLDER}/table.txt",  # printed at the end
    "data": f"{FOLDER}/table.json",
}
CONDA = "../../envs/cpu.yaml"


wildcard_constraints:
    model="|".join(MODELS),
    part="|".join(PARTS),
    seed=r"\d+",


rule games:
    """Games to learn from, and games of other boards to be tested on."""
    output:
        directory(GAMES),
    log:
        f"{FOLDER}/logs/games-{{part}}.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        settings=STUDY.as_json("games", SETTINGS),
        version=STUDY.steps["games"].version,
    shell:
        "worldmodels study pommerman games --part {wildcards.part} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"


rule overfit:
    """A few games learnt by heart, to show that a model can."""
    input:
        expand(GAMES, part="learn"),
    output:
        directory(OVERFIT),
    log:
        f"{FOLDER}/logs/overfit-{{model}}.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(120, 0, attempt),
        gpu=0,
    params:
        checkpoint=f"{FOLDER}/checkpoints/overfit-{{model}}.ckpt",
        settings=lambda wildcards: training_settings(
            "overfit", SETTINGS, wildcards.model
        ),
        version=STUDY.steps["overfit"].version,
    shell:
        "worldmodels study pommerman overfit --games {input:q}"
        " --model {wildcards.model} --checkpoint {params.checkpoint:q}"
        " --out {output:q} --log {log:q} --settings {params.settings:q}"


rule train:
    input:
        expand(GAMES, part="learn"),
    output:
        directory(TRAINING),
    log:
        f"{FOLDER}/logs/{{model}}-{{seed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/{{model}}-{{seed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        checkpoint=f"{FOLDER}/checkpoints/{{model}}-{{seed}}.ckpt",
        settings=lambda wildcards: training_settings("train", SETTINGS, wildcards.model),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study pommerman train --games {input:q}"
        " --model {wildcards.model} --seed {wildcards.seed}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule score:
    """What a training is right about, on boards that it never saw."""
    input:
        games=expand(GAMES, part="test"),
        training=TRAINING,
    output:
        directory(SCORE),
    log:
        f"{FOLDER}/logs/score-{{model}}-{{seed}}.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
    params:
        settings=STUDY.as_json("score", SETTINGS),
        version=STUDY.steps["score"].version,
    shell:
        "worldmodels study pommerman score --games {input.games:q}"
        " --training {input.training:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule score_overfit:
    """What is known of the games that were learnt by heart."""
    input:
        games=expand(GAMES, part="learn"),
        training=OVERFIT,
    output:
        directory(KNOWN),
    log:
        f"{FOLDER}/logs/score-overfit-{{model}}.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
    params:
        settings=STUDY.as_json("score", SETTINGS),
        version=STUDY.steps["score"].version,
    shell:
        "worldmodels study pommerman score --games {input.games:q}"
        " --training {input.training:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule film:
    """One game, and what the first LSTM and the first DNC predicted of it."""
    input:
        expand(SCORE, model=["lstm", "dnc"], seed=SETTINGS.seeds[0]),
    output:
        f"{FOLDER}/game.gif",
    log:
        f"{FOLDER}/logs/film.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        version=STUDY.steps["film"].version,
    shell:
        "worldmodels study pommerman film --scores {input:q} --out {output:q}"
        " --log {log:q}"


rule compare:
    """The page and the tables of all trainings."""
    input:
        scores=expand(SCORE, model=MODELS, seed=SETTINGS.seeds),
        overfits=expand(KNOWN, model=["lstm", "dnc"]),
        film=rules.film.output,
    output:
        **PAGE,
        figures=expand(f"{FOLDER}/figures/{{name}}", name=FIGURES),
    log:
        f"{FOLDER}/logs/compare.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(60, 0, attempt),
        gpu=0,
    params:
        version=STUDY.steps["compare"].version,
    shell:
        "worldmodels study pommerman compare --scores {input.scores:q}"
        " --overfits {input.overfits:q} --film {input.film:q} --out {output.page:q} --log {log:q}"


rule study:
    """The study of this variant."""
    input:
        PAGE.values(),
