"""The engine of a page in node, and agents of odd sizes to run in it."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from worldmodels.environments.games import CARRACING, Game
from worldmodels.models import memory, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Starts
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE
from worldmodels.play import page
from worldmodels.play.packing import Packed, Player

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the page's engine runs in node")

ODD = VAE(latent_size=5, channels=(3, 5, 4, 7), decoder_channels=(6, 5, 3))

_READ = """"use strict";
const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
"""
_MAIN = """
function toJson(values) {
  return JSON.stringify(values, (_, x) => (ArrayBuffer.isView(x) ? Array.from(x) : x));
}
function copied(values) {
  return JSON.parse(toJson(values));
}
require("fs").writeFileSync(1, toJson(run(input)));
"""


def run(
    body: str, given: Any = None, packed: Packed | None = None, simd: bool = True
) -> Any:
    """Return what the body of a function returns, as JSON values.

    In it are `input.given`; `world`, the agent in `packed`; and `copied(values)`,
    arrays among them as they are now.
    """
    values = {"given": given, "simd": simd}
    if packed is not None:
        numbers = base64.b64encode(packed.numbers).decode()
        values |= {"header": json.loads(page.as_json(packed.header)), "data": numbers}
        opened = "openWorld(input.header, fromBase64(input.data), input.simd)"
        body = f"const world = {opened};\n{body}"
    code = _READ + "".join(map(page.source, page.ENGINE))
    code += f"function run(input) {{\n{body}\n}}\n{_MAIN}"
    found = subprocess.run(
        [NODE, "-e", code], input=json.dumps(values), capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout)


def player(
    game: Game = CARRACING,
    v: VAE = ODD,
    inputs: str = "z_h",
    hidden: int = 0,
    bias: bool = True,
    units: int = 7,
    mixtures: int = 3,
    **of_memory: Any,
) -> Player:
    """Return an agent with random weights, biases too, that half precision holds."""
    m = Memory(v.latent_size, len(game.actions), units, mixtures, **of_memory)
    c = Controller(v.latent_size, m.size.features, game, inputs, hidden, bias)
    rng = np.random.default_rng(5)

    def drawn(shape: tuple[int, ...], scale: float) -> np.ndarray:
        return rng.normal(scale=scale, size=shape).astype(np.float16).astype(np.float32)

    def of(initial: Callable[..., Any], model: VAE | Memory, scale: float) -> Any:
        shapes = jax.eval_shape(lambda: initial(jax.random.key(0), model))
        return jax.tree.map(lambda x: drawn(x.shape, scale), shapes)

    weights = Weights(of(vision.initial, v, 0.14), of(memory.initial, m, 0.4))
    return Player(
        "odd",
        Agent(v, m, c),
        weights,
        drawn((c.parameter_count,), 0.4),
        Starts(*rng.normal(size=(2, 3, v.latent_size)).astype(np.float32)),
        {"round": 0, "seed": 0, "generation": 1, "score": 1.5},
    )
