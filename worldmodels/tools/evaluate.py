"""Tool evaluate: score a pretrained agent on unseen tracks.

The tracks are those that the stage evaluation scores every agent on. Gymnasium's score
is the one to publish; the simulator's, on the very same tracks, is compared with it
track by track, where there is a simulator of the game, and of an agent that learnt in
M's dream its score there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from worldmodels.environments.games import GYMNASIUM, Game
from worldmodels.experiment.stages import PRECISION_USED, STAGES
from worldmodels.experiment.worlds import OWN
from worldmodels.rollout import arenas, in_simulator, scoring
from worldmodels.rollout.in_gymnasium import AgentSlots
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.scores import tables
from worldmodels.scores.statistics import summarise
from worldmodels.stores import agents, networks, publication
from worldmodels.stores.agents import Driver
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import Writer

_KIND = "evaluation"
# Their names in the store.
_PLACES = {"gymnasium": "agent", "simulator": "simulator", "dream": "dream"}


def run(
    *,
    pretrained: Path,
    episodes: int = 100,
    backend: str = "all",
    workers: int | None = None,
    out: Path | None = None,
) -> None:
    """Drive the first test tracks and print what is said of the returns.

    Args:
        pretrained: an agent store.
        episodes: unseen tracks.
        backend: "gymnasium", "simulator", "dream" or "all".
        workers: environment processes; default: one a core. (The simulator's cores are
            chosen with JAX's devices, before.)
        out: an evaluation store to make; without the random policy's drives.

    Raises:
        UserError: for a bad store, fewer than two tracks, a full disk or an environment
            that keeps failing.
    """
    if episodes < 2:
        raise UserError(
            f"--episodes is {episodes}; an interval needs at least two tracks"
        )
    driver = agents.from_pretrained(pretrained)
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, episodes)
    game = driver.agent.controller.game
    backends = _backends(backend, driver)
    with (
        _store(out, pretrained, driver, episodes, backend) as store,
        Progress("evaluate", len(backends) * episodes, None) as progress,
    ):
        found = {
            name: _DRIVEN[name](driver, seeds, workers, progress) for name in backends
        }
        if store is not None:
            _write(store, found, driver)
    returns = {name: drives["returns"] for name, drives in found.items()}
    print(text(pretrained, game, returns))
    if out is not None:
        print(f"\nevery drive: {out}")


def _backends(asked: str, driver: Driver) -> tuple[str, ...]:
    """Return where an agent is to be scored: all means wherever that is possible."""
    game, m = driver.agent.controller.game, driver.agent.memory
    missing = {}
    if not game.simulated:
        missing["simulator"] = f"{game.label} has no simulator"
    if driver.dream is None:
        missing["dream"] = "this agent did not learn in M's dream"
    elif not (m.death_head or m.reward_head):
        missing["dream"] = "the dream of this agent pays nothing"
    if asked in missing:
        raise UserError(f"{missing[asked]}; leave --backend out")
    if asked != "all":
        return (asked,)
    return tuple(name for name in _PLACES if name not in missing)


def _in_gymnasium(
    driver: Driver, seeds: np.ndarray, workers: int | None, progress: Progress
) -> dict[str, np.ndarray]:
    agent, weights, controller, _, world, _ = driver
    policy = AgentSlots(agent, weights, controller[None], world.slots)
    with arenas.pool_of(world, workers) as pool:
        return scoring.drive(pool, policy, seeds, world.max_steps, progress)


def _in_simulator(
    driver: Driver, seeds: np.ndarray, workers: int | None, progress: Progress
) -> dict[str, np.ndarray]:
    agent, weights, controller, _, world, _ = driver
    score = arenas.simulator(agent, weights, in_simulator.exact)
    drives = scoring.score_one(score, controller, seeds, world.max_steps)
    progress.update(len(seeds), mean=float(drives["returns"].mean()))
    return drives


def _in_dream(
    driver: Driver, seeds: np.ndarray, workers: int | None, progress: Progress
) -> dict[str, np.ndarray]:
    agent, _, controller, _, world, dream = driver
    score = arenas.dreams(agent, dream)
    drives = scoring.score_one(score, controller, seeds, world.max_steps)
    progress.update(len(seeds), mean=float(drives["returns"].mean()))
    return drives


_DRIVEN: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    "gymnasium": _in_gymnasium,
    "simulator": _in_simulator,
    "dream": _in_dream,
}


def _store(
    out: Path | None, pretrained: Path, driver: Driver, episodes: int, backend: str
) -> AbstractContextManager[Writer | None]:
    if out is None:
        return nullcontext()
    agent = open_artifact(pretrained, "agent")
    world = driver.environment
    own = OWN if world.name == GYMNASIUM else ("view",)
    config = {
        "round": agent.config["round"],
        "seed": agent.config["seed"],
        "environment": world.name,
        **{name: getattr(world, name) for name in own},
        "max_steps": world.max_steps,
        "slots": world.slots,
        "episodes": episodes,
        "backend": backend,
        PRECISION_USED: driver.agent.vision.precision,
    }
    if "dream" in _backends(backend, driver):
        learnt = agent.config["controller"]
        config |= {name: learnt[name] for name in ("train_in", "temperature")}
        config["death"] = networks.death_rule(learnt)
    return publication.create(
        out,
        _KIND,
        config=config,
        inputs={"agent": agent},
        stage_version=STAGES[_KIND].version,
        game=driver.agent.controller.game,
    )


def _write(
    store: Writer, found: dict[str, dict[str, np.ndarray]], driver: Driver
) -> None:
    for name, drives in found.items():
        scoring.write(store, _PLACES[name], drives)
    store.write("controller", driver.controller, ["parameter"])
    store.write("generation", np.int32(driver.generation))


def text(pretrained: Path, game: Game, returns: dict[str, np.ndarray]) -> str:
    """Return a table of the returns [N] by backend, and of paired differences."""
    rows, (first, *others) = dict(returns), returns
    for name in others:
        rows[f"{name} - {first}"] = returns[name] - returns[first]
    head = ["", "mean", "95 % interval", "std", "min", "max"]
    table = [head, *([name, *_words(values)] for name, values in rows.items())]
    count = len(next(iter(returns.values())))
    return "\n".join(
        [
            f"{game.score} of {pretrained} on {count} unseen {game.place}s; the "
            f"interval is the mean's, a BCa bootstrap over {game.place}s",
            *tables.aligned(table),
        ]
    )


def _words(returns: np.ndarray) -> list[str]:
    found = summarise(returns)
    numbers = [found.std, returns.min(), returns.max()]
    spread = f"{found.low:.1f} to {found.high:.1f}"
    return [f"{found.mean:.1f}", spread, *(f"{number:.1f}" for number in numbers)]
