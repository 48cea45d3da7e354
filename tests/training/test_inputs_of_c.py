"""The mean of what C reads against a plain loop over episodes and steps."""

import jax
import numpy as np
import pytest
from support import dream_stores
from support.synthetic import LATENT

from worldmodels.environments.games import CARRACING
from worldmodels.models import memory
from worldmodels.models.agent import Agent
from worldmodels.models.controller import Controller
from worldmodels.models.vision import VAE
from worldmodels.stores import networks
from worldmodels.training.inputs_of_c import mean_inputs


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return dream_stores.make(tmp_path_factory.mktemp("experiment"))


@pytest.mark.parametrize("inputs", ["z_c_h", "z_c_h_r"])
def test_it_is_the_mean_over_the_steps_inside_all_episodes(stores, inputs):
    model, params = networks.load_memory(stores.memory)
    if inputs == "z_c_h_r":
        slots = (("slots", 3), ("word_size", 2), ("read_heads", 2))
        model = model.clone(cell="dnc", cell_options=slots)
        params = memory.initial(jax.random.key(0), model)
    controller = Controller(LATENT, model.size.features, CARRACING, inputs=inputs)
    agent = Agent(VAE(latent_size=LATENT), model, controller)
    read, remember = [], jax.jit(memory.remember, static_argnums=1)
    for store in stores.latents:
        for episode, length in enumerate(store.read("length")):
            state = memory.initial_state(model, 1)
            for step in range(length):
                z = store.read("mu")[episode, step].astype(np.float32)
                features = memory.features(model, state)
                names = inputs.split("_")[1:]
                read.append(np.concatenate([z, *(features[k][0] for k in names)]))
                action = store.read("actions")[episode, step]
                state = remember(params, model, state, z[None], action[None])
    found = mean_inputs(agent, params, stores.latents)
    np.testing.assert_allclose(found, np.mean(read, axis=0), atol=1e-5)
    assert np.abs(found).max() > 0.01
