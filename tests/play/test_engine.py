"""The page's engine in node: V, M and C are those of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import engine
from support.engine import ODD, needs_node

from worldmodels.environments.games import View, imported
from worldmodels.models import memory, mixture, vision
from worldmodels.play.packing import pack

pytestmark = needs_node

TURNED = imported(np.array([-2.0, 1]), np.array([2.0, 5]), False, View(), 50)
CHOICE = imported(np.zeros(4), np.ones(4), True, View(), 50)
ALL = {"masked_content": True, "erase_freed": True, "sharpen_links": True}
SMALL = {"slots": 5, "word_size": 3, "read_heads": 2}
AGENTS = {
    "lstm": {
        "inputs": "z_c_h",
        "bias": False,
        "death_head": True,
        "reward_head": True,
    },
    "gru": {"cell": "gru", "game": TURNED, "hidden": 6, "reward_head": True},
    "dnc": {"cell": "dnc", "game": CHOICE, "inputs": "z_c_h_r", "hidden": 3}
    | {"bias": False, "cell_options": tuple(SMALL.items()), "death_head": True},
    "means": {"target": memory.MEAN, "reward_head": True},
    "dnc with all": {"cell": "dnc", "cell_options": tuple((SMALL | ALL).items())},
}
DRIVEN = """
const memory = world.begin();
const prediction = world.prediction();
return input.given.z.map((z, t) => {
  const action = new Float32Array(world.sizes.action);
  world.act(z, memory, action);
  world.predict(memory, z, input.given.actions[t], prediction);
  const nll = world.nll(prediction, input.given.z[(t + 1) % input.given.z.length]);
  const { weight } = world.gaussians(prediction, 2)[1];
  return copied({ action, ...prediction, nll, weight });
});
"""


def driven(player, z, actions):
    """What JAX says of each step: C's action, M's prediction and its likelihood."""
    agent, of_memory = player.agent, player.weights.memory

    @jax.jit
    def run(z, actions, following):
        def step(state, at_t):
            seen, action, target = at_t
            before = jax.tree.map(lambda x: x[0], state)
            remembered = memory.features(agent.memory, before)
            chosen = agent.controller.act(player.controller, seen, remembered)
            given = state, seen[None], action[None]
            state, predicted = memory.step(of_memory, agent.memory, *given)
            found = jax.tree.map(lambda x: x[0], predicted)
            nll = mixture.nll(found.mixture, target).sum()
            weight = jnp.exp(found.mixture.logweight[2, 1])
            return state, (chosen, found, nll, weight)

        return jax.lax.scan(
            step, memory.initial_state(agent.memory, 1), (z, actions, following)
        )[1]

    return run(z, actions, np.roll(z, -1, axis=0))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if "all" in name else name
        for name in AGENTS
    ],
)
def test_m_and_c_are_those_of_jax(name):
    player = engine.player(**AGENTS[name])
    rng = np.random.default_rng(7)
    game = player.agent.controller.game
    z = rng.normal(size=(6, ODD.latent_size)).astype(np.float32)
    actions = rng.uniform(game.low, game.high, (6, len(game.actions)))
    chosen, predicted, nll, weight = driven(player, z, actions.astype(np.float32))
    gaussians = {
        part: values.swapaxes(1, 2).reshape(len(z), -1)
        for part, values in predicted.mixture._asdict().items()
    }
    death, reward = predicted.death, predicted.reward
    wanted = gaussians | {
        "action": chosen,
        "nll": nll,
        "weight": weight,
        "death": [None] * len(z) if death is None else jax.nn.sigmoid(death),
        "reward": [None] * len(z) if reward is None else reward,
    }
    given = {"z": z.tolist(), "actions": actions.tolist()}
    for precision in ("single", "half"):  # which holds these weights as they are
        found = engine.run(DRIVEN, given, pack(player, precision))
        for part, values in wanted.items():
            seen = [step[part] for step in found]
            if values[0] is None:
                assert seen == values
            else:
                size = max(1, np.abs(values).max())
                np.testing.assert_allclose(seen, values, rtol=0, atol=1e-5 * size)


SEEN = """
const pixels = Uint8Array.from(input.given.pixels);
const rgba = new Uint8ClampedArray((pixels.length / 3) * 4);
const picture = Array.from(world.decode(input.given.z, rgba));
const wide = new Uint8Array(rgba.length);
pixels.forEach((x, n) => (wide[4 * Math.floor(n / 3) + (n % 3)] = x));
const { mean, logvar } = copied(world.encode(pixels));
return { picture, rgba, mean, logvar, wide: world.encode(wide), simd: world.simd };
"""


@pytest.mark.parametrize("size", [64, pytest.param(80, marks=pytest.mark.slow)])
def test_v_is_that_of_jax(size):
    player = engine.player(v=ODD.clone(frame_size=size))
    model, params = player.agent.vision, player.weights.vision
    rng = np.random.default_rng(3)
    z = rng.normal(size=(1, ODD.latent_size)).astype(np.float32)
    frames = rng.integers(0, 256, (1, size, size, 3), np.uint8)
    picture = np.asarray(jax.jit(lambda z: vision.decode(params, model, z))(z)).ravel()
    assert np.ptp(picture) > 0.5
    mean, logvar = jax.jit(lambda x: vision.encode(params, model, x))(frames)
    given = {"z": z[0].tolist(), "pixels": frames.ravel().tolist()}
    for precision, simd in (("single", True), ("single", False), ("half", True)):
        found = engine.run(SEEN, given, pack(player, precision), simd)
        assert found["simd"] == simd
        # Folding the decoder gives numbers that half precision does not hold.
        limit = 2e-4 if precision == "half" else 1e-5
        np.testing.assert_allclose(found["picture"], picture, rtol=0, atol=limit)
        np.testing.assert_allclose(found["mean"], mean[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(found["logvar"], logvar[0], rtol=0, atol=1e-5)
        assert found["wide"] == {name: found[name] for name in ("mean", "logvar")}
        shades = np.reshape(found["rgba"], (-1, 4))
        assert (shades[:, 3] == 255).all()
        exact = 255 * np.reshape(found["picture"], (-1, 3))
        assert np.abs(shades[:, :3] - exact).max() <= 0.5001


def test_a_thousand_steps_of_a_dream_are_finite_and_those_of_their_seed():
    player = engine.player(cell="gru", death_head=True, reward_head=True)
    body = """
    const dream = (seed, steps) => {
      const r = random(seed);
      const z = new Float32Array(world.sizes.latent);
      const action = new Float32Array(world.sizes.action);
      const memory = world.begin();
      const prediction = world.prediction();
      r.at(0);
      world.start(r, z);
      for (let t = 1; t <= steps; t++) {
        world.act(z, memory, action);
        world.predict(memory, z, action, prediction);
        r.at(t);
        world.draw(prediction, 1, r, z);
      }
      return copied({ z, action, ...prediction });
    };
    return [dream(1, 1000), dream(1, 1000), dream(2, 1000), dream(2 ** 33 + 1, 1000)];
    """
    found = engine.run(body, None, pack(player))
    numbers = [np.hstack([np.ravel(x) for x in one.values()]) for one in found]
    assert np.isfinite(numbers).all()
    assert found[0] == found[1]
    assert not np.allclose(numbers[0], numbers[2])
    assert not np.allclose(numbers[0], numbers[3])


@pytest.mark.parametrize("target", [memory.SAMPLE, memory.MEAN])
def test_a_dream_begins_at_a_sample_or_at_a_mean(target):
    player = engine.player(target=target)
    starts = player.starts._replace(logvar=np.full_like(player.starts.logvar, -2))
    body = """
    const z = new Float32Array(world.sizes.latent);
    return Array.from({ length: 50 }, (_, seed) => {
      const r = random(seed);
      r.at(0);
      world.start(r, z);
      return Array.from(z);
    });
    """
    z = np.array(engine.run(body, None, pack(player._replace(starts=starts), "single")))
    distance = np.abs(z[:, None] - starts.mu).max(axis=-1).min(axis=1)  # [50]
    if target == memory.MEAN:
        np.testing.assert_allclose(distance, 0, atol=1e-6)
    else:
        assert distance.min() > 0.01


def test_a_memory_can_be_copied():
    """Two that remember the same predict the same, and neither changes the other."""
    player = engine.player(cell="dnc", cell_options=tuple(SMALL.items()))
    body = """
    const [one, other] = [world.begin(), world.begin()];
    const prediction = world.prediction();
    const z = [1, -1, 2, 0.5, 0];
    const read = (memory, times) => {
      for (let t = 0; t < times; t++) world.predict(memory, z, [0.5, 1, 0], prediction);
      return Array.from(prediction.mean);
    };
    read(one, 5);
    world.copy(one, other);
    return [read(one, 3), read(other, 3), read(world.begin(), 3)];
    """
    first, second, fresh = engine.run(body, None, pack(player))
    assert first == second != fresh
