"""How large V, M and C of given settings are: parameters, multiply-adds, activations.

They are counted from the settings alone, for planning before anything runs. Tests
compare the counts with the networks themselves. No JAX is imported here: the Snakefile
reads it.
"""

from itertools import pairwise
from typing import NamedTuple

from worldmodels.environments.games import game_of
from worldmodels.experiment.settings import Round

FRAME = 64  # pixels of its sides
COLOURS = 3
FRAME_BYTES = FRAME * FRAME * COLOURS
_ENCODER_KERNELS = (4, 4, 4, 4)
_DECODER_KERNELS = (5, 5, 6, 6)
_DECODER_UNITS = 1024


class Size(NamedTuple):
    """One network, or a part of one."""

    parameters: int
    multiplies: int  # multiply-adds of one frame, or of one step
    activations: int  # numbers that its layers make for one frame, with patches


def encoder(settings: Round) -> Size:
    """Return the size of V's encoder."""
    vision = settings.vision
    parameters = multiplies = activations = 0
    side, before = FRAME, COLOURS
    for kernel, channels in zip(_ENCODER_KERNELS, vision.channels, strict=True):
        patch = kernel * kernel * before
        side = (side - kernel) // 2 + 1
        parameters += (patch + 1) * channels
        multiplies += side * side * patch * channels
        activations += side * side * (patch + 2 * channels)
        before = channels
    flat = side * side * before
    parameters += 2 * (flat + 1) * vision.latent_size
    multiplies += 2 * flat * vision.latent_size
    return Size(parameters, multiplies, activations + 2 * vision.latent_size)


def decoder(settings: Round) -> Size:
    """Return the size of V's decoder."""
    vision = settings.vision
    parameters = (vision.latent_size + 1) * _DECODER_UNITS
    multiplies = vision.latent_size * _DECODER_UNITS
    side, before, activations = 1, _DECODER_UNITS, _DECODER_UNITS
    widths = (*vision.decoder_channels, COLOURS)
    for kernel, channels in zip(_DECODER_KERNELS, widths, strict=True):
        stamp = kernel * kernel * channels
        parameters += stamp * before + channels
        multiplies += side * side * stamp * before
        activations += side * side * stamp
        side, before = 2 * side + kernel - 2, channels
        activations += 2 * side * side * channels
    return Size(parameters, multiplies, activations)


def memory(settings: Round) -> Size:
    """Return the size of M; its activations are those that a step's gradient needs."""
    memory, latent = settings.memory, settings.vision.latent_size
    units, inputs = memory.hidden_size, latent + action_size(settings)
    outputs = 3 * memory.mixtures * latent + memory.death_head + memory.reward_head
    multiplies = (inputs + units) * 4 * units + units * outputs
    parameters = multiplies + 4 * units + outputs
    return Size(parameters, multiplies, 9 * units + 8 * (inputs + 1))


def controller(settings: Round) -> Size:
    """Return the size of C."""
    controller, memory = settings.controller, settings.memory.hidden_size
    seen = {"z": 0, "z_h": 1, "z_c_h": 2}[controller.inputs] * memory
    widths = [settings.vision.latent_size + seen, action_size(settings)]
    if controller.hidden_size:
        widths.insert(1, controller.hidden_size)
    pairs = list(pairwise(widths))
    multiplies = sum(inputs * outputs for inputs, outputs in pairs)
    biases = sum(outputs for _, outputs in pairs) * controller.bias
    return Size(multiplies + biases, multiplies, sum(widths))


def action_size(settings: Round) -> int:
    """Return how many numbers an action of the game has."""
    return len(game_of(settings.environment.name).actions)
