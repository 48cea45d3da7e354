"""What the store of each kind holds: its settings, and its arrays by name.

The axes of arrays have letters. A letter has one length in a whole store, and where a
setting gives that length, it is the setting's. Arrays that are not listed here, such as
weights, are compared with their model when they are loaded (`networks`).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments import facts
from worldmodels.environments.games import GAMES, IMPORTED, Game, View
from worldmodels.experiment.section import Section, read
from worldmodels.experiment.settings import PRECISIONS
from worldmodels.experiment.stages import (
    PRECISION_USED,
    STAGES,
    policy_of,
    recorded_keys,
)
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import MAX_EPISODES, MAX_ROUNDS
from worldmodels.stores.metadata import Form, Malformed

_LARGEST_SEED = 2**54


class Layout(NamedTuple):
    """How one array looks."""

    kind: str  # of its numbers, as numpy's dtype.kind: f, i, u or b
    axes: tuple[str | int, ...]
    low: float = -math.inf
    high: float | str = math.inf  # a letter: its length


_SEED = Layout("i", ("E",), 0, _LARGEST_SEED)
_STEPS = {
    "actions": Layout("f", ("E", "T", "A")),
    "rewards": Layout("f", ("E", "T")),
    "terminated": Layout("b", ("E", "T")),
    "length": Layout("i", ("E",), 1, "T"),
    "seed": _SEED,
}
_DRIVE = {
    "actions": Layout("f", ("N", "T", "A")),
    "rewards": Layout("f", ("N", "T")),
    "returns": Layout("f", ("N",)),
    "length": Layout("i", ("N",), 1, "T"),
    "seed": Layout("i", ("N",), 0, _LARGEST_SEED),
}
_SELECTION = {
    "selection/generation": Layout("i", ("S",), 1),
    "selection/returns": Layout("f", ("S", "V")),
    "selection/mean": Layout("f", ("S", "D")),
    "selection/seed": Layout("i", ("V",), 0, _LARGEST_SEED),
}
_DEATH = "held_out/death"
_LAYOUTS: Mapping[str, Mapping[str, Layout]] = {
    "rollouts": {"frames": Layout("u", ("E", "T", "Y", "Y", 3)), **_STEPS},
    "latents": {
        "mu": Layout("f", ("E", "T", "Z")),
        "logvar": Layout("f", ("E", "T", "Z")),
        **_STEPS,
    },
    "vision": {
        "sample/frames": Layout("u", ("F", "Y", "Y", 3)),
        "sample/actions": Layout("f", ("F", "A")),
        "sample/rewards": Layout("f", ("F",)),
        "sample/number": Layout("i", ("F",), 0),
        "sample/step": Layout("i", ("F",), 0),
        "sample/seed": Layout("i", ("C",), 0, _LARGEST_SEED),
        "sample/length": Layout("i", ("C",), 1),
        "sample/shard": Layout("i", ("C",), 0),
        "sample/place": Layout("i", ("C",), 0),
    },
    "memory": {
        "held_out/seed": Layout("i", ("H",), 0, _LARGEST_SEED),
        "held_out/horizon": Layout("i", ("W",), 1),
        "held_out/horizon_nll": Layout("f", ("W",)),
        "held_out/horizon_starts": Layout("i", ("W",), 0),
        f"{_DEATH}/edges": Layout("f", ("B",)),
        f"{_DEATH}/survived": Layout("i", ("Q",), 0),
        f"{_DEATH}/died": Layout("i", ("Q",), 0),
        f"{_DEATH}/expected": Layout("f", ("Q",), 0),
        f"{_DEATH}/recall": Layout("f", ()),
        f"{_DEATH}/false_alarms": Layout("f", ()),
    },
    "controller": {
        "population": Layout("f", ("G", "P", "D")),
        "fitness": Layout("f", ("G", "P", "R")),
        "steps": Layout("i", ("G",), 1),
        "mean": Layout("f", ("G", "D")),
        "sigma": Layout("f", ("G",), 0),
        "state/cma/mean": Layout("f", ("D",)),
        "state/cma/sigma": Layout("f", (), 0),
        "state/cma/path_sigma": Layout("f", ("D",)),
        "state/cma/path_c": Layout("f", ("D",)),
        "state/cma/C": Layout("f", ("D", "D")),
        "state/cma/B": Layout("f", ("D", "D")),
        "state/cma/D": Layout("f", ("D",), 0),
        "state/cma/generation": Layout("i", (), 0),
        "state/search/mean": Layout("f", ("D",)),  # of another strategy
        "state/search/generation_counter": Layout("i", (), 0),
        "state/origin": Layout("f", ("F",)),
        "state/steps": Layout("i", (), 1),
        "state/best": Layout("f", ()),
        **_SELECTION,
    },
    "random": {f"random/{name}": layout for name, layout in _DRIVE.items()},
    "evaluation": {
        "controller": Layout("f", ("D",)),
        "generation": Layout("i", (), 1),
        **{
            f"{who}/{name}": layout
            for who in ("agent", "random", "simulator", "dream")
            for name, layout in _DRIVE.items()
        },
    },
    "agent": {
        "controller": Layout("f", ("D",)),
        "selection/returns": Layout("f", ("V",)),
        "starts/mu": Layout("f", ("S", "Z")),
        "starts/logvar": Layout("f", ("S", "Z")),
    },
}
# Lengths that the settings name; the others are the same in all of a store.
_LENGTHS: Mapping[str, Mapping[str, str]] = {
    "rollouts": {"E": "episodes_per_shard", "T": "steps"},
    "latents": {"Z": "latent_size"},
    "controller": {
        "G": "generations_per_block",
        "P": "population",
        "R": "rollouts",
        "V": "selection_episodes",
    },
    "random": {"T": "max_steps"},
    "evaluation": {"T": "max_steps"},
    "agent": {"Z": "vision.latent_size"},
}
_SHORTEST = {"N": 2, "S": 0}  # episodes in an interval; tests in a block; others 1
# NaN and infinity mean something there: nobody died, or nothing was seen.
_OPEN = ("held_out/", "state/best", "state/search/")

# What stages add to their settings, and the least and the greatest that it can be.
_ADDED = {
    "round": (0, MAX_ROUNDS - 1),
    "shard": (0, MAX_EPISODES),
    "block": (0, MAX_EPISODES),
    "latent_size": (1, 2**20),
    "memory_size": (1, 2**20),  # what earlier versions recorded for `features`
    "action_size": (1, 2**12),
    "frame_size": (facts.SIZES[0], facts.SIZES[-1]),
    "generation": (1, MAX_EPISODES),
}
# What is read of each, whatever else is there.
_NEEDED = {
    "rollouts": ("round", "shard", "environment", "backend"),
    "vision": (
        "round", "epochs", "latent_size", "channels", "decoder_channels", "dtype",
    ),
    "latents": ("round", "shard", "latent_size"),
    "memory": (
        "round", "epochs", "latent_size", "action_size", "hidden_size", "mixtures",
        "dtype",
    ),
    "controller": (
        "round", "block", "environment", "max_steps", "inputs", "hidden_size",
        "sample_z", "dtype", "population", "rollouts",
        "generations_per_block", "select_every",
    ),
    "random": ("round", "environment", "max_steps", "episodes", "random_policy"),
    "evaluation": ("round", "environment", "max_steps"),
    "agent": (
        "round", "seed", "generation", "selection_score", "vision", "memory",
        "controller",
    ),
}  # fmt: skip
KINDS = tuple(_LAYOUTS)


def check_settings(kind: str, config: Mapping[str, Any]) -> None:
    """Check that the recorded settings of a store are those that a stage can have.

    A study's store means something else by the same names: its study reads them.

    Raises:
        Malformed: naming the first that is impossible.
    """
    if kind not in {*STAGES, *KINDS}:
        return
    if kind == "agent":
        for part in ("vision", "memory", "controller"):
            if not isinstance(config.get(part, {}), Mapping):
                raise Malformed(f"its setting {part} is no table of settings")
            check_settings(part, config.get(part, {}))
    if kind == "rollouts":  # a person's own were driven in no game of ours
        config = {name: v for name, v in config.items() if v != IMPORTED}
    for name in {"policy", "random_policy"} & config.keys():
        if isinstance(config[name], str):
            config = {**config, name: policy_of(config[name])}
    for section, keys in recorded_keys(kind).items():
        _check_section(section, {k: config[n] for n, k in keys.items() if n in config})
    for name, (low, high) in _ADDED.items():
        value = config.get(name, low)
        if type(value) is not int or not low <= value <= high:
            raise Malformed(f"its setting {name} is {value!r}")
    used = config.get(PRECISION_USED, PRECISIONS[0])
    if used not in PRECISIONS:
        raise Malformed(f"its setting {PRECISION_USED} is {used!r}")
    _check_features(config.get("features", {}))


def _check_features(value: Any) -> None:
    """Check the lengths of M's vectors that C could read, by their names."""
    low, high = _ADDED["latent_size"]
    lengths = value.values() if isinstance(value, Mapping) else [None]
    if any(type(length) is not int or not low <= length <= high for length in lengths):
        raise Malformed(f"its setting features is {value!r}")


def _check_section(section: type[Section], values: Mapping[str, Any]) -> None:
    try:
        known = read(section, values, "its setting ")
    except UserError as error:
        raise Malformed(str(error)) from error
    for key, value in values.items():
        if isinstance(value, str) != isinstance(getattr(known, key), str):
            raise Malformed(f"its setting {key} is the text {value!r}")


def missing(kind: str, config: Mapping[str, Any]) -> list[str]:
    """Return the settings that a store of a kind should record and does not."""
    lost = [name for name in _NEEDED.get(kind, ()) if name not in config]
    if kind == "agent":
        for part in ("vision", "memory", "controller"):
            names = missing(part, config.get(part, {}))
            lost += [f"{part}.{name}" for name in names if name != "block"]
    return lost


def check_arrays(
    kind: str,
    config: Mapping[str, Any],
    game: Game | None,
    forms: Mapping[str, Form],
) -> dict[str, int]:
    """Check arrays for the shapes and types of their kind of store.

    Args:
        game: that the store is of, if it says.

    Returns:
        The lengths of the axes by their letters.

    Raises:
        Malformed: naming the first that is of another.
    """
    lengths = {"Y": (View() if game is None else game.view).size}
    for letter, name in _LENGTHS.get(kind, {}).items():
        section, _, setting = name.rpartition(".")
        values = config.get(section, {}) if section else config
        if setting in values:
            lengths[letter] = values[setting]
    if game is not None:
        lengths["A"] = len(game.actions)
    for name, layout in _LAYOUTS.get(kind, {}).items():
        if name in forms:
            _check_form(name, layout, forms[name], lengths)
    return lengths


def game_of(attributes: Mapping[str, Any]) -> Game | None:
    """Return the game that a store says it is of.

    Stores of earlier versions have no attribute of it, and most name it in their
    settings.

    Raises:
        Malformed: for what is no game, or not that of the settings.
    """
    config = attributes["config"]
    settings = config.get("controller", {}) if attributes["kind"] == "agent" else config
    name = settings.get("environment")
    if "game" not in attributes:
        return GAMES.get(name) if isinstance(name, str) else None
    game = facts.from_json(attributes["game"])
    of_settings = {"environment": game.name, "id": game.id, "view": game.view.name}
    for setting, value in of_settings.items():
        if settings.get(setting, value) != value:
            raise Malformed(
                f"its game is {game.label} and its setting {setting} is "
                f"{settings[setting]!r}"
            )
    return game


def _check_form(name: str, layout: Layout, form: Form, lengths: dict[str, int]) -> None:
    if len(form.shape) == len(layout.axes):
        for axis, length in zip(layout.axes, form.shape, strict=True):
            if length >= _SHORTEST.get(axis, 1):
                lengths.setdefault(axis, length)
    wanted = [
        n if isinstance(n, int) else lengths.get(n, f"at least {_SHORTEST.get(n, 1)}")
        for n in layout.axes
    ]
    if wanted != list(form.shape) or form.dtype.kind != layout.kind:
        raise Malformed(
            f"array {name!r} is {form.dtype} [{_joined(form.shape)}] and should be "
            f"{_WORDS[layout.kind]} [{_joined(wanted)}]"
        )


_WORDS = {"f": "floating", "i": "whole", "u": "uint8", "b": "true or false"}


def _joined(lengths: Any) -> str:
    return ", ".join(map(str, lengths))


def check_values(
    kind: str,
    game: Game | None,
    lengths: Mapping[str, int],
    name: str,
    values: np.ndarray,
) -> None:
    """Check what was read of an array, the whole or a part.

    Raises:
        Malformed: for numbers that are not finite, or beyond what they can be.
    """
    closed = values.dtype.kind == "f" and not name.startswith(_OPEN)
    if closed and not np.isfinite(values).all():
        raise Malformed(f"array {name!r} holds numbers that are not finite")
    layout = _LAYOUTS.get(kind, {}).get(name)
    if layout is None or not values.size:
        return
    for low, high in _bounds(layout, lengths, name, game):
        if np.any(values < low) or np.any(values > high):
            raise Malformed(
                f"array {name!r} holds numbers from {values.min():g} to "
                f"{values.max():g}, which it cannot"
            )


def _bounds(
    layout: Layout, lengths: Mapping[str, int], name: str, game: Game | None
) -> Iterator[tuple[Any, Any]]:
    if name.rpartition("/")[2] == "actions" and game is not None:
        yield game.low, game.high
    high = layout.high
    if isinstance(high, str):
        high = lengths.get(high, math.inf)
    if (layout.low, high) != (-math.inf, math.inf):
        yield layout.low, high
