"""A game as JSON values: the attribute `game` of every store, and the game made of it.

A game that has its code here is found by its name. Of a world of gymnasium, and of a
person's own episodes, the values are all that is known. Anybody may have written them,
so each is checked.
"""

import math
import re
from typing import Any

from worldmodels.environments.games import (
    GAMES,
    GYMNASIUM,
    IMPORTED,
    V3,
    VIEWS,
    Action,
    Game,
    View,
    game_of,
)
from worldmodels.runtime.json_files import Malformed

SIZES = tuple(range(64, 257, 16))  # pixels of a frame's sides that V can have

_WORDS = ("title", "home", "place", "score")
_WORD = r"\w[\w :./+-]{0,99}"  # nothing that a page of HTML would have to escape
_MOST_ACTIONS = 4096


def to_json(game: Game) -> dict[str, Any]:
    """Return the facts of a game as JSON values."""
    return {
        "name": game.name,
        "view": game.view.name,
        "id": game.id,
        **{word: getattr(game, word) for word in _WORDS},
        "discrete": game.discrete,
        "actions": [
            {"name": action.name, "low": action.low, "high": action.high}
            for action in game.actions
        ],
        "crop": list(game.view.crop),
        "size": game.view.size,
        "frame_skip": game.frame_skip,
        "frames_per_second": game.frames_per_second,
        "max_steps": game.max_steps,
    }


def from_json(facts: Any) -> Game:
    """Return the game that `to_json` was called on.

    Raises:
        Malformed: for values that are no game's.
    """
    _check(isinstance(facts, dict), "is no table")
    name = facts.get("name")
    if isinstance(name, str) and name in GAMES:
        view = facts.get("view", V3)  # stores of earlier versions do not say
        _check(view in VIEWS, "has no known view")
        known = game_of(name, view)
        own = to_json(known)
        same = all(facts.get(fact) == own[fact] for fact in ("actions", "crop", "size"))
        _check(same, f"is not {name} as this version plays it")
        return known
    _check(name in (GYMNASIUM, IMPORTED), "has no known name")
    return _of_another(name, facts)


def _of_another(name: str, facts: dict[str, Any]) -> Game:
    words = ("id", *_WORDS) if name == GYMNASIUM else _WORDS  # only those have ids
    for word in words:
        value = facts.get(word)
        readable = isinstance(value, str) and re.fullmatch(_WORD, value, re.ASCII)
        _check(readable, f"has no {word}")
    discrete, rate = facts.get("discrete"), facts.get("frames_per_second")
    _check(isinstance(discrete, bool), "does not say whether its actions are choices")
    _check(_is_number(rate) and 0 < rate <= 1000, "has no rate of frames")
    crop, size = facts.get("crop"), facts.get("size")
    cut = isinstance(crop, list) and len(crop) == 4
    _check(cut and all(_is_whole(n, 0) for n in crop), "has no crop")
    _check(_is_whole(size, 0) and size in SIZES, "has no size of its frames")
    for count in ("frame_skip", "max_steps"):
        _check(_is_whole(facts.get(count), 1), f"has no {count}")
    return Game(
        name=name,
        **{word: facts[word] for word in words},
        actions=_actions(facts.get("actions"), discrete),
        view=View(*crop, size),
        frames_per_second=rate,
        max_steps=facts["max_steps"],
        frame_skip=facts["frame_skip"],
        simulated=False,
        discrete=discrete,
    )


def _actions(listed: Any, discrete: bool) -> tuple[Action, ...]:
    some = isinstance(listed, list) and 1 <= len(listed) <= _MOST_ACTIONS
    _check(some and all(isinstance(one, dict) for one in listed), "has no actions")
    squash = "choice" if discrete else "scaled"
    found = []
    for one in listed:
        name, low, high = (one.get(fact) for fact in ("name", "low", "high"))
        readable = isinstance(name, str) and re.fullmatch(_WORD, name, re.ASCII)
        bounded = _is_number(low) and _is_number(high) and low < high
        _check(readable and bounded, "has an action without a name or bounds")
        found.append(Action(name, low, high, squash))
    return tuple(found)


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < 2**31


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _check(holds: Any, fault: str) -> None:
    if not holds:
        raise Malformed(f"its game {fault}")
