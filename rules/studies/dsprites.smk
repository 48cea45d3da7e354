"""The study dsprites: what a DNC's memory holds of the pictures that it predicts.

A module: it sees its own settings, `studies: {dsprites: ...}`, as `config`.
"""

import shlex
from pathlib import Path

from worldmodels.experiment.site import growing
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
    "table": f"{FOLDER}/table.txt",
    "data": f"{FOLDER}/table.json",
}
BITS = f"{FOLDER}/pictures.npy"  # of the user's archive, where one is given


wildcard_constraints:
    model="[a-z]+",
    probed=f"[a-z]+({UNTRAINED})?",


def get_settings(step):
    """Return the settings that a step uses, as JSON."""
    return STUDY.as_json(step, SETTINGS)


def get_version(step):
    """Return the version of a step's result: a new one makes it again."""
    return STUDY.steps[step].version


def get_pictures(wildcards):
    """Return the pictures as bits where the user has them; without, they are drawn."""
    return [BITS] if SETTINGS.pictures else []


def get_trained(wildcards):
    """Return the store of the model that is looked at, of one that has learnt."""
    name = wildcards.probed
    return [f"{FOLDER}/train/{name}.zarr"] if name in trained(SETTINGS) else []


def get_options(*names):
    """Return the function of a job's options for the inputs of these names."""

    def options(wildcards, input):
        given = {name: list(input.get(name, [])) for name in names}
        return " ".join(
            f"--{name} {' '.join(map(shlex.quote, paths))}"
            for name, paths in given.items()
            if paths
        )

    return options


def get_more(amount):
    """Return the resource function of an amount, more at each try."""
    return lambda wildcards, attempt: growing(amount, 0, attempt)


if SETTINGS.pictures:

    rule pack:
        """The pictures of the user's archive, checked, as bits."""
        input:
            Path(SETTINGS.pictures).expanduser(),
        output:
            BITS,
        log:
            f"{FOLDER}/logs/pack.log",
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=get_more(1000),
            runtime=get_more(60),
        params:
            version=get_version("pack"),
        shell:
            "worldmodels study dsprites pack --archive {input:q} --out {output:q}"
            " --log {log:q}"


rule train:
    """One model, which learns to predict the next picture."""
    input:
        pictures=get_pictures,
    output:
        directory(f"{FOLDER}/train/{{model}}.zarr"),
    log:
        f"{FOLDER}/logs/train-{{model}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/train-{{model}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=get_more(3000),
        runtime=get_more(720),
        gpu=0,
    params:
        given=get_options("pictures"),
        checkpoint=f"{FOLDER}/checkpoints/train-{{model}}.ckpt",
        settings=get_settings("train"),
        version=get_version("train"),
    shell:
        "worldmodels study dsprites train --model {wildcards.model} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule probe:
    """What linear probes read of one model, or of a control."""
    input:
        train=get_trained,
        pictures=get_pictures,
    output:
        directory(f"{FOLDER}/probe/{{probed}}.zarr"),
    log:
        f"{FOLDER}/logs/probe-{{probed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/probe-{{probed}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=get_more(4000),
        runtime=get_more(240),
        gpu=0,
    params:
        given=get_options("train", "pictures"),
        checkpoint=f"{FOLDER}/checkpoints/probe-{{probed}}.ckpt",
        settings=get_settings("probe"),
        version=get_version("probe"),
    shell:
        "worldmodels study dsprites probe --model {wildcards.probed} {params.given}"
        " --checkpoint {params.checkpoint:q} --out {output:q} --log {log:q}"
        " --settings {params.settings:q}"


rule information:
    """What each number of one model's memory shares with a sprite's position."""
    input:
        train=get_trained,
        pictures=get_pictures,
    output:
        directory(f"{FOLDER}/information/{{probed}}.zarr"),
    log:
        f"{FOLDER}/logs/information-{{probed}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/information-{{probed}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=get_more(4000),
        runtime=get_more(240),
        gpu=0,
    params:
        given=get_options("train", "pictures"),
        checkpoint=f"{FOLDER}/checkpoints/information-{{probed}}.ckpt",
        settings=get_settings("information"),
        version=get_version("information"),
    shell:
        "worldmodels study dsprites information --model {wildcards.probed}"
        " {params.given} --checkpoint {params.checkpoint:q} --out {output:q}"
        " --log {log:q} --settings {params.settings:q}"


rule page:
    """The page and the tables of the study."""
    input:
        train=[f"{FOLDER}/train/{name}.zarr" for name in trained(SETTINGS)],
        probe=[f"{FOLDER}/probe/{name}.zarr" for name in probed(SETTINGS)],
        information=[
            f"{FOLDER}/information/{name}.zarr" for name in with_memory(SETTINGS)
        ],
    output:
        **PAGE,
    log:
        f"{FOLDER}/logs/page.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=get_more(2000),
        runtime=get_more(20),
    params:
        given=get_options("train", "probe", "information"),
        version=get_version("page"),
    shell:
        "worldmodels study dsprites page {params.given} --out {output.page:q}"
        " --log {log:q}"


rule study:
    """All of the study."""
    input:
        list(PAGE.values()),
