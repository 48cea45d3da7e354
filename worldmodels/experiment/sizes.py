"""How large V, M and C of given settings are: parameters, multiply-adds, activations.

They are counted from the settings alone, for planning before anything runs. Tests
compare the counts with the networks themselves. No JAX is imported here: the Snakefile
reads it.
"""

from itertools import pairwise
from typing import NamedTuple

from worldmodels.environments.games import GAMES
from worldmodels.experiment.settings import Round
from worldmodels.models.cells import registry
from worldmodels.models.cells.registry import CellSize

COLOURS = 3
# Numbers of an action to plan with where only the world itself knows how many there
# are: the buttons of Atari's joystick, and more than a humanoid's joints.
_PLANNED_ACTIONS = 18
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
    side, before = settings.environment.size, COLOURS
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
    side, before = (settings.environment.size - 48) // 16, _DECODER_UNITS
    units = side * side * _DECODER_UNITS
    parameters = (vision.latent_size + 1) * units
    multiplies, activations = vision.latent_size * units, units
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
    recurrent = cell(settings)
    outputs = 3 * memory.mixtures * latent + memory.death_head + memory.reward_head
    heads = recurrent.output * outputs
    return Size(
        parameters=recurrent.parameters + heads + outputs,
        multiplies=recurrent.multiplies + heads,
        activations=recurrent.kept,
    )


# Of dreams that begin anywhere: how many starts, and bytes of what M remembers at them.
STARTS, STATES = 8192, 2**26


def cell(settings: Round) -> CellSize:
    """Return the counts of M's recurrent cell."""
    memory, inputs = (
        settings.memory,
        settings.vision.latent_size + action_size(settings),
    )
    own = registry.options(memory.model_dump())
    return registry.size(memory.cell, inputs, memory.hidden_size, **own)


def addressed(settings: Round) -> int:
    """Return how many numbers M's cell carries that C cannot read.

    They are a memory with its addresses, which each step reads and writes; an LSTM has
    none.
    """
    size = cell(settings)
    return size.state - sum(length for _, length in size.features)


def controller(settings: Round) -> Size:
    """Return the size of C.

    Raises:
        UserError: when it reads what M's cell does not have.
    """
    controller = settings.controller
    registry.check_inputs(settings.memory.cell, controller.inputs)
    readable = {"z": settings.vision.latent_size, **dict(cell(settings).features)}
    seen = sum(readable[name] for name in controller.inputs.split("_"))
    widths = [seen, action_size(settings)]
    if controller.hidden_size:
        widths.insert(1, controller.hidden_size)
    pairs = list(pairwise(widths))
    multiplies = sum(inputs * outputs for inputs, outputs in pairs)
    biases = sum(outputs for _, outputs in pairs) * controller.bias
    return Size(multiplies + biases, multiplies, sum(widths))


def action_size(settings: Round) -> int:
    """Return how many numbers an action has; of a gymnasium world, a high guess."""
    game = GAMES.get(settings.environment.name)
    return _PLANNED_ACTIONS if game is None else len(game.actions)


def frame_bytes(settings: Round) -> int:
    """Return the bytes of a frame, as V sees it."""
    return settings.environment.size**2 * COLOURS
