"""How well M foresees the next frame, beside guesses that need no network.

    python benchmarks/next_step.py results/<experiment>/round-1 [--episodes 64]

M is scored on the means of V's posterior, once reading samples, as it learnt, and once
reading means. Beside it stand two guesses: that z stays as it is, and a linear one from
the last four frames' means and the action, fitted to every second episode. All are
scored on the other episodes, from step 40 to the last step that paid. Errors of a good
M follow no pattern: an error's correlation with the one a step before is near 0. Where
M predicts the reward, its bias is shown by what the 41 steps around really paid. M may
have learnt from these episodes. Prints tables and, on the last line, the same as JSON.
"""

import argparse
import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import memory, vision
from worldmodels.models.memory import Memory, Params
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, open_artifact

FIRST = 40  # the first step that is scored: M has seen the road
AROUND = 41  # steps whose mean reward says how a car is doing
EDGES = (-np.inf, -0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1, np.inf)


class Episodes(NamedTuple):
    """B recorded episodes of T steps."""

    mu: np.ndarray  # [T, B, Z]
    logvar: np.ndarray  # [T, B, Z]
    actions: np.ndarray  # [T, B, A]
    rewards: np.ndarray  # [T, B]
    scored: np.ndarray  # bool [T, B]: the errors of the next z that count


def load(store: Artifact, episodes: int) -> Episodes:
    """Return the first episodes of a latents store."""
    names = "mu", "logvar", "actions", "rewards"
    parts = [store.read(name, slice(episodes)).astype(np.float32) for name in names]
    parts = [np.swapaxes(part, 0, 1) for part in parts]
    time = np.arange(len(parts[0]))[:, None]
    paid = parts[3] > 0
    last = np.where(paid.any(axis=0), len(time) - 1 - paid[::-1].argmax(axis=0), 0)
    return Episodes(*parts, (time >= FIRST) & (time < last) & (time < len(time) - 1))


@partial(jax.jit, static_argnames="model")
def foreseen(params: Params, model: Memory, z, actions):
    """Return the means [T, B, Z] of the next z, and the rewards [T, B], or None."""
    state = memory.initial_state(model, z.shape[1])
    _, told = memory.observe(params, model, state, z, actions)
    weights = jnp.exp(told.mixture.logweight)
    return (weights * told.mixture.mean).sum(axis=-1), told.reward


def linear(found: Episodes) -> np.ndarray:
    """Return the guess [T, B, Z] of a regression on the even episodes."""
    mu = found.mu
    past = [np.roll(mu, n, axis=0) for n in range(4)]  # `scored` leaves out the edge
    one = np.ones((*mu.shape[:2], 1), np.float32)
    read = np.concatenate([*past, found.actions, one], axis=-1)
    fitted = found.scored.copy()
    fitted[:, 1::2] = False
    after = np.roll(mu, -1, axis=0)
    weights = np.linalg.lstsq(read[fitted], after[fitted], rcond=None)[0]
    return read @ weights


def errors(found: Episodes, guess: np.ndarray) -> tuple[float, float]:
    """Return the root mean square of the odd episodes' errors, and their correlation.

    It is that of a dimension's error with the same one a step before.
    """
    error = np.roll(found.mu, -1, axis=0) - guess
    counts = found.scored.copy()
    counts[:, 0::2] = False
    both = counts & np.roll(counts, 1, axis=0)
    square = (error[counts] ** 2).mean(axis=0)
    pairs = (error * np.roll(error, 1, axis=0))[both].mean(axis=0)
    return float(np.sqrt(square.mean())), float((pairs / square).mean())


def by_reward(found: Episodes, expected: np.ndarray) -> list[dict]:
    """Return the rewards and what M expected of them, by those around."""
    window = np.full(AROUND, 1 / AROUND)
    around = np.apply_along_axis(np.convolve, 0, found.rewards, window, "same")
    rows = []
    for low, high in pairwise(EDGES):
        here = found.scored & (around >= low) & (around < high)
        if here.any():
            paid, told = (float(x[here].mean()) for x in (found.rewards, expected))
            rows.append({"steps": int(here.sum()), "paid": paid, "expected": told})
    return rows


def measured(params: Params, model: Memory, found: Episodes) -> dict:
    """Score M and both guesses on the episodes of one latents store."""
    samples = vision.sample(jax.random.key(0), found.mu, found.logvar)
    of_samples, expected = foreseen(params, model, samples, found.actions)
    of_means, _ = foreseen(params, model, found.mu, found.actions)
    guesses = {
        "as it is": found.mu,
        "linear": linear(found),
        "M, reading samples": np.asarray(of_samples),
        "M, reading means": np.asarray(of_means),
    }
    rows = {name: errors(found, guess) for name, guess in guesses.items()}
    noise = float(np.exp(found.logvar / 2)[found.scored].mean())
    told = {"errors": rows, "posterior": noise}
    if expected is not None:
        told["rewards"] = by_reward(found, np.asarray(expected))
    return told


def show(told: dict) -> None:
    print(f"{'the next z':20} {'error':>8} {'with the one before':>20}")
    for name, (size, correlation) in told["errors"].items():
        print(f"{name:20} {size:8.4f} {correlation:20.2f}")
    print(f"standard deviation of V's posterior: {told['posterior']:.4f}")
    for row in told.get("rewards", ()):
        print(
            "{steps:7} steps paid {paid:6.3f}, M expected {expected:6.3f}".format(**row)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("round", type=Path, help="folder of a round")
    parser.add_argument(
        "--episodes", type=int, default=64, help="of each store at most"
    )
    args = parser.parse_args()
    model, params = networks.load_memory(
        open_artifact(args.round / "memory.zarr", "memory")
    )
    stores = sorted((args.round / "latents").glob("*.zarr"))
    if not stores:
        parser.error(f"{args.round / 'latents'} holds no store; run the round first")
    result = {}
    for path in stores:
        found = load(open_artifact(path, "latents"), args.episodes)
        print(path)
        told = result[str(path)] = measured(params, model, found)
        show(told)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
