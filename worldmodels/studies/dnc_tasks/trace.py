"""Step trace: what a trained DNC does with its memory in one sequence, step by step."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models.cells.dnc import DNCState, Interface
from worldmodels.runtime import devices
from worldmodels.stores import publication
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.studies.dnc_tasks import train
from worldmodels.studies.dnc_tasks.model import Model, Params, answers, readout
from worldmodels.studies.dnc_tasks.settings import DNCTasks
from worldmodels.studies.dnc_tasks.steps import STUDY
from worldmodels.studies.dnc_tasks.tasks import Sequences, draw_batch

STEP = "trace"


class Trace(NamedTuple):
    """One sequence, and the memory after each of its steps."""

    sequence: Sequences  # [T, ...]
    output: jax.Array  # [T, Y]; of bits the probability that they are 1
    state: DNCState  # [T, ...]
    interface: Interface  # [T, ...]


def run(*, settings: DNCTasks, training: Path, out: Path, log: Path | None) -> None:
    """Follow a trained DNC and publish a store at `out`.

    Raises:
        UserError: for a store that is no DNC's training.
    """
    del settings, log  # it takes a second
    store = open_artifact(training, STUDY.kind(train.STEP))
    if store.config["model"] != "dnc":
        raise ArtifactError(
            f"{training} is the training of an {store.config['model']}, which has no "
            "memory to follow; give that of a dnc"
        )
    devices.prepare(store.config.get("dtype", "float32"))  # as it was trained
    length = store.config["longest"][-1]
    trace = follow(train.weights(store), train.model_of(store.config), length)
    config = {name: store.config[name] for name in ("task", "seed", "options")}
    with publication.create(
        out,
        STUDY.kind(STEP),
        config=config | {"length": length},
        inputs={"training": store},
        stage_version=STUDY.steps[STEP].version,
    ) as written:
        for name, values in _arrays(trace).items():
            written.write(name, *values)


def follow(params: Params, model: Model, length: int) -> Trace:
    """Return what a DNC does with one sequence of a length, which it has not learnt."""
    key = jax.random.fold_in(train.test_key(), length)
    batch = draw_batch(model.asked, key, jnp.array([length]), length)
    trace = _followed(params, model, batch)
    return jax.tree.map(lambda x: x[:, 0], trace)


@partial(jax.jit, static_argnames="model")
def _followed(params: Params, model: Model, batch: Sequences) -> Trace:
    """Return the trace [T, B, ...] of sequences."""
    cell = model.recurrent

    def step(state: DNCState, x: jax.Array):
        read, state = cell.step(params, state, x)
        return state, (read, state)

    start = cell.initial(batch.inputs.shape[1], batch.inputs.dtype)
    _, (read, states) = jax.lax.scan(step, start, batch.inputs)
    asked = cell.interface(params, states.h)
    return Trace(batch, answers(readout(params, read), model), states, asked)


def _arrays(trace: Trace) -> dict[str, tuple[Any, ...]]:
    """Return the arrays of a trace with the names of their axes."""
    sequence, state, interface = trace.sequence, trace.state, trace.interface
    return {
        "input": (sequence.inputs, ["step", "column"]),
        "target": (sequence.targets, ["step", "row"]),
        "answer": (sequence.answer, ["step"]),
        "output": (trace.output, ["step", "row"]),
        "write": (state.write, ["step", "slot"]),
        "read": (state.read, ["step", "head", "slot"]),
        "usage": (state.usage, ["step", "slot"]),
        "gate": (interface.gate, ["step"]),
        "allocate": (interface.allocate, ["step"]),
        "free": (interface.free, ["step", "head"]),
        "modes": (interface.modes, ["step", "head", "mode"]),
    }
