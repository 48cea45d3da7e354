"""Stores of trainings and traces with made-up numbers, as the steps publish them."""

from pathlib import Path

import numpy as np
import pytest

from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact

LENGTHS = [1, 2, 3, 6]  # 3 is the longest that is trained
SHARES = np.array([0.1, 0.2, 0.3, 0.4])  # of wrong answers at these lengths


@pytest.fixture
def training(tmp_path):
    """Make a training's store; its shares of wrong answers are moved by `moved`."""

    def make(
        model: str, seed: int, moved: float = 0.0, task: str = "repeat", **changes
    ) -> Artifact:
        slots = [4, 8] if model == "dnc" else [0]
        config = {
            "task": task, "model": model, "seed": seed, "hidden_size": 5,
            "options": {"slots": 4} if model == "dnc" else {}, "shortest": 1,
            "longest": [2, 3], "updates": 7, "times": [1, 2], "batch_size": 2,
        }  # fmt: skip
        sequences = np.array([-0.05, 0.0, 0.05])
        wrong = SHARES[:, None] + sequences + moved
        wrong = np.stack([wrong / (number + 1) for number in range(len(slots))])
        path = tmp_path / f"{task}-{model}-{seed}.zarr"
        with publication.create(
            path, "dnc_tasks_train", config=config | changes, inputs={},
            stage_version=1,
        ) as store:  # fmt: skip
            store.write("params/kernel", np.ones((3, 4), np.float32))
            axes = ["tested_slots", "length", "sequence"]
            store.write("test/slots", slots, axes[:1])
            store.write("test/length", LENGTHS, axes[1:2])
            store.write("test/wrong", wrong, axes)
            store.write("test/squared", 4 * wrong, axes)
        return open_artifact(path)

    return make


@pytest.fixture
def trace(tmp_path, training):
    """Make a trace's store, of 7 steps, 5 slots and 2 read heads."""

    def make(task: str = "repeat") -> Path:
        path = tmp_path / f"{task}-trace.zarr"
        rng = np.random.default_rng(0)
        shapes = {
            "input": (7, 6), "target": (7, 5), "output": (7, 5), "write": (7, 5),
            "read": (7, 2, 5), "usage": (7, 5), "gate": (7,), "allocate": (7,),
            "free": (7, 2),
        }  # fmt: skip
        arrays = {name: rng.random(shape) for name, shape in shapes.items()}
        arrays["write"][:, 3] = arrays["read"][:, :, 3] = 0.01
        with publication.create(
            path, "dnc_tasks_trace", config={"task": task, "seed": 0, "length": 3},
            inputs={"training": training("dnc", 9, task=task)}, stage_version=1,
        ) as store:  # fmt: skip
            for name, values in arrays.items():
                store.write(name, values)
            store.write("answer", np.arange(7) > 3)
        return path

    return make
