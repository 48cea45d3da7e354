"""Time the page to play in: node's CPU milliseconds a frame, and XLA's beside them.

    python benchmarks/play.py

The agents have random weights and the sizes of the default and of the paper. In node,
which runs the page's own engine: V's decoder, with the kernel in WebAssembly and with
plain loops; a step of C, M and a draw; V's encoder; and opening the page. In JAX: one
frame of V's decoder, as it is and folded, with the CPU time of all threads. Each is the
median over turns. The last line is JSON.
"""

import argparse
import base64
import json
import os
import subprocess
import time
from functools import partial
from typing import Any

import jax
import numpy as np

from worldmodels.environments.games import CARRACING
from worldmodels.models import folding, memory, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Starts
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE
from worldmodels.play import packing, page
from worldmodels.play.packing import Player

SIZES = {
    "default": (VAE(channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16)), 64),
    "paper": (VAE(), 256),
}
LIMITS = {"default": 3.5, "paper": 9.0}  # ms of a decoded frame and its step
MAIN = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const cpu = () => process.cpuUsage().user / 1000;
function median(run, turns, calls) {
  for (let n = 0; n < 2 * calls; n++) run();
  const times = Array.from({ length: turns }, () => {
    const start = cpu();
    for (let n = 0; n < calls; n++) run();
    return (cpu() - start) / calls;
  });
  return times.sort((a, b) => a - b)[turns >> 1];
}
const found = {};
for (const simd of [true, false]) {
  const start = cpu();
  const world = openWorld(given.header, fromBase64(given.data), simd);
  if (simd) found.open = cpu() - start;
  if (world.simd !== simd) throw new Error("node has no SIMD");
  const { frame, latent, action } = world.sizes;
  const z = new Float32Array(latent);
  const a = new Float32Array(action);
  const r = random(1);
  const remembered = world.begin();
  const prediction = world.prediction();
  const rgba = new Uint8ClampedArray(4 * frame * frame);
  let t = 0;
  world.start(r, z);
  const step = () => {
    world.act(z, remembered, a);
    world.predict(remembered, z, a, prediction);
    r.at(++t);
    world.draw(prediction, 1, r, z);
  };
  const parts = {
    decode: () => world.decode(z, rgba),
    step,
    encode: () => world.encode(rgba),
  };
  for (const [name, part] of Object.entries(parts)) {
    const calls = simd ? 50 : 5;
    found[simd ? name : `${name} in loops`] = median(part, given.turns, calls);
  }
}
console.log(JSON.stringify(found));
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9, help="of each measurement")
    turns = parser.parse_args().turns
    rows = {}
    for name, (v, units) in SIZES.items():
        player = random_player(name, v, units)
        packed = packing.pack(player)
        row = in_node(packed, turns) | in_xla(player, turns)
        row["page, kB"] = len(page.html(packed).encode()) / 1000
        row["a frame and its step"] = row["decode"] + row["step"]
        rows[name] = row
    print(f"{'ms':24}" + "".join(f"{name:>10}" for name in rows))
    for part in rows["default"]:
        numbers = (row[part] for row in rows.values())
        print(f"{part:24}" + "".join(f"{number:10.2f}" for number in numbers))
    print(f"{'at most':24}" + "".join(f"{LIMITS[name]:10.2f}" for name in rows))
    print(json.dumps({"cores": len(os.sched_getaffinity(0)), "rows": rows}))


def random_player(name: str, v: VAE, units: int) -> Player:
    """Return an agent of CarRacing with random weights."""
    m = Memory(v.latent_size, len(CARRACING.actions), units)
    c = Controller(v.latent_size, m.size.features, CARRACING)
    weights = Weights(
        vision.initial(jax.random.key(0), v), memory.initial(jax.random.key(1), m)
    )
    controller = np.random.default_rng(0).normal(size=c.parameter_count)
    starts = Starts(*np.zeros((2, 1, v.latent_size)))
    return Player(name, Agent(v, m, c), weights, controller, starts, {})


def in_node(packed: packing.Packed, turns: int) -> dict[str, float]:
    """Return CPU milliseconds of the page's engine."""
    given = {
        "header": packed.header,
        "data": base64.b64encode(packed.numbers).decode(),
        "turns": turns,
    }
    code = '"use strict";\n' + "".join(map(page.source, page.ENGINE)) + MAIN
    command = ["node", "-e", code]
    found = subprocess.run(
        command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(found.stdout)


def in_xla(player: Player, turns: int) -> dict[str, float]:
    """Return milliseconds of one frame of V's decoder, as it is and folded."""
    v, params = player.agent.vision, player.weights.vision
    z = np.random.default_rng(1).normal(size=(1, v.latent_size)).astype(np.float32)
    folded = folding.fold(params, v)
    plain = jax.jit(lambda params, z: vision.decode(params, v, z))
    once = jax.jit(lambda decoder, z: folding.decode(decoder, v, z))
    return {
        "XLA, decode": milliseconds(partial(plain, params, z), turns),
        "XLA, decode folded": milliseconds(partial(once, folded, z), turns),
    }


def milliseconds(run: Any, turns: int, calls: int = 20) -> float:
    """Return the median over turns of one call's CPU time."""
    jax.block_until_ready(run())
    times = []
    for _ in range(turns):
        start = time.process_time()
        for _ in range(calls):
            jax.block_until_ready(run())
        times.append(1e3 * (time.process_time() - start) / calls)
    return float(np.median(times))


if __name__ == "__main__":
    main()
