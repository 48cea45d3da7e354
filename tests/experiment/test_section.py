"""Sections: what a field allows, groups in groups, copies with other values."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from worldmodels.experiment import config_file, stage_settings, stages
from worldmodels.experiment.config import Everything
from worldmodels.experiment.overlays import laid_over
from worldmodels.experiment.section import (
    Section,
    group,
    groups_of,
    of_the_paper,
    read,
    setting,
)
from worldmodels.experiment.settings import Memory, Run
from worldmodels.experiment.values import Number, list_of
from worldmodels.runtime.errors import UserError


class Heads(Section):
    """Read heads."""

    count: int = setting(4, "that read", unit="heads", paper=2, low=1, high=8)
    places: list_of(Annotated[int, Field(ge=0)]) = setting((1, 2), "of each")


class Cell(Section):
    """A cell with sizes of its own."""

    kind: Literal["lstm", "other"] = setting("lstm", "which")
    clip: Number | None = setting(None, "of its state", above=0.0)
    heads: Heads = group(Heads)


class Nested(Memory):
    """M, with a cell that is a group in it, and one setting more."""

    cell: Cell = group(Cell, before={"kind": "lstm"})
    drop: Number = setting(0.5, "of its units", before=0.0, low=0.0, high=1.0)


@pytest.fixture
def nested(monkeypatch):
    """Let the stage memory have that M, as one more field of Memory would."""
    row = stages.STAGES["memory"]
    changed = stages.Stage(**vars(row) | {"sections": (Run, Nested)})
    monkeypatch.setitem(stages.STAGES, "memory", changed)
    monkeypatch.setitem(stages._SECTIONS, Nested, "memory")


def test_an_overlay_changes_one_value_of_a_group():
    base = {"epochs": 3, "cell": {"kind": "other", "heads": {"count": 5}}}
    over = laid_over(base, {"cell": {"heads": {"count": 6}}})
    memory = read(Nested, over, "memory.")
    assert memory.cell == Cell(kind="other", heads=Heads(count=6))
    assert memory.changed(cell={"heads": {"places": [3]}}).cell == Cell(
        kind="other", heads=Heads(count=6, places=(3,))
    )
    assert read(Nested, {"cell": None}).cell == Cell()


def test_a_group_is_set_recorded_and_passed_on(nested):
    words = ["memory.cell.heads.count=7", "memory.cell={kind: other, clip: 1e-3}"]
    run, memory = stage_settings.from_words("memory", 0, None, words)
    assert memory.cell == Cell(kind="other", clip=1e-3, heads=Heads(count=7))
    cell = {"kind": "other", "clip": 1e-3, "heads": {"count": 7, "places": [1, 2]}}
    assert stages.recorded("memory", 0, run, memory)["cell"] == cell
    assert stages.before("memory") == {
        "precision": "float32",
        "cell": {"kind": "lstm"},
        "target": "sample",
        "drop": 0.0,
    }
    text = json.dumps({"memory": {"cell": cell}})
    assert stage_settings.from_words("memory", 0, text, []) == [run, memory]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"cell": {"heads": {"count": 9}}},
            "memory.cell.heads.count is 9; it must be a whole number, at least 1, at "
            "most 8",
        ),
        (
            {"cell": {"heads": {"counts": 9}}},
            "memory.cell.heads.counts (here 9) is not a known key; allowed are count, "
            "places",
        ),
        ({"cell": "gru"}, "memory.cell is 'gru'; it must be a mapping of keys to"),
        (
            {"cell": {"heads": {"places": [1, True]}}},
            "memory.cell.heads.places[1] is True; it must be a whole number, at",
        ),
        (
            {"cell": {"clip": -1}},
            "memory.cell.clip is -1; it must be a number, above 0.0, or null",
        ),
    ],
)
def test_a_value_in_a_group_is_refused_by_its_whole_name(values, sentence):
    with pytest.raises(UserError) as refusal:
        read(Nested, values, "memory.")
    assert str(refusal.value).startswith(sentence)


def test_a_section_is_frozen_hashable_and_checked():
    memory = Memory(epochs=3)
    assert {memory: 1}[Memory().changed(epochs=3)] == 1
    with pytest.raises(ValidationError):
        memory.epochs = 4
    with pytest.raises(ValidationError):
        Memory(epochs=True)
    with pytest.raises(UserError, match=r"^epochs is -1; it must be a whole number"):
        memory.changed(epochs=-1)


def test_a_group_is_printed_below_its_key():
    assert "\n".join(config_file.lines(Cell, "  ")) == (
        "  kind: lstm # lstm | other: which (paper: none)\n"
        "  clip: null # of its state (paper: none)\n"
        "  heads: # read heads\n"
        "    count: 4 # heads that read (paper 2)\n"
        "    places: [1, 2] # of each (paper: none)"
    )


def sections(kind: type[Section]):
    yield kind
    for inner in groups_of(kind).values():
        yield from sections(inner)


@pytest.mark.parametrize("kind", list(sections(Everything)))
def test_the_papers_values_are_possible(kind):
    """And so are the defaults, which a model does not check by itself."""
    of_the_paper(kind)
    kind.model_validate(kind().model_dump())
