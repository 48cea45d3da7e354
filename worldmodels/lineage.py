"""Which stores belong together, checked before they are used together."""

from collections.abc import Sequence

import numpy as np

from worldmodels.artifacts import Artifact, ArtifactError


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


def check_tracks(store: Artifact, reference: Artifact) -> None:
    """Check that two evaluations are of the same tracks.

    Raises:
        ArtifactError: when they cannot be compared.
    """
    tracks = (s.read("agent/seed") for s in (store, reference))
    if not np.array_equal(*tracks):
        raise ArtifactError(
            f"{store.path} was scored on other tracks than {reference.path}; evaluate "
            "all on the same"
        )
