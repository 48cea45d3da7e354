"""Which stores belong together, checked before they are used together.

A store records the provenance of what it was made from. The V of one training and the
M of another are refused by name. Content decides and not the place: an ablation uses
the baseline's V and M, and a copied run is the same run.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from worldmodels.experiment import stages
from worldmodels.stores.artifact import Artifact, ArtifactError


def had_input(made: Artifact, role: str, given: Artifact) -> bool:
    """Return whether `made` had `given` as its input `role`."""
    return given.provenance in made.attributes["inputs"].get(role, ())


def check_input(made: Artifact, role: str, given: Artifact) -> None:
    """Check that `made` had `given` as its input `role`.

    Raises:
        ArtifactError: when it was made from another store.
    """
    check_any_input([made], role, given)


def check_any_input(made: Sequence[Artifact], role: str, given: Artifact) -> None:
    """Check that one of `made` at least had `given` as its input `role`.

    Raises:
        ArtifactError: when all were made from other stores.
    """
    if not any(had_input(store, role, given) for store in made):
        raise ArtifactError(
            f"{made[0].path} was not made with {given.path} but with another {role} "
            f"store; give the {role} store of its own run"
        )


def check_all_inputs(made: Artifact, role: str, given: Sequence[Artifact]) -> None:
    """Check that `given` are all that `made` had as its input `role`, in their order.

    Raises:
        ArtifactError: for another store, one that is missing or out of its place.
    """
    had = made.attributes["inputs"].get(role, [])
    if [store.provenance for store in given] != had:
        for store in given:
            check_input(made, role, store)
        raise ArtifactError(
            f"{made.path} learnt from {len(had)} {role} stores and {len(given)} are "
            "given, or in another order; give all of them in the order that it read "
            "them in"
        )


def check_distinct(stores: Sequence[Artifact]) -> None:
    """Check that no store is given twice, also not as a copy.

    Raises:
        ArtifactError: naming both.
    """
    seen: dict[str, Artifact] = {}
    for store in stores:
        before = seen.setdefault(store.provenance, store)
        if before is not store:
            raise ArtifactError(
                f"{before.path} and {store.path} are the same {store.kind} store; give "
                "each once"
            )


def check_alike(stores: Sequence[Artifact], names: Sequence[str]) -> None:
    """Check that stores agree on some of their settings.

    Raises:
        ArtifactError: naming two that do not.
    """
    for store in stores[1:]:
        for name in names:
            one, other = (s.config.get(name) for s in (stores[0], store))
            if one != other:
                raise ArtifactError(
                    f"{stores[0].path} has {name} {one} and {store.path} has {other}; "
                    f"give stores of the same {name}"
                )


def check_agent(
    vision: Artifact, memory: Artifact, controller: Sequence[Artifact]
) -> None:
    """Check that blocks are one search, from block 0 on, with this V and this M.

    Raises:
        ArtifactError: naming two stores that are strangers.
    """
    check_search(controller)
    for block in controller:
        check_input(block, "vision", vision)
        check_input(block, "memory", memory)


def check_search(blocks: Sequence[Artifact]) -> None:
    """Check that blocks follow each other from block 0 on, each once.

    Raises:
        ArtifactError: naming the first that does not.
    """
    if (first := blocks[0].config["block"]) != 0:
        raise ArtifactError(
            f"{blocks[0].path} is block {first}; give the blocks of one search in "
            "their order, from block 0 on"
        )
    check_follow(blocks)


def check_follow(blocks: Sequence[Artifact]) -> None:
    """Check that each block goes on from the one before it.

    Raises:
        ArtifactError: naming two that do not follow each other.
    """
    for before, block in pairwise(blocks):
        follows = block.config["block"] == before.config["block"] + 1
        if not follows or not had_input(block, "previous", before):
            raise ArtifactError(
                f"{block.path} does not go on from {before.path}; give blocks of one "
                "search without a gap, or the folder that they lie in"
            )


def check_goes_on(
    previous: Artifact, vision: Artifact, memory: Artifact, config: Mapping[str, Any]
) -> None:
    """Check that a search of these settings can go on from a block, unchanged.

    Args:
        config: of the new block.

    Raises:
        ArtifactError: when its V, M or a setting is another.
    """
    check_input(previous, "vision", vision)
    check_input(previous, "memory", memory)
    recorded = {**stages.before("controller"), **previous.config}
    for name in [key for key in config if key in recorded and key != "block"]:
        before, now = recorded[name], config[name]
        if before != (list(now) if isinstance(now, tuple) else now):
            raise ArtifactError(
                f"{previous.path} was evolved with {name} {before} and this block has "
                f"{now}; give the same, or start the search again at block 0"
            )


def check_vision_of_memory(
    vision: Artifact, memory: Artifact, latents: Iterator[Artifact]
) -> None:
    """Check that the latents that M learnt from are V's, as far as they are known.

    Where a round keeps the V of the one before, its latents are of either store.

    Args:
        latents: those of M's that can be found, perhaps none; read until one is V's.

    Raises:
        ArtifactError: when they are of another V.
    """
    found = []
    for store in latents:
        if had_input(store, "vision", vision):
            return
        found.append(store)
    if not found:
        return
    known = {store.provenance for store in found}
    kept = vision.config["epochs"] == 0 and "start" in vision.attributes["inputs"]
    if not (kept and known < {*memory.attributes["inputs"]["latents"]}):
        raise ArtifactError(
            f"{memory.path} learnt from {found[0].path}, which was not made with "
            f"{vision.path} but with another vision store; give the vision store of "
            "M's own run"
        )


def check_one_vision(latents: Sequence[Artifact], visions: Sequence[Artifact]) -> None:
    """Check that all latents are of one V.

    Args:
        visions: stores that may be of the V's concerned: one that kept the weights of
            another is the same V.

    Raises:
        ArtifactError: naming latents of two V's.
    """
    same = {store.provenance: store for store in visions}

    def origin(provenance: str) -> str:
        store = same.get(provenance)
        if store is None or store.config["epochs"]:
            return provenance
        start = store.attributes["inputs"].get("start", ())
        return origin(start[0]) if start else provenance

    inputs = [store.attributes["inputs"].get("vision") or [""] for store in latents]
    makers = [origin(maker[0]) for maker in inputs]
    for maker, store in zip(makers, latents, strict=True):
        if maker != makers[0]:
            raise ArtifactError(
                f"{latents[0].path} and {store.path} were made with different vision "
                "stores; M learns from latents of one V: run the latents stage again"
            )


def check_scored_alike(random: Artifact, config: Mapping[str, Any]) -> None:
    """Check that scores of the random policy are those that an evaluation asks for.

    Args:
        config: of the evaluation.

    Raises:
        ArtifactError: for scores of another game, other tracks or another policy.
    """
    recorded = {**stages.before("random"), **random.config}
    for name in sorted(config.keys() & recorded.keys() - {"round"}):
        if recorded[name] != config[name]:
            raise ArtifactError(
                f"{random.path} was made with {name} {recorded[name]} and this "
                f"evaluation has {config[name]}; give scores of the same settings, or "
                "leave out --random"
            )


def check_tracks(store: Artifact, reference: Artifact) -> None:
    """Check that two evaluations are of the same tracks of the same game.

    Raises:
        ArtifactError: when they cannot be compared.
    """
    tracks = [s.read("agent/seed") for s in (store, reference)]
    if len(tracks[0]) != len(tracks[1]):
        raise ArtifactError(
            f"{store.path} was scored on {len(tracks[0])} tracks and {reference.path} "
            f"on {len(tracks[1])}; evaluate all on the same"
        )
    if not np.array_equal(*tracks):
        raise ArtifactError(
            f"{store.path} was scored on other tracks than {reference.path}; evaluate "
            "all on the same"
        )
    check_alike([store, reference], ("environment", "id", "frame_skip", "max_steps"))
