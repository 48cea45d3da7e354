"""A small regression to train: its batches, its update, and a training of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.runtime.randomness import generator_for
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.training import loop
from worldmodels.training.batches import ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.loop import initial, separate, updates

KEY = jax.random.key(7)


def loss(params, batch, key):
    """A linear regression with noise on its inputs, so that keys matter."""
    x = batch["x"] + 0.1 * jax.random.normal(key, batch["x"].shape, batch["x"].dtype)
    error = x @ params["dense"]["kernel"] + params["bias"] - batch["y"]
    value = jnp.mean(error**2)
    return value, {"loss": value, "bias": params["bias"].sum()}


def start(dtype=np.float32) -> dict:
    kernel = np.linspace(-1, 1, 6, dtype=dtype).reshape(3, 2)
    return {"dense": {"kernel": jnp.array(kernel)}, "bias": jnp.zeros(2, dtype)}


def batches(count: int, dtype=np.float32) -> dict:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(count, 5, 3)).astype(dtype),
        "y": rng.normal(size=(count, 5, 2)).astype(dtype),
    }


OPTIMIZERS = {
    "adam": optax.adam(1e-2),
    "clipped": optax.chain(optax.clip(0.1), optax.adam(optax.linear_schedule(1, 0, 9))),
}


def source(
    epochs: int = 3, count: int = 22, spoil: int | None = None
) -> ShuffledBatches:
    """Batches of 5 out of 22 items in 11 episodes of 2, in buffers of 4 episodes."""
    data = {name: values.reshape(-1, values.shape[-1])[:count] for name, values in
            batches(5).items()}  # fmt: skip
    if spoil is not None:
        data["y"][spoil] = np.nan

    def load(episodes):
        items = np.stack([2 * episodes, 2 * episodes + 1], 1).ravel()
        return {name: values[items] for name, values in data.items()}

    buffers = Buffers(
        items=np.full(count // 2, 2),
        load=load,
        generator=partial(generator_for, 0, 0, "test batches"),
        epochs=epochs,
        episodes=4,
    )
    return ShuffledBatches(buffers, batch_size=5)


OPTIMIZER = OPTIMIZERS["adam"]


UPDATE = updates(separate(loss), OPTIMIZER)


def fit(path, given=None, update=UPDATE, group=4, interval=0.0, log=None):
    """Train from the start or from the checkpoint at `path`, saving at every call."""
    with open_checkpoint(path, "abc") as checkpoint:
        return loop.fit(
            initial(start(), OPTIMIZER),
            update,
            given or source(),
            KEY,
            group=group,
            checkpoint=checkpoint,
            title="vision",
            log=log,
            interval=interval,
        )


def assert_same(found, expected) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)
