"""Settings of the study's pictures and of its judge. No JAX is imported here."""

from worldmodels.experiment.section import Section, setting


class Data(Section):
    """The pictures that are learnt."""

    folder: str = setting(
        "", "path of the user's own pictures; empty: faces are drawn here"
    )


class Judge(Section):
    """The classifier that tells which labels a picture has."""
