"""Whether stores belong to one experiment, made from one another.

A report may show a part of an experiment: stores that are not given are not missed.
"""

from collections.abc import Mapping, Sequence

from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import (
    check_alike,
    check_follow,
    check_input,
    check_one_vision,
    had_input,
)
from worldmodels.stores.neighbours import check_vision_of_memory

# What each was made from, of its own round.
_MADE_FROM = {
    "latents": ("vision",),
    "controller": ("vision", "memory"),
    "evaluation": ("vision", "memory", "controller"),
}
# The kind whose stores had each kind as an input: those of its own round, or of a later
# round that learns from it too.
_USED_BY = {"rollouts": "vision", "latents": "memory"}


def check_round(
    stores: Mapping[str, Sequence[Artifact]], given: Mapping[str, Artifact]
) -> None:
    """Check that the stores of one round, by kind, were made from one another.

    Args:
        given: the stores of all rounds, by provenance.

    Raises:
        ArtifactError: naming two that do not belong together.
    """
    for kind, roles in _MADE_FROM.items():
        for made in stores.get(kind, ()):
            for role in roles:
                for store in stores.get(role, ()):
                    check_input(made, role, store)
    check_follow(stores.get("controller", ()))
    for kind, user in _USED_BY.items():
        users = [s for s in (*given.values(), *stores.get(user, ())) if s.kind == user]
        for store in stores.get(kind, ()) if user in stores else ():
            if not any(had_input(made, kind, store) for made in users):
                raise ArtifactError(
                    f"{stores[user][0].path} was not made with {store.path}; give the "
                    f"{kind} stores of its own run"
                )
    if "vision" not in stores:
        check_one_vision(stores.get("latents", ()), [*given.values()])
        check_alike(stores.get("rollouts", ()), ["seed"])
    elif "memory" in stores and "latents" not in stores:
        check_vision_of_memory(stores["vision"][0], stores["memory"][0])
    played = [
        store
        for kind in ("rollouts", "controller", "evaluation")
        for store in stores.get(kind, ())
    ]
    check_alike(played, ["environment", "id", "frame_skip"])


def check_drivers(
    rollouts: Sequence[Artifact], before: Mapping[str, Sequence[Artifact]]
) -> None:
    """Check that a round's rollouts were driven by the agent of the round before.

    Raises:
        ArtifactError: naming two that do not belong together.
    """
    for made in rollouts:
        for role in ("vision", "memory", "controller"):
            named = role in made.attributes["inputs"]
            for store in before.get(role, ()) if named else ():
                check_input(made, role, store)
