"""The settings of the networks V and M, as `settings` has them. No JAX is imported."""

from typing import Annotated, Literal

from pydantic import Field

from worldmodels.experiment.bounds import (
    BATCH,
    EPISODES,
    FACTOR,
    MAX_WIDTH,
    PASSES,
    RATE,
    STEPS,
    WEIGHT,
    WIDTH,
)
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, list_of
from worldmodels.models.cells import registry

_Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]


class Vision(Section):
    """V, the variational autoencoder."""

    latent_size: int = setting(
        32, "Z", unit="latent dimensions", paper=32, takecover=64, **WIDTH
    )
    channels: list_of(_Width, 4) = setting(
        (8, 16, 32, 64), "of the encoder", unit="channels", paper=(32, 64, 128, 256)
    )
    decoder_channels: list_of(_Width, 3) = setting(
        (64, 32, 16), "of the decoder", unit="channels", paper=(128, 64, 32)
    )
    batch_size: int = setting(100, "in a minibatch", unit="frames", paper=100, **BATCH)
    epochs: int = setting(
        2,
        "over all frames; 0: V stays as it starts",
        unit="passes",
        paper=10,
        remark="the text says 1",
        **PASSES,
    )
    learning_rate: Number = setting(0.001, "of Adam, per update", paper=1e-4, **RATE)
    kl_tolerance: Number = setting(
        0.5,
        "below which KL is free",
        unit="nats per latent dimension",
        paper=0.5,
        **FACTOR,
    )
    buffer_episodes: int = setting(
        64,
        "shuffled in memory, 12 MB per 1000 steps",
        unit="whole episodes",
        remark="all",
        **EPISODES,
    )
    warm_start: bool = setting(False, "start from the V of the round before")


class DNC(Section):
    """The memory of a `dnc`."""

    slots: int = setting(16, "of its memory", unit="slots", **WIDTH)
    word_size: int = setting(16, "in a slot", unit="numbers", **WIDTH)
    read_heads: int = setting(4, "that read it", unit="heads", **WIDTH)
    masked_content: bool = setting(
        False, "a key says which of a slot's numbers it looks for"
    )
    erase_freed: bool = setting(False, "what free gates give up is erased")
    sharpen_links: bool = setting(False, "links are read with a power of each head")


class Memory(Section):
    """M, the mixture-density recurrent network."""

    cell: Literal[tuple(registry.CELLS)] = setting(
        registry.LSTM, "recurrent cell of M", paper=registry.LSTM, before=registry.LSTM
    )
    hidden_size: int = setting(
        64, "of the cell, N", unit="units", paper=256, takecover=512, **WIDTH
    )
    dnc: DNC = group(DNC)
    mixtures: int = setting(
        5, "K", unit="Gaussians per latent dimension", paper=5, **WIDTH
    )
    target: Literal["sample", "mean"] = setting(
        "sample",
        "of V's posterior of the next frame: a sample, or its mean, which M then "
        "predicts free of noise",
        paper="sample",
        before="sample",
    )
    death_head: bool = setting(False, "predict death", paper=False, takecover=True)
    death_weight: Number = setting(
        10.0,
        "weight of a step with death in the loss; others have 1",
        takecover=10.0,
        **WEIGHT,
    )
    reward_head: bool = setting(False, "predict the reward", paper=False)
    batch_size: int = setting(
        16,
        "in a minibatch, or rows of them, at most rollouts.episodes",
        unit="episodes",
        paper=100,
        **BATCH,
    )
    window: int = setting(
        0,
        "of a row in a minibatch; 0: whole episodes",
        unit="steps",
        paper=0,
        takecover=500,
        **STEPS,
    )
    epochs: int = setting(
        60,
        "over all episodes; 0: initial weights",
        unit="passes",
        paper=40,
        takecover=400,
        remark="that is 4000 updates; the text says 20 passes",
        **PASSES,
    )
    learning_rate: Number = setting(
        0.001, "of Adam, per update, at first", paper=1e-3, **RATE
    )
    final_learning_rate: Number = setting(
        1e-5, "of Adam, per update, in the limit", paper=1e-5, **RATE
    )
    decay: Number = setting(
        1.0,
        "factor per update on the rate's distance to its limit; 1: none",
        paper=1.0,
        takecover=0.99999,
        above=0.0,
        high=1.0,
    )
    gradient_clip: Number = setting(
        1.0, "largest absolute gradient value", paper=1.0, **WEIGHT
    )
    buffer_episodes: int = setting(
        1000,
        "of latents in memory, 0.13 MB per 1000 steps",
        unit="episodes",
        remark="all",
        **EPISODES,
    )
    held_out: Number = setting(
        0.0,
        "share of the episodes kept from M, on which it is scored",
        low=0.0,
        high=0.5,
    )
    warm_start: bool = setting(False, "start from the M of the round before")
