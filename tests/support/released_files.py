"""The release of the paper's authors, made up: same files and layout, small odd sizes.

Beside it is what the released code computes of the arrays, in loops over numpy: the
independent reference of an import.
"""

import json
import math
from pathlib import Path

import numpy as np

CHANNELS, DECODER_CHANNELS, Z, N, K = (2, 3, 4, 5), (4, 3, 2), 3, 6, 2
ACTIONS = {"carracing": 3, "takecover": 1}
FILES = {
    "carracing": (
        "vae/vae.json", "rnn/rnn.json", "initial_z/initial_z.json",
        "log/carracing.cma.16.64.best.json",
    ),
    "takecover": (
        "tf_models/vae.json", "tf_models/rnn.json", "tf_models/initial_z.json",
        "log/doomrnn.cma.16.64.best.json",
    ),
}  # fmt: skip


def whole(rng, *shape, spread=0.4):
    """Return whole numbers of that shape, 10,000 times as large as weights."""
    return np.round(rng.normal(0, spread, shape) * 10_000).astype(int)


def vision(rng) -> list[np.ndarray]:
    shapes, before = [], 3
    for own in CHANNELS:
        shapes += [(4, 4, before, own), (own,)]
        before = own
    shapes += [(4 * before, Z), (Z,)] * 2 + [(Z, 1024), (1024,)]
    before = 1024
    for own, size in zip((*DECODER_CHANNELS, 3), (5, 5, 6, 6), strict=True):
        shapes += [(size, size, own, before), (own,)]
        before = own
    return [
        whole(rng, *shape, spread=0.05 if 1024 in shape else 0.4) for shape in shapes
    ]


def memory(rng, game: str) -> list[np.ndarray]:
    restart = game == "takecover"
    inputs = Z + ACTIONS[game] + restart
    cell = [whole(rng, inputs + N, 4 * N), whole(rng, 4 * N)]
    outputs = 3 * K * Z + restart
    head = [whole(rng, N, outputs), whole(rng, outputs)]
    return cell + head if restart else head + cell


def controller(rng, game: str) -> np.ndarray:
    if game == "carracing":
        return rng.normal(size=3 + 3 * (Z + N))
    return rng.normal(size=Z + 2 * N)


def write(folder: Path, game: str, seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Write the files of a game into a folder and return the arrays in them."""
    rng = np.random.default_rng(seed)
    made = {
        "vision": vision(rng),
        "memory": memory(rng, game),
        "starts": [whole(rng, 4, Z), whole(rng, 4, Z)],
    }
    made["controller"] = [controller(rng, game), 12.5]
    for name, values in zip(FILES[game], made.values(), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, default=np.ndarray.tolist))
    return made


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def encode(arrays, frame):
    """Return mu and logvar [Z] of a uint8 frame [64, 64, 3]."""
    arrays = [array / 10_000 for array in arrays]
    x = frame / 255
    for layer in range(4):
        kernel, bias = arrays[2 * layer : 2 * layer + 2]
        side = (len(x) - 4) // 2 + 1
        y = np.zeros((side, side, len(bias)))
        for row in range(side):
            for column in range(side):
                patch = x[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
                y[row, column] = np.tensordot(patch, kernel, 3) + bias
        x = np.maximum(y, 0)
    flat = x.reshape(-1)
    return flat @ arrays[8] + arrays[9], flat @ arrays[10] + arrays[11]


def decode(arrays, z):
    """Return the image [64, 64, 3] of z [Z]: each pixel scatters its kernel."""
    arrays = [array / 10_000 for array in arrays]
    x = (z @ arrays[12] + arrays[13]).reshape(1, 1, -1)
    for layer in range(4):
        kernel, bias = arrays[14 + 2 * layer : 16 + 2 * layer]
        size, side = len(kernel), len(x)
        y = np.zeros((2 * side + size - 2,) * 2 + (len(bias),)) + bias
        for row in range(side):
            for column in range(side):
                rows, columns = (slice(2 * at, 2 * at + size) for at in (row, column))
                y[rows, columns] += np.einsum("klio,o->kli", kernel, x[row, column])
        x = np.maximum(y, 0) if layer < 3 else sigmoid(y)
    return x


def remember(arrays, game, state, z, a, restart):
    """Return (c, h) after TensorFlow's LSTM has read an input."""
    kernel, bias = arrays[:2] if game == "takecover" else arrays[2:]
    c, h = state
    flag = [restart] if game == "takecover" else []
    if restart:
        c, h = np.zeros(N), np.zeros(N)
    gates = np.concatenate([z, a, flag, h]) @ (kernel / 10_000) + bias / 10_000
    i, j, f, o = gates.reshape(4, N)
    c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
    return c, np.tanh(c) * sigmoid(o)


def predict(arrays, game, h):
    """Return logits, means and log-stds [Z, K] that h predicts, and the death logit."""
    weights, bias = arrays[2:] if game == "takecover" else arrays[:2]
    outputs = h @ (weights / 10_000) + bias / 10_000
    death = 0.0
    if game == "takecover":
        death, outputs = outputs[0] - math.log(10), outputs[1:]
    parts = [np.zeros((Z, K)) for _ in range(3)]
    for latent in range(Z):
        for part in range(3):
            for k in range(K):
                parts[part][latent, k] = outputs[latent * 3 * K + part * K + k]
    return (*parts, death)


def act(parameters, game, state, z):
    """Return the action of C."""
    c, h = state
    if game == "takecover":
        return np.tanh(np.concatenate([z, c, h]) @ parameters.reshape(-1, 1))
    bias, weights = parameters[:3], parameters[3:].reshape(-1, 3)
    steer, gas, brake = np.tanh(np.concatenate([z, h]) @ weights + bias)
    return np.array([steer, (gas + 1) / 2, max(brake, 0)])
