"""The released networks in this project's modules against the released code, in numpy.

Every single wrong permutation of an import must fail here.
"""

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import released_files as files

from worldmodels.environments.games import game_of
from worldmodels.models import memory, released, vision
from worldmodels.models.controller import Controller
from worldmodels.models.memory import Memory
from worldmodels.models.released import Networks
from worldmodels.models.vision import VAE

GAMES = {"carracing": released.CARRACING, "takecover": released.TAKECOVER}
STEPS, STARTS = 50, (0, 1, 17, 40)  # an episode of one step among them
TOLERANCE = 1e-5


@cache
def converted(game):
    rng = np.random.default_rng(0)
    v, m = files.vision(rng), files.memory(rng, game)
    c = files.controller(rng, game)
    return (v, m, c), released.convert(v, m, c, GAMES[game])


def models(game, networks):
    sizes, layout = networks.sizes, GAMES[game]
    v = VAE(sizes.latent_size, sizes.channels, sizes.decoder_channels)
    m = Memory(
        sizes.latent_size,
        layout.actions,
        sizes.hidden_size,
        sizes.mixtures,
        death_head=layout.restarts,
    )
    reads = {"inputs": layout.inputs, "bias": layout.bias}
    c = Controller(sizes.latent_size, m.size.features, game_of(game), **reads)
    return v, m, c


@cache
def seen():
    """Return a frame and a z, and what the released V makes of them."""
    (arrays, *_), _ = converted("carracing")
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (64, 64, 3), np.uint8)
    z = rng.normal(size=files.Z)
    return frame, z, (*files.encode(arrays, frame), files.decode(arrays, z))


@partial(jax.jit, static_argnums=0)
def see(model, params, frame, z):
    params = jax.tree.map(jnp.asarray, params)
    mu, logvar = vision.encode(params, model, frame[None])
    return mu[0], logvar[0], vision.decode(params, model, z[None])[0]


def vision_error(networks):
    """Return the largest difference of V from the released code."""
    frame, z, theirs = seen()
    model, *_ = models("carracing", networks)
    ours = see(model, networks.vision, frame, z.astype(np.float32))
    return max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))


@cache
def driven(game):
    """Return z and actions [T, ...], and what the released M and C make of them."""
    (_, m_arrays, c_params), _ = converted(game)
    rng = np.random.default_rng(2)
    z = rng.normal(size=(STEPS, files.Z))
    a = rng.uniform(-1, 1, (STEPS, GAMES[game].actions))
    found = []
    for t in range(STEPS):
        if t in STARTS:
            state = np.zeros(files.N), np.zeros(files.N)
        action = files.act(c_params, game, state, z[t])
        state = files.remember(m_arrays, game, state, z[t], a[t], t in STARTS)
        found.append((*files.predict(m_arrays, game, state[1]), action))
    return z, a, [np.array(part) for part in zip(*found, strict=True)]


@partial(jax.jit, static_argnums=(0, 1))
def drive(model, linear, params, controller, z, a):
    """Do the same with M and C here: M forgets where an episode starts."""
    start = memory.initial_state(model, 1)

    def step(state, at_t):
        z, a, first = at_t
        state = jax.tree.map(
            lambda now, then: jnp.where(first, then, now), state, start
        )
        remembered = jax.tree.map(lambda x: x[0], memory.features(model, state))
        action = linear.act(controller, z, remembered)
        state, predicted = memory.step(params, model, state, z[None], a[None])
        death = jnp.zeros(1) if predicted.death is None else predicted.death
        parts = (*(part[0] for part in predicted.mixture), death[0])
        return state, (*parts, action)

    first = jnp.isin(jnp.arange(STEPS), jnp.array(STARTS))
    return jax.lax.scan(step, start, (z, a, first))[1]


def driven_error(networks, game):
    """Return the largest difference of M and C from the released code."""
    z, a, theirs = driven(game)
    _, model, linear = models(game, networks)
    inputs = z.astype(np.float32), a.astype(np.float32)
    ours = drive(model, linear, dict(networks.memory), networks.controller, *inputs)
    return max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))


def test_v_is_the_released_one():
    _, networks = converted("carracing")
    assert networks.sizes == (files.Z, files.CHANNELS, files.DECODER_CHANNELS, 6, 2)
    assert vision_error(networks) < TOLERANCE


@pytest.mark.parametrize("game", GAMES)
def test_m_and_c_are_the_released_ones_over_episodes(game):
    """Of TakeCover with the restart unit in place of the flag."""
    _, networks = converted(game)
    assert networks.sizes.hidden_size == files.N + (game == "takecover")
    assert driven_error(networks, game) < TOLERANCE


def v_with(change):
    """Return what changes one kernel of V: of a decoder's layer and of an encoder's."""

    def apply(networks: Networks) -> Networks:
        params = jax.tree.map(np.copy, networks.vision)
        change(params)
        return networks._replace(vision=params)

    return apply


def unturned(params):
    kernel = params["decoder"]["deconv_2"]["kernel"]
    params["decoder"]["deconv_2"]["kernel"] = kernel[::-1, ::-1]


def mirrored(params):
    kernel = params["encoder"]["conv_1"]["kernel"]
    params["encoder"]["conv_1"]["kernel"] = kernel[:, ::-1]


def heads(params):
    encoder = params["encoder"]
    encoder["mu"], encoder["logvar"] = encoder["logvar"], encoder["mu"]


@pytest.mark.parametrize("change", [unturned, mirrored, heads])
def test_a_wrong_permutation_of_v_shows(change):
    _, networks = converted("carracing")
    assert vision_error(v_with(change)(networks)) > 100 * TOLERANCE


def gates(*order):
    """Put the LSTM's gates in another order."""

    def change(networks):
        params = dict(networks.memory)
        for name in ("lstm_kernel", "lstm_bias"):
            parts = np.split(params[name], 4, axis=-1)
            params[name] = np.concatenate([parts[i] for i in order], axis=-1)
        return networks._replace(memory=params)

    return change


def without_one(networks):
    params = dict(networks.memory)
    bias = params["lstm_bias"].reshape(4, -1).copy()
    bias[1] -= 1
    return networks._replace(memory=params | {"lstm_bias": bias.ravel()})


def head(shape, axes):
    """Permute the outputs of the head, which are 3 x K x Z."""

    def change(networks):
        params = dict(networks.memory)
        for name in ("head_kernel", "head_bias"):
            array = params[name]
            split = array.reshape(*array.shape[:-1], *shape)
            kept = tuple(range(array.ndim - 1))
            axes_here = (*kept, *(len(kept) + axis for axis in axes))
            params[name] = split.transpose(axes_here).reshape(array.shape)
        return networks._replace(memory=params)

    return change


def mixed_parts(networks):
    """Means where log-stds are."""
    params = dict(networks.memory)
    for name in ("head_kernel", "head_bias"):
        logit, mean, logstd = np.split(params[name], 3, axis=-1)
        params[name] = np.concatenate([logit, logstd, mean], axis=-1)
    return networks._replace(memory=params)


def biases_first(networks):
    c = networks.controller
    return networks._replace(controller=np.concatenate([c[-3:], c[:-3]]))


def by_inputs(networks):
    c = networks.controller
    weights = c[:-3].reshape(3, -1).T.ravel()
    return networks._replace(controller=np.concatenate([weights, c[-3:]]))


def h_before_c(networks):
    z, c, h = np.split(networks.controller, [files.Z, files.Z + files.N + 1])
    return networks._replace(controller=np.concatenate([z, h, c]))


def uncorrected(networks):
    params = dict(networks.memory)
    bias = params["death_bias"] + math.log(10)
    return networks._replace(memory=params | {"death_bias": bias})


def without_restarts(networks):
    params = dict(networks.memory)
    kernel = params["lstm_kernel"].copy()
    kernel[-1] = 0
    return networks._replace(memory=params | {"lstm_kernel": kernel})


WRONG = [
    ("carracing", gates(0, 2, 1, 3)),
    ("carracing", gates(0, 1, 3, 2)),
    ("carracing", gates(1, 0, 2, 3)),
    ("carracing", gates(3, 1, 2, 0)),
    ("carracing", without_one),
    ("carracing", head((3, files.K, files.Z), (0, 2, 1))),
    ("carracing", mixed_parts),
    ("carracing", biases_first),
    ("carracing", by_inputs),
    ("takecover", gates(0, 2, 1, 3)),
    ("takecover", without_one),
    ("takecover", mixed_parts),
    ("takecover", h_before_c),
    ("takecover", uncorrected),
    ("takecover", without_restarts),
]


@pytest.mark.parametrize(("game", "change"), WRONG)
def test_a_wrong_permutation_of_m_or_c_shows(game, change):
    _, networks = converted(game)
    assert driven_error(change(networks), game) > 100 * TOLERANCE
