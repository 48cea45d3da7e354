"""The shipped agents dream in the page as they do in `models.dream`."""

from pathlib import Path

import jax
import numpy as np
import pytest
from support import engine
from support.commands import REPOSITORY

from worldmodels.models.dream import Dream, Starts
from worldmodels.play.packing import Player, pack
from worldmodels.rollout import in_dream
from worldmodels.rollout.in_dream import Controlled
from worldmodels.runtime.randomness import seed_words
from worldmodels.stores import agents

pytestmark = [engine.needs_node, pytest.mark.slow]

DREAMS, STEPS = 64, 300
# Two standard errors between 16 dreams each are as wide as four between 64. By chance
# one in twenty differs by the one, and one in ten thousand by the other: rounding is
# another on another machine, and so are the dreams.
APART = 4
BODY = """
const { dreams, steps, temperature } = input.given;
return Array.from({ length: dreams }, (_, seed) => {
  const r = random(seed);
  const z = new Float32Array(world.sizes.latent);
  const action = new Float32Array(world.sizes.action);
  const memory = world.begin();
  const prediction = world.prediction();
  const seen = [];
  r.at(0);
  world.start(r, z);
  for (let t = 1; t <= steps; t++) {
    world.act(z, memory, action);
    const before = Array.from(z);
    world.predict(memory, z, action, prediction);
    r.at(t);
    world.draw(prediction, temperature, r, z);
    const died = world.dies(prediction, r);
    const worth = prediction.death === null ? prediction.reward : Number(!died);
    seen.push([worth, ...action, ...before]);
    if (died) break;
  }
  return seen;
});
"""


def shipped(name: str) -> Player:
    """Return a shipped agent; CarRacing's M, which has no reward, is given one."""
    driver = agents.from_pretrained(Path(REPOSITORY, "pretrained", f"{name}.zarr"))
    rng = np.random.default_rng(1)
    agent, weights = driver.agent, driver.weights
    if driver.dream is not None:
        return Player(
            name, agent, weights, driver.controller, driver.dream.starts, {},
            driver.dream.temperature, driver.dream.death_threshold,
        )  # fmt: skip
    rewarded = agent.memory.clone(reward_head=True)
    kernel = rng.normal(size=(agent.memory.size.output, 1)).astype(np.float16)
    head = {"reward_kernel": kernel, "reward_bias": np.float16([0.5])}
    params = dict(weights.memory) | {k: x.astype(np.float32) for k, x in head.items()}
    # Means as the first frames of a drive have them: of its own first picture.
    mu = rng.normal(scale=0.5, size=(8, agent.vision.latent_size)).astype(np.float16)
    starts = Starts(mu.astype(np.float32), np.full(mu.shape, -4, np.float32))
    agent = type(agent)(agent.vision, rewarded, agent.controller, agent.sample_z)
    return Player(
        name, agent, weights._replace(memory=params), driver.controller, starts, {}
    )


def dreamt(player: Player, temperature: float) -> list[np.ndarray]:
    """What JAX dreams: of each step its worth, the action and z."""
    model, params = player.agent.memory, player.weights.memory
    threshold = player.death_threshold
    dream = Dream(model, params, player.starts, temperature, threshold)
    actor = Controlled(player.agent.controller, model)
    found = []
    for words in seed_words(np.arange(DREAMS)):
        steps = in_dream.record(dream, actor, player.controller, words, STEPS)
        steps = jax.tree.map(np.asarray, steps)
        rows = np.column_stack([steps.reward, steps.action, steps.z])
        found.append(rows[steps.alive])
    return found


@pytest.mark.parametrize(("name", "tau"), [("carracing", 1.0), ("takecover", 1.15)])
def test_dreams_are_worth_the_same(name, tau):
    """The means over dreams are within the standard errors of their difference.

    Of a dream's total; and of the mean and spread of all that C did and V would show,
    with one standard error more for their number.
    """
    player = shipped(name)
    given = {"dreams": DREAMS, "steps": STEPS, "temperature": tau}
    ours = [np.array(d) for d in engine.run(BODY, given, pack(player))]
    theirs = dreamt(player, tau)
    assert all(np.isfinite(d).all() for d in ours)
    assert apart([d[:, 0].sum() for d in ours], [d[:, 0].sum() for d in theirs]) < APART
    means = [[d.mean(axis=0) for d in dreams] for dreams in (ours, theirs)]
    assert apart(*means)[1:].max() < APART + 1
    spreads = [[d.std(axis=0) for d in dreams] for dreams in (ours, theirs)]
    assert apart(*spreads)[1:].max() < APART + 1


def apart(ours: list, theirs: list) -> np.ndarray:
    """Return how far two means over dreams are apart, in standard errors."""
    ours, theirs = np.array(ours), np.array(theirs)
    error = np.sqrt((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / DREAMS)
    return np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / np.maximum(error, 1e-6)


@pytest.mark.parametrize("name", ["carracing", "takecover"])
def test_a_shipped_agent_dreams_a_thousand_steps(name):
    given = {"dreams": 1, "steps": 1000, "temperature": 1.0}
    (dream,) = engine.run(BODY, given, pack(shipped(name)))
    assert np.isfinite(dream).all()
    assert len(dream) == 1000 or name == "takecover"
