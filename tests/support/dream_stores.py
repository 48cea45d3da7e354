"""Stores of a round whose C learns in M's dream, and the scores that it gets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax

from support import synthetic
from worldmodels.experiment.settings import Controller, Environment, Evaluation, Run
from worldmodels.models import memory
from worldmodels.stages import controller, evaluation
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import Artifact, open_artifact

STEPS, GENERATIONS, EPISODES = 30, 2, 3
DEATH_WEIGHT = 5.0
WORLD = Environment(max_steps=STEPS, slots=2)
SETTINGS = Controller(
    inputs="z_c_h",
    centred=False,
    population=4,
    rollouts=3,
    train_in="dream",
    temperature=1.3,
    generations=GENERATIONS,
    generations_per_block=GENERATIONS,
    select_every=1,
    selection_episodes=5,
    sigma=1.0,
)


def make(folder: Path) -> synthetic.Stores:
    """Make a round of stores whose M, of the same latents, predicts death."""
    made = synthetic.make_round(folder)
    return replace(made, memory=_mortal(made))


def _mortal(made: synthetic.Stores) -> Artifact:
    path = made.memory.path.with_name("mortal.zarr")
    config = made.memory.config | {"death_head": True, "death_weight": DEATH_WEIGHT}
    params = memory.initial(jax.random.key(1), networks.memory_model(config))
    # Some die early, some late, and some not before the end.
    params["death_kernel"] = 8 * params["death_kernel"]
    params["death_bias"] = params["death_bias"] - 1.5
    with publication.create(
        path, "memory", config=config, inputs={"latents": made.latents}, stage_version=1
    ) as store:
        store.tree("params", params)
    return open_artifact(path)


def evolve(stores, folder: Path, block: int = 0, **changes) -> Artifact:
    """Run the stage controller for one block."""
    out = folder / f"block-{block:04d}.zarr"
    given = {
        "settings": SETTINGS,
        "vision": stores.vision.path,
        "memory": stores.memory.path,
        "latents": [store.path for store in stores.latents],
        "previous": folder / f"block-{block - 1:04d}.zarr" if block else None,
    } | changes
    controller.run(
        shared=Run(),
        environment=WORLD,
        round=0,
        block=block,
        start=[],
        workers=None,
        checkpoint=out.with_suffix(".ckpt"),
        out=out,
        log=None,
        **given,
    )
    return open_artifact(out, "controller")


def evaluate(stores, blocks: Sequence[Artifact], out: Path, **changes) -> Artifact:
    """Run the stage evaluation."""
    given = {
        "memory": stores.memory.path,
        "latents": [store.path for store in stores.latents],
    } | changes
    evaluation.run(
        shared=Run(),
        environment=WORLD,
        settings=Evaluation(episodes=EPISODES),
        round=0,
        vision=stores.vision.path,
        controller=[block.path for block in blocks],
        workers=1,
        out=out,
        log=None,
        **given,
    )
    return open_artifact(out, "evaluation")
