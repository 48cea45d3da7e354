"""V and M as the settings in their stores describe them, without weights."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from worldmodels.experiment.stages import PRECISION_USED
from worldmodels.models.cells import registry
from worldmodels.models.memory import SAMPLE, Memory
from worldmodels.models.precision import FLOAT32, Precision
from worldmodels.models.vision import VAE


def vision_model(config: Mapping[str, Any]) -> VAE:
    """Return the V that a vision stage's settings describe."""
    return VAE(
        latent_size=config["latent_size"],
        channels=tuple(config["channels"]),
        decoder_channels=tuple(config["decoder_channels"]),
        frame_size=config.get("frame_size", 64),  # it is recorded where it is another
        dtype=jnp.dtype(config["dtype"]),
        precision=precision_of(config),
    )


def memory_model(config: Mapping[str, Any]) -> Memory:
    """Return the M that a memory stage's settings describe."""
    return Memory(
        latent_size=config["latent_size"],
        action_size=config["action_size"],
        hidden_size=config["hidden_size"],
        mixtures=config["mixtures"],
        # Stores of earlier versions name no cell, which is an LSTM, no target, which
        # is a sample, and no heads.
        cell=config.get("cell", registry.LSTM),
        cell_options=tuple(registry.options(config).items()),
        target=config.get("target", SAMPLE),
        death_head=config.get("death_head", False),
        reward_head=config.get("reward_head", False),
        dtype=jnp.dtype(config["dtype"]),
        precision=precision_of(config),
    )


def precision_of(config: Mapping[str, Any]) -> Precision:
    """Return the precision of the products that a store was made with."""
    # Stores of earlier versions do not say: float32.
    return config.get(PRECISION_USED, FLOAT32)
