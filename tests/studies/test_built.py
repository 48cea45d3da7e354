"""Which pages beside a report are built, and what is known of them without JAX."""

import pytest

from worldmodels.studies import built, registry


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make the files of a page, in the working folder."""
    monkeypatch.chdir(tmp_path)

    def pages(folder: str, table: str = "{}", left_out: str = ""):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        for name in {"index.html", "table.txt", "table.json"} - {left_out}:
            (place / name).write_text(table)

    return pages


def test_cells_and_all_variants_of_studies_are_found_in_order(make):
    make("results/studies/dsprites/laptop")
    make("results/studies/dnc_tasks/long")
    make("results/studies/dnc_tasks/laptop")
    make("results/mine/cells")
    make("results/other/cells")  # another experiment's
    make("results/studies/nobodys/laptop")
    assert [*built.digests("results/mine")] == [
        "results/mine/cells",
        "results/studies/dnc_tasks/laptop",
        "results/studies/dnc_tasks/long",
        "results/studies/dsprites/laptop",
    ]


@pytest.mark.parametrize("name", ["index.html", "table.txt", "table.json"])
def test_a_page_that_is_not_complete_is_not_built(make, name):
    make("results/mine/cells", left_out=name)
    assert built.digests("results/mine") == {}


def test_the_digest_is_of_the_numbers(make):
    make("results/mine/cells", '{"a": 1}')
    first = built.digests("results/mine")
    assert built.digests("results/mine") == first
    make("results/mine/cells", '{"a": 2}')
    assert built.digests("results/mine") != first


def test_the_question_is_the_studys(make, tmp_path):
    folder = tmp_path / "studies" / "dsprites" / "laptop"
    assert built.question(folder) == registry.study("dsprites").summary
    assert built.question(tmp_path / "mine" / "cells") == ""
