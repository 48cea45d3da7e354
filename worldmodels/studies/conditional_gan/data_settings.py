"""Settings of the study's pictures and of its judge. No JAX is imported here."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from worldmodels.experiment.bounds import BATCH, PASSES, RATE, WIDTH
from worldmodels.experiment.section import Section, setting
from worldmodels.experiment.values import Number, list_of

_Side = Annotated[int, Field(ge=8, le=1024)]
_MANY = {"low": 2, "high": 1_000_000}


class Data(Section):
    """The pictures that are learnt."""

    folder: str = setting(
        "",
        "path of the user's own pictures, laid out as CelebA or as Painter by Numbers; "
        "empty: faces are drawn here",
    )
    faces: int = setting(
        6000, "that are drawn here", unit="faces", **_MANY | {"high": 999_999}
    )
    labels: str = setting(
        "Male Smiling Black_Hair Blond_Hair Mustache",
        "attributes of CelebA, with blanks between them",
    )
    column: Literal["artist", "style", "genre", "date"] = setting(
        "genre", "of Painter by Numbers' table that holds the labels"
    )
    values: int = setting(
        5,
        "most frequent of that column that are labels",
        unit="values",
        **WIDTH | {"low": 2},
    )
    size: list_of(_Side, 2) = setting(
        (32, 32), "height and width that pictures are brought to", unit="pixels"
    )
    fit: Literal["crop", "whole"] = setting(
        "crop",
        "the centre in the shape of `size`, or all of a picture, pressed into it",
    )
    held_out: Number = setting(
        0.2, "kept from training, to judge on", unit="share", low=0.01, high=0.9
    )
    shard: int = setting(1024, "in one file", unit="pictures", **BATCH)

    @field_validator("labels")
    @classmethod
    def _different(cls, labels: str) -> str:
        names = labels.split()
        if not names or len(set(names)) < len(names):
            raise ValueError("it must name at least one attribute, each once")
        return labels


class Judge(Section):
    """The classifier that tells which labels a picture has, and what is measured."""

    updates: int = setting(
        500, "of the classifier", unit="updates", **PASSES | {"low": 1}
    )
    batch_size: int = setting(128, "in an update", unit="pictures", **BATCH)
    learning_rate: Number = setting(
        1e-3, "of Adam at the first update; a cosine leads to 0", **RATE
    )
    drawn: int = setting(
        2048, "by a generator, to be measured", unit="pictures", **_MANY | {"low": 64}
    )
    neighbours: int = setting(
        8, "drawn pictures whose nearest in training are kept", unit="pictures", **BATCH
    )
