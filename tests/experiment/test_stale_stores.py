"""What stores record is compared with what is expected; only descriptions are read."""

import dataclasses
import json
import os
import shutil
from collections import Counter

import pytest
from support import small_store

from worldmodels.experiment import stale_stores
from worldmodels.experiment.stale_stores import Expected
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import attributes

CONFIG = {"seed": 0, "channels": [4, 4, 8, 8], "round": 0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a published store, v, that was made from the others, 0 and 1."""
    folder = tmp_path_factory.mktemp("made")
    inputs = [
        small_store.make(folder / f"{n}.zarr", "rollouts", config={"shard": n})
        for n in range(2)
    ]
    small_store.make(
        folder / "v.zarr",
        config=CONFIG | {"latent_size": 4},
        inputs={"rollouts": inputs},
        version=3,
    )
    return folder


@pytest.fixture
def asked(made, tmp_path) -> Expected:
    """What is expected of v, as it is."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    inputs = [str(tmp_path / f"{n}.zarr") for n in range(2)]
    return Expected(str(tmp_path / "v.zarr"), "train_vision", 3, CONFIG, inputs)


def refusal(*asked: Expected) -> str:
    with pytest.raises(UserError) as refused:
        stale_stores.refuse(asked)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert str(asked[0].path) in sentence
    return sentence


def test_what_is_asked_for_passes(asked):
    stale_stores.refuse([asked])


def test_imported_rollouts_are_whatever_was_imported(tmp_path):
    config = {"policy": "imported", "round": 0, "shard": 1}
    path = small_store.make(tmp_path / "1.zarr", "rollouts", config=config).path
    asked = Expected(
        str(path), "rollouts_shard", 3, config | {"steps": 7, "seed": 1}, []
    )
    stale_stores.refuse([asked])
    driven = dataclasses.replace(asked, config=asked.config | {"policy": "white"})
    assert "(policy is imported there and white here)" in refusal(driven)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"config": CONFIG | {"seed": 1}}, "seed is 0 there and 1 here"),
        ({"config": CONFIG | {"seed": [1]}}, "seed is 0 there and [1] here"),
        ({"config": CONFIG | {"new": 5}}, "new is not recorded there and 5 here"),
        ({"version": 4}, "stage_version is 3 there and 4 here"),
        ({"inputs": []}, "it was made from 2 stores, 0 are asked for"),
    ],
)
def test_what_differs_is_named_and_what_to_do(asked, change, why):
    sentence = refusal(dataclasses.replace(asked, **change))
    assert f"({why})" in sentence
    assert "delete it, or give --forcerun train_vision to" in sentence


def test_a_store_older_than_a_setting_did_what_was_done_before_it(asked):
    newer = dataclasses.replace(asked, before={"cell": "lstm"})
    same = dataclasses.replace(newer, config=CONFIG | {"cell": "lstm"})
    stale_stores.refuse([same])
    other = dataclasses.replace(newer, config=CONFIG | {"cell": "gru"})
    assert "cell is lstm there and gru here" in refusal(other)


def test_an_input_that_was_made_anew_is_named(asked, tmp_path):
    small_store.make(tmp_path / "1.zarr", "rollouts", config={"shard": 1, "seed": 1})
    assert f"not made from {tmp_path / '1.zarr'} as it is now" in refusal(asked)


def test_an_input_that_is_gone_changes_nothing(asked, tmp_path):
    """Rollouts may be deleted to free their space."""
    (tmp_path / "1.zarr/zarr.json").unlink()
    stale_stores.refuse([asked])


@pytest.mark.parametrize("provenance", ["[1]", "{}", "null", "5"])
def test_an_input_of_no_provenance_changes_nothing(asked, tmp_path, provenance):
    described = tmp_path / "1.zarr/zarr.json"
    found = json.loads(described.read_text())
    found["attributes"]["provenance"] = json.loads(provenance)
    described.write_text(json.dumps(found))
    stale_stores.refuse([asked])


def test_many_are_counted(asked):
    other = dataclasses.replace(asked, version=4)
    assert ", 4 more;" in refusal(*[other] * 7)


def test_what_is_no_store_is_let_pass(tmp_path):
    texts = ["", "{}", "[]", '{"attributes": 3}', '{"attributes": {"config": 1}}']
    texts += ["[" * 100_000, '{"attributes": ' + '{"a":' * 100_000]
    for number, text in enumerate(texts):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "zarr.json").write_text(text)
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe/zarr.json")
    (tmp_path / "file").touch()
    stale_stores.refuse(
        Expected(str(path), "train_vision", 1, {"seed": 0}, [])
        for path in [*tmp_path.iterdir(), tmp_path / "missing"]
    )


def test_each_description_is_read_once(asked, tmp_path, monkeypatch):
    """100 shards by one V: a start of Snakemake must not read V's a hundred times."""
    reads = Counter()

    def counted(store):
        reads[store] += 1
        return attributes(store)

    monkeypatch.setattr(stale_stores, "attributes", counted)
    text = (tmp_path / "v.zarr/zarr.json").read_text()
    many = []
    for number in range(100):
        store = tmp_path / f"many-{number}.zarr"
        store.mkdir()
        (store / "zarr.json").write_text(text)
        many.append(dataclasses.replace(asked, path=str(store)))
    stale_stores.refuse(many)
    assert len(reads) == 100 + len(asked.inputs)
    assert set(reads.values()) == {1}
