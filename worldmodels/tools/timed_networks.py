"""The pieces of a calibration that are networks': training, encoding, dreaming."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jax.experimental.compilation_cache import compilation_cache

from worldmodels.environments.games import CARRACING, game_of
from worldmodels.experiment import sizes, work
from worldmodels.models import memory, memory_loss, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE
from worldmodels.rollout import arenas
from worldmodels.tools.timing import (
    Machine,
    Points,
    Seconds,
    Sizes,
    fitted,
    more,
    typical,
)
from worldmodels.training import loop
from worldmodels.training.encoding import ParallelEncoder

_VISION_CALLS, _MEMORY_CALLS = 8, 4  # minibatches in one call, as in the stages
# The stage reads M's batches too: 38 ms each in a default run, of which 30 are these.
_MEMORY_FED = 1.25
_FRAMES = 256  # encoded at a time
_DREAMERS, _DREAMS, _DREAMT_SHORT, _DREAMT_LONG = 32, 16, 32, 352
# Of the program that the built-in rates count as so many seconds.
_COMPILED = 7.5


def time_encoding(machine: Machine, size: Sizes, points: Points) -> Seconds:
    """Time V's encoder on its own."""
    model, _ = _networks(machine, size)
    frames = np.zeros((_FRAMES, *model.frame_shape), np.uint8)
    with ParallelEncoder(model, vision.initial(jax.random.key(0), model)) as encode:
        taken = typical(machine, lambda: [encode(frames) for _ in range(8)])
    count = 8 * _FRAMES
    multiplies = count * sizes.encoder(size.settings).multiplies
    known = points.setdefault("encoder", [])
    known.append((count, multiplies, taken))
    return fitted(work.ENCODED, work.ENCODER_MULTIPLY, known)


def time_dreaming(machine: Machine, size: Sizes, points: Points) -> Seconds:
    """Time dreams in which nobody dies."""
    agent, weights = agent_of(machine, size)
    params = weights.memory | {"death_bias": weights.memory["death_bias"] - 100}
    starts = Starts(*np.zeros((2, 10, agent.vision.latent_size), np.float32))
    dream = Dream(agent.memory, params, starts, 1.15)
    score, population = arenas.dreams(agent, dream), population_of(agent, _DREAMERS)
    play = partial(score, population, np.arange(_DREAMS))
    taken = more(machine, play, _DREAMT_SHORT, _DREAMT_LONG)
    count = _DREAMERS * _DREAMS * (_DREAMT_LONG - _DREAMT_SHORT)
    multiplies = count * sizes.memory(size.settings).multiplies
    known = points.setdefault("dream", [])
    known.append((count, multiplies, taken))
    return fitted(work.DREAMT, work.DREAM_MULTIPLY, known)


def time_memory(machine: Machine, size: Sizes, points: Points) -> Seconds:
    """Time M's training."""
    _, model = _networks(machine, size)
    batch = _sequences(model, size)
    batches = {name: np.stack([x] * _MEMORY_CALLS) for name, x in batch.items()}
    loss = partial(memory_loss.loss, model=model)
    params = memory.initial(jax.random.key(0), model)
    carry = memory.initial_state(model, size.rows)
    update, state = _training(loss, params, carry)
    taken = typical(machine, _trainer(update, state, batches), busy=size.memory_busy)
    steps = _MEMORY_CALLS * size.steps
    multiplies = steps * size.rows * sizes.memory(size.settings).multiplies
    known = points.setdefault("memory", [])
    known.append((steps, multiplies, _MEMORY_FED * taken))
    return fitted(work.M_STEP, work.M_MULTIPLY, known)


def _sequences(model: Memory, size: Sizes) -> dict[str, np.ndarray]:
    """Return whole episodes, as `memory_loss.loss` takes them."""
    rng, shape = np.random.default_rng(0), (size.rows, size.steps)
    longer = (size.rows, size.steps + 1, model.latent_size)
    step = np.broadcast_to(np.arange(size.steps), shape)
    return {
        "mu": rng.normal(size=longer).astype(np.float16),
        "logvar": rng.normal(-2, 0.5, longer).astype(np.float16),
        "actions": rng.uniform(-1, 1, (*shape, model.action_size)).astype(np.float32),
        "rewards": np.ones(shape, np.float32),
        "terminated": np.zeros(shape, bool),
        "first": step == 0,
        "last": step == size.steps - 1,
        "inside": np.ones(shape, bool),
    }


def time_vision(machine: Machine, size: Sizes, points: Points) -> Seconds:
    """Time V's training, and how long its program compiles."""
    model, _ = _networks(machine, size)
    count = size.settings.vision.batch_size
    shape = (_VISION_CALLS, count, *model.frame_shape)
    batches = {"frames": np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
    loss = partial(vision.loss, model=model, kl_tolerance=0.5)
    each = loop.separate(lambda params, batch, key: loss(params, batch["frames"], key))
    params = vision.initial(jax.random.key(0), model)
    update, state = _training(each, params, ())
    given, made = (state, batches, jax.random.key(1)), []
    with _programs_forgotten():
        compiling = machine.timer(lambda: made.append(update.lower(*given).compile()))
    taken = typical(machine, _trainer(made[0], state, batches), busy=size.vision_busy)
    frames = _VISION_CALLS * count
    multiplies = sum(
        part(size.settings).multiplies for part in (sizes.encoder, sizes.decoder)
    )
    known = points.setdefault("vision", [])
    known.append((frames, frames * multiplies, taken))
    found = fitted(work.V_FRAME, work.V_MULTIPLY, known)
    return found | ({work.COMPILED: compiling / _COMPILED} if len(known) == 1 else {})


@contextmanager
def _programs_forgotten() -> Iterator[None]:
    """Let JAX compile anew what it would load."""
    enabled = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # it asks but once whether it is enabled
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()


def _training(loss: loop.Loss, params: Any, carry: Any) -> tuple[Any, loop.TrainState]:
    """Return the program of a training and the state that it begins with."""
    optimizer = optax.adam(1e-4)
    return loop.updates(loss, optimizer), loop.initial(params, optimizer, carry)


def _trainer(
    update: Callable, state: loop.TrainState, batches: Any
) -> Callable[[], Any]:
    """Return a call that trains on the same batches again."""
    key = jax.random.key(1)

    def train():
        nonlocal state
        state, metrics = update(state, batches, key)
        return metrics

    return train


def _networks(machine: Machine, size: Sizes) -> tuple[VAE, Memory]:
    """Return V and M of a size, for frames of 64 x 64."""
    v, m = size.settings.vision, size.settings.memory
    model = VAE(
        v.latent_size, v.channels, v.decoder_channels, precision=machine.precision
    )
    return model, Memory(
        v.latent_size, hidden_size=m.hidden_size, death_head=True,
        precision=machine.precision,
    )  # fmt: skip


def agent_of(machine: Machine, size: Sizes) -> tuple[Agent, Weights]:
    """Return an agent of CarRacing, in the view that is asked for; random weights."""
    model, remembering = _networks(machine, size)
    features = (("h", remembering.hidden_size),)
    game = game_of(CARRACING.name, machine.environment.view)
    agent = Agent(model, remembering, Controller(model.latent_size, features, game))
    seen = vision.initial(jax.random.key(0), model)
    return agent, Weights(seen, memory.initial(jax.random.key(1), remembering))


def population_of(agent: Agent, count: int) -> np.ndarray:
    shape = count, agent.controller.parameter_count
    return 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)
