"""Provenance: what a store says about where it comes from, and the hash of it."""

import sys

import jax
import numpy as np
import pytest
import zarr
from support.small_store import make

import worldmodels
from worldmodels.runtime.devices import cores, processor
from worldmodels.stores import provenance as provenance_module
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.provenance import fingerprint, surroundings


def test_what_is_recorded(store):
    attributes = open_artifact(store).attributes
    assert attributes["version"] == worldmodels.__version__
    assert attributes["libraries"]["zarr"] == zarr.__version__
    assert attributes["libraries"]["numpy"] == np.__version__
    assert attributes["wall_seconds"] >= 0
    assert list(attributes)[-1] == "complete"


def test_the_devices_that_computed_are_counted(store, monkeypatch):
    compute = f"{jax.default_backend()} x {jax.device_count()}"
    assert open_artifact(store).attributes["compute"] == compute
    monkeypatch.delitem(sys.modules, "jax")
    assert surroundings()["compute"] == "numpy"


def test_the_processor_and_the_cores_are_recorded(store, tmp_path, monkeypatch):
    found = open_artifact(store).attributes["machine"]
    assert found.endswith(f"({processor()}), {cores()} core{'s' * (cores() > 1)}")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name\t: Thinker 3000\nflags : a\n")
    monkeypatch.setattr(provenance_module, "_CPUINFO", cpuinfo)
    assert provenance_module._machine.__wrapped__().startswith("Thinker 3000 (")
    cpuinfo.unlink()
    assert f"({processor()})" in provenance_module._machine.__wrapped__()


def test_no_git_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make(tmp_path / "a.zarr").attributes["commit"] == ""


def test_provenance_depends_on_what_decides_the_result_and_nothing_else(
    tmp_path, monkeypatch
):
    one = make(tmp_path / "one.zarr", config={"seed": 1})
    two = make(tmp_path / "two.zarr", config={"seed": 2})

    def provenance(name="a", kind="memory", value=1.0, version=1, config=None, **roles):
        path = tmp_path / kind / f"{name}.zarr"
        config = config or {"seed": 0, "rate": 1e-4}
        return make(path, kind, value, config, roles, version).provenance

    base = provenance(latents=[one, two])
    same = [
        provenance(name="elsewhere", latents=[one, two]),
        provenance(value=5.0, latents=[one, two]),  # what is inside
        provenance(config={"rate": 1e-4, "seed": 0}, latents=[one, two]),  # order
    ]
    monkeypatch.setattr(worldmodels, "__version__", "999")
    monkeypatch.setattr(provenance_module, "_commit", lambda: "another")
    monkeypatch.setattr(jax, "device_count", lambda: 64)
    same.append(provenance(latents=[one, two]))
    assert set(same) == {base}
    different = [
        provenance(kind="vision", latents=[one, two]),
        provenance(version=2, latents=[one, two]),
        provenance(config={"seed": 1, "rate": 1e-4}, latents=[one, two]),
        provenance(config={"seed": 0, "rate": 2e-4}, latents=[one, two]),
        provenance(config={"seed": 0}, latents=[one, two]),
        provenance(latents=[two, one]),
        provenance(latents=one),
        provenance(frames=[one, two]),
        provenance(),
    ]
    assert len({base, *different}) == 1 + len(different)


def test_inputs_are_recorded_by_role(tmp_path, store):
    given = open_artifact(store)
    artifact = make(
        tmp_path / "b.zarr", "memory", inputs={"a": given, "b": [given] * 2}
    )
    expected = {"a": [given.provenance], "b": [given.provenance] * 2}
    assert artifact.attributes["inputs"] == expected


def test_fingerprint_takes_json_values_only():
    assert fingerprint({"a": [1, 2.5]}) == fingerprint({"a": (1, 2.5)})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    with pytest.raises(TypeError):
        fingerprint({"a": np.int64(1)})
