"""The page on recurrent cells: it stands alone and tells what the stores hold."""

import base64
import json

import pytest
from support import cell_runs
from support.pages import Elements

from worldmodels.experiment.cells import CELLS
from worldmodels.stages import cells

SEEDS = (0, 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page, the table and the JSON of cells that differ by ten."""
    folder = tmp_path_factory.mktemp("cells")
    played, foreseen = {}, {}
    for number, cell in enumerate(CELLS):
        played[cell] = {seed: (300 + 10 * number + seed, 310.0) for seed in SEEDS}
        foreseen[cell] = {seed: 1.2 - 0.01 * number + 0.1 * seed for seed in SEEDS}
    stores = cell_runs.make_cells(folder, played, foreseen)
    out = folder / "cells" / "index.html"
    cells.run(cell=[[name, *paths] for name, paths in stores.items()], out=out)
    table = out.with_name("table.txt")
    data = json.loads(table.with_suffix(".json").read_text())
    return out.read_text(), table.read_text(), data


def test_the_page_stands_alone_and_answers_first(made):
    page, table, data = made
    elements = Elements(page)
    assert not elements.named("link", "script", "iframe", "object")
    anchors = [section["id"] for section in elements.named("section")]
    assert anchors == ["answer", "learning", "foresight", "scores", "differences"]
    answer = data["answer"].replace("'", "&#x27;")
    assert answer in page
    assert page.index(answer) < page.index("<table>")
    assert data["answer"] in table
    assert "NOT all made alike" not in page


def test_its_pictures_name_every_cell(made):
    pictures = Elements(made[0]).named("img")
    assert len(pictures) == 3
    for picture in pictures:
        assert picture["src"].startswith("data:image/svg+xml")
        assert len(picture["alt"]) > 30
        drawn = base64.b64decode(picture["src"].partition(",")[2]).decode()
        for title in CELLS.values():  # as comments beside the drawn letters
            assert f"<!-- {title} -->" in drawn
