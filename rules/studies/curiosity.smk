"""Study curiosity: PPO on the game's reward, on curiosity, and on both."""

from worldmodels.experiment.site import growing
from worldmodels.studies.curiosity.arms import ARMS, MAIN
from worldmodels.studies.curiosity.settings import WORLDS, trainings
from worldmodels.studies.curiosity.steps import STUDY, training_settings

SETTINGS = STUDY.load(config)
RESULTS = STUDY.results(SETTINGS)
TRAINING = f"{RESULTS}/{{world}}/{{arm}}-{{seed}}.zarr"
EPISODE = f"{RESULTS}/{{world}}/{{arm}}-episode.zarr"
FILM = f"{RESULTS}/films/{{world}}/{{arm}}.gif"
CONDA = "../../envs/cpu.yaml"
PAIRS = trainings(SETTINGS)
SHOWN = [(world, arm) for world, arm in PAIRS if arm in MAIN]
PAGE = {
    "page": f"{RESULTS}/index.html",
    "summary": f"{RESULTS}/table.txt",  # printed at the end
    "data": f"{RESULTS}/table.json",
}


wildcard_constraints:
    world="|".join(WORLDS),
    arm="|".join(ARMS),
    seed=r"\d+",


rule train:
    """One arm, one seed, with its test."""
    output:
        directory(TRAINING),
    log:
        f"{RESULTS}/logs/{{world}}-{{arm}}-{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{world}}-{{arm}}-{{seed}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(3000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(240, 0, attempt),
    params:
        checkpoint=f"{RESULTS}/checkpoints/{{world}}-{{arm}}-{{seed}}.ckpt",
        settings=lambda wildcards: training_settings(SETTINGS, wildcards.world),
        version=STUDY.steps["train"].version,
    shell:
        "worldmodels study curiosity train --world {wildcards.world}"
        " --arm {wildcards.arm} --seed {wildcards.seed}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule episode:
    """An unseen level, played by the first seed's policy."""
    input:
        expand(TRAINING, seed=SETTINGS.seeds[0], allow_missing=True),
    output:
        directory(EPISODE),
    log:
        f"{RESULTS}/logs/{{world}}-{{arm}}-episode.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(20, 0, attempt),
    params:
        version=STUDY.steps["episode"].version,
    shell:
        "worldmodels study curiosity episode --training {input:q} --out {output:q}"
        " --log {log:q}"


rule film:
    """The end of that episode, with its bonus and values."""
    input:
        EPISODE,
    output:
        FILM,
    log:
        f"{RESULTS}/logs/{{world}}-{{arm}}-film.log",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(20, 0, attempt),
    params:
        version=STUDY.steps["film"].version,
    shell:
        "worldmodels study curiosity film --episode {input:q} --out {output:q}"
        " --log {log:q}"


rule compare:
    """The page and the tables of all trainings."""
    input:
        trainings=[
            path
            for world, arm in PAIRS
            for path in expand(TRAINING, world=world, arm=arm, seed=SETTINGS.seeds)
        ],
        episodes=[EPISODE.format(world=world, arm=arm) for world, arm in SHOWN],
        films=[FILM.format(world=world, arm=arm) for world, arm in SHOWN],
    output:
        **PAGE,
    log:
        f"{RESULTS}/logs/compare.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: growing(2000, 0, attempt),
        runtime=lambda wildcards, attempt: growing(20, 0, attempt),
    params:
        version=STUDY.steps["compare"].version,
        # Ablations alone have neither.
        shown=lambda wildcards, input: (
            ["--episodes", *input.episodes, "--films", *input.films] if SHOWN else []
        ),
    shell:
        "worldmodels study curiosity compare --trainings {input.trainings:q}"
        " {params.shown:q}"
        " --out {output.page:q} --log {log:q}"


rule study:
    """The study of this variant."""
    input:
        PAGE.values(),
