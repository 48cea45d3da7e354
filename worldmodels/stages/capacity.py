"""Whether a stage fits into the memory that its process may have, before it starts.

Without this it is killed without a word, hours later perhaps, when its buffers fill.
"""

import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from worldmodels.environments.games import GAMES, GYMNASIUM
from worldmodels.experiment import needs
from worldmodels.experiment.needs import Data
from worldmodels.experiment.section import groups_of, read
from worldmodels.experiment.settings import Environment, Memory, Round, Run, Vision
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.quotas import memory_limit
from worldmodels.runtime.wording import size
from worldmodels.stores.artifact import Artifact, open_artifact

# What of V's and M's settings decides their size; their stores say it.
_SIZES = {
    "vision": (Vision, ("latent_size", "channels", "decoder_channels")),
    "memory": (
        Memory,
        (
            "cell",
            *groups_of(Memory),
            "hidden_size",
            "mixtures",
            "death_head",
            "reward_head",
        ),
    ),
}


class Room(NamedTuple):
    """The memory that this process may have."""

    bytes: int
    source: str  # what sets the limit, as words


def check(stage: str, sections: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Refuse a stage that needs more memory than there can be.

    Args:
        sections: its settings.
        given: the other arguments of its command: stores, workers.

    Raises:
        UserError: naming the need, the limit and the settings that decide most; or for
            a bad store.
    """
    settings = _settings(sections, given)
    (run,) = (section for section in sections if isinstance(section, Run))
    cores = max(given.get("workers") or devices.cores(), 1)
    need = needs.memory(stage, run, settings, _data(settings, given), cores)
    there = available()
    if needs.total(need) > there.bytes:
        raise UserError(
            f"{stage} needs about {size(int(needs.total(need)))} of memory and "
            f"{there.source} {size(there.bytes)}; lower {needs.largest(need)}"
        )


def available() -> Room:
    """Return the least of the limits on this process's memory."""
    limits = [Room(_physical(), "this machine has")]
    if (limit := memory_limit()) is not None:
        limits.append(Room(int(limit), "its control group may have"))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(Room(soft, "ulimit -v allows"))
    return min(limits)


def _physical() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _settings(sections: Sequence[Any], given: Mapping[str, Any]) -> Round:
    """Return a round with the settings of a stage, and of the networks it is given."""
    parts = {
        name: section
        for name, field in Round.model_fields.items()
        for section in sections
        if type(section) is field.annotation
    }
    for kind, (section, names) in _SIZES.items():
        if kind not in parts and isinstance(given.get(kind), Path):
            parts[kind] = _network(section, names, open_artifact(given[kind], kind))
    if "environment" not in parts:
        parts["environment"] = _world(given)
    if given.get("latents") and "vision" not in parts:
        store = open_artifact(given["latents"][0], "latents")
        latent_size = store.array("mu").shape[-1]
        parts["vision"] = Vision(latent_size=latent_size)
    return Round(**parts)


def _world(given: Mapping[str, Any]) -> Environment:
    """Return the world that the first store of a stage is of, as settings."""
    paths = (given.get(kind) for kind in ("rollouts", "latents"))
    first = next((p if isinstance(p, Path) else p[0] for p in paths if p), None)
    game = None if first is None else open_artifact(first).game
    if game is None:
        return Environment()
    view = game.view
    if game.name in GAMES:
        return Environment(name=game.name, view=view.name)
    return Environment(name=GYMNASIUM, id=game.id, crop=view.crop, size=view.size)


def _network(section: type, names: Sequence[str], store: Artifact) -> Any:
    """Return the section of a network's settings that its store records."""
    # Stores of earlier versions name no cell and no heads.
    values = {name: store.config[name] for name in names if name in store.config}
    return read(section, values, f"{store.path}: ")


def _data(settings: Round, given: Mapping[str, Any]) -> Data:
    """Return the episodes in the stores that a stage learns from, or that it makes.

    The first store and the last stand for those between: a round's own come first, and
    those of the first round last.
    """
    kind = "rollouts" if given.get("rollouts") else "latents"
    paths = given.get(kind)
    paths = [paths] if isinstance(paths, Path) else paths
    if not paths:
        section = settings.rollouts
        made = section.changed(episodes=section.episodes_per_shard)
        return needs.planned({given["round"]: made}, settings.environment.name)
    stores = [open_artifact(p, kind) for p in dict.fromkeys([paths[0], paths[-1]])]
    lengths = [store.read("length") for store in stores]
    return Data(
        episodes=len(paths) * max(map(len, lengths)),
        longest=max(store.array("actions").shape[1] for store in stores),
        mean=max(float(length.mean()) for length in lengths),
    )
