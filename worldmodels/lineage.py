"""Which store was made from which: provenance, checked before two are used together."""

from worldmodels.artifacts import Artifact, ArtifactError


def check_input(made: Artifact, role: str, given: Artifact) -> None:
    """Check that `made` had `given` as its input `role`.

    Raises:
        ArtifactError: when it was made from another store.
    """
    if given.provenance not in made.attributes["inputs"].get(role, ()):
        raise ArtifactError(
            f"{made.path} was not made with {given.path} but with another {role} "
            f"store; give the {role} store of its own run"
        )
