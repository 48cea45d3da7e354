"""The page on several seeds: it stands alone and tells what the stores hold."""

import base64
import json
import re

import pytest
from support import commands, damage, synthetic
from support.pages import Elements

from worldmodels.stages import seeds
from worldmodels.stores.artifact import open_artifact

LEVELS = {0: 100.0, 3: 140.0}  # every return of a seed


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """The stores of two seeds that a comparison reads, of two rounds each.

    They have all but their scores in common.
    """
    folder, given = tmp_path_factory.mktemp("seeds"), {}
    first, last = (synthetic.make_round(folder, number) for number in (0, 1))
    left_out = (first.evaluation.path, last.evaluation.path)
    kept = [
        str(path)
        for path in (*first.paths, *last.paths)
        if "rollouts" not in path.parts and path not in left_out
    ]
    for seed, level in LEVELS.items():
        scored = {"agent/returns": 0 * last.evaluation.read("agent/returns") + level}
        place = folder / f"{seed}.zarr"
        scores = damage.remade(last.evaluation, place, scored, config={"seed": seed})
        given[seed] = [*kept, str(scores)]
    return given


def written(folder, trainings) -> tuple[str, str, dict]:
    """Return the page, the table and the JSON of trainings."""
    out = folder / "seeds" / "index.html"
    seeds.run(seed=[[str(seed), *made] for seed, made in trainings.items()], out=out)
    table = out.with_name("table.txt")
    return (
        out.read_text(),
        table.read_text(),
        json.loads(table.with_suffix(".json").read_text()),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory, trainings):
    return written(tmp_path_factory.mktemp("page"), trainings)


def test_the_page_stands_alone_and_tells_everything(made):
    page, table, data = made
    elements = Elements(page)
    assert not elements.named("link", "script", "iframe", "object")
    pictures = elements.named("img")
    assert len(pictures) == 3
    for picture in pictures:
        assert picture["src"].startswith("data:image/svg+xml")
        assert len(picture["alt"]) > 30
    learning = base64.b64decode(pictures[1]["src"].partition(",")[2]).decode()
    # As comments beside the drawn letters.
    assert re.findall(r"<!-- (round \d) -->", learning) == ["round 0", "round 1"]
    anchors = [a["href"][1:] for a in elements.named("a") if a["href"][0] == "#"]
    assert anchors == ["scores", "learning", "tracks", "cost", "versions"]
    assert anchors == [section["id"] for section in elements.named("section")]
    # Student's quantile of one degree of freedom times the error, which is 20.
    interval = f"{120 - 12.7062 * 20:.1f} to {120 + 12.7062 * 20:.1f}"
    assert f"Student&#x27;s 95 % interval {interval}" in page
    assert interval in table
    assert {seed: row["mean"] for seed, row in data["seed"].items()} == {
        "0": 100,
        "3": 140,
    }
    for words in ("bands: from the lowest to the highest seed", "round 1 in the simu"):
        assert words in page
    assert "All trainings were made with the same versions" in page
    assert "NOT" not in page


def test_the_cost_is_the_mean_of_what_the_stores_record(made, trainings, tmp_path):
    """Of M: 2 and 4 minutes in round 0, and what the tests took in round 1: nothing."""
    changed = {}
    for seed, minutes in zip(trainings, (2, 4), strict=True):
        changed[seed] = []
        for path in trainings[seed]:
            store = open_artifact(path)
            if store.kind == "memory":
                taken = 60.0 * minutes * (store.config["round"] == 0)
                change = damage.set_attribute("wall_seconds", taken)
                path = damage.edited(store, tmp_path / f"{seed}-{path[-30:]}", change)
            changed[seed].append(str(path))
    page, *_ = written(tmp_path, changed)
    row = re.search(r"<tr><td>memory</td>(.*?)</tr>", page)[1]
    assert re.findall(r">([\d.]+(?: to [\d.]+)?)<", row) == [
        "3.0", "0.0", "3.0", "2.0 to 4.0",
    ]  # fmt: skip


def test_trainings_of_another_machine_are_said_plainly(trainings, tmp_path):
    *others, scores = trainings[3]
    moved = damage.edited(
        open_artifact(scores),
        tmp_path / "moved.zarr",
        damage.set_attribute("compute", "gpu x 1"),
    )
    page, table, data = written(tmp_path, {**trainings, 3: [*others, str(moved)]})
    for text in (page, table):
        assert "The trainings were NOT all made alike" in text
        assert "gpu x 1 (seed 3)" in text
    assert not data["made_alike"]["computed on"]


def test_what_is_no_comparison_is_refused(trainings, tmp_path):
    out = ["--out", tmp_path / "new" / "index.html"]

    def refused(*given) -> str:
        return commands.call_refused("seeds", *given, *out)

    zero, three = trainings.values()
    assert "begins with 'first'" in refused("--seed", "first", *zero)
    assert "same seed" in refused("--seed", "0", *zero, "--seed", "0", *zero)
    assert "no evaluation among them" in refused("--seed", "0", *zero[:-1])
    assert "given as that of seed 3" in refused("--seed", "3", *three[:-1], zero[-1])
    memory = next(open_artifact(path) for path in zero if "round-1/memory" in path)
    stranger = damage.remade(memory, tmp_path / "memory.zarr", config={"seed": 5})
    mixed = [str(stranger) if path == str(memory.path) else path for path in zero]
    assert f"was not made with {stranger}" in refused("--seed", "0", *mixed)
    assert not (tmp_path / "new").exists()
