"""Counted sizes against the networks' own parameters."""

import jax
import jax.numpy as jnp
import pytest
from support.presets import PAPER

from worldmodels.environments.games import game_of
from worldmodels.experiment import sizes
from worldmodels.models import memory, vision
from worldmodels.models.cells import registry
from worldmodels.models.controller import Controller

TAKECOVER = PAPER.changed(
    environment={"name": "takecover"},
    vision={
        "latent_size": 7,
        "channels": (3, 5, 6, 9),
        "decoder_channels": (8, 4, 2),
    },
    memory={"hidden_size": 12, "mixtures": 3, "death_head": True},
    controller={"inputs": "z_c_h", "hidden_size": 4, "bias": False},
)


def parameters(make) -> int:
    shapes = jax.eval_shape(make, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


GRU = PAPER.changed(memory={"cell": "gru"})
DNC = PAPER.changed(
    memory={"cell": "dnc", "dnc": {"slots": 7, "word_size": 5, "read_heads": 3}},
    controller={"inputs": "z_c_h_r"},
)


@pytest.mark.parametrize(
    "settings", [PAPER, TAKECOVER, GRU, DNC], ids=["paper", "another", "gru", "dnc"]
)
def test_parameters_are_those_of_the_networks(settings):
    model = vision.VAE(
        settings.vision.latent_size,
        settings.vision.channels,
        settings.vision.decoder_channels,
    )
    counted = sizes.encoder(settings).parameters + sizes.decoder(settings).parameters
    frames = jnp.zeros((1, 64, 64, 3), jnp.uint8)
    assert counted == parameters(lambda key: model.init(key, frames))

    rnn = memory.Memory(
        latent_size=settings.vision.latent_size,
        action_size=sizes.action_size(settings),
        cell=settings.memory.cell,
        cell_options=tuple(registry.options(settings.memory.model_dump()).items()),
        hidden_size=settings.memory.hidden_size,
        mixtures=settings.memory.mixtures,
        death_head=settings.memory.death_head,
    )
    drawn = parameters(lambda key: memory.initial(key, rnn))
    assert sizes.memory(settings).parameters == drawn

    evolved = Controller(
        latent_size=settings.vision.latent_size,
        features=rnn.size.features,
        game=game_of(settings.environment.name),
        inputs=settings.controller.inputs,
        hidden_size=settings.controller.hidden_size,
        bias=settings.controller.bias,
    )
    assert sizes.controller(settings).parameters == evolved.parameter_count


def test_the_papers_are_known():
    """World Models, figure 22 and appendix A: 4,348,547, 422,368 and 867."""
    v = sizes.encoder(PAPER).parameters + sizes.decoder(PAPER).parameters
    assert v == 4_348_547
    assert sizes.memory(PAPER).parameters == 422_368
    assert sizes.controller(PAPER).parameters == 867


@pytest.mark.parametrize(
    ("sizes_of_memory", "parameters", "state"),
    [
        ({"slots": 256, "word_size": 64, "read_heads": 4}, 928_439, 337_920),
        ({"slots": 16, "word_size": 16, "read_heads": 4}, 553_319, 4_800),
    ],
)
def test_the_dncs_of_the_seeds_are_known(sizes_of_memory, parameters, state):
    """State by hand: 2 x 256 + R W + N (W + R + 3) + N^2 numbers, 4 bytes each."""
    settings = PAPER.changed(memory={"cell": "dnc", "dnc": sizes_of_memory})
    assert sizes.memory(settings).parameters == parameters
    assert 4 * sizes.cell(settings).state == state
    slots, word, reads = sizes_of_memory.values()
    in_slots = slots * (word + reads + 3) + slots**2
    assert sizes.addressed(settings) == in_slots
    assert sizes.addressed(PAPER) == sizes.addressed(GRU) == 0


def test_multiplies_of_the_first_layer_by_hand():
    """31 x 31 places, patches of 4 x 4 x 3, as many channels as there are."""
    narrow, wide = (PAPER.changed(vision={"channels": (n, 1, 1, 1)}) for n in (1, 2))
    grown = sizes.encoder(wide).multiplies - sizes.encoder(narrow).multiplies
    # Each channel is also read by the second layer: 14 x 14 places, 4 x 4 patches.
    assert grown == 31 * 31 * 48 + 14 * 14 * 16
