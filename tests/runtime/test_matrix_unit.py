"""Whether a machine has a matrix unit: known, or measured once and kept."""

import json
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

from worldmodels.runtime import devices, matrix_unit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of compiled programs."""
    monkeypatch.setattr(devices, "programs", lambda: tmp_path)
    return tmp_path


def test_platforms_are_known_by_what_they_are():
    # bfloat16 came with CUDA's compute capability 8.0; 7.5 has float16 alone.
    known = {("tpu", ""): True, ("gpu", "9.0"): True, ("gpu", "8.0"): True}
    known |= {("gpu", "7.5"): False, ("gpu", "12.0"): True}
    known |= {("gpu", "gfx942"): None, ("cpu", ""): None, ("metal", ""): None}
    assert {some: matrix_unit.of_platform(*some) for some in known} == known


def test_a_measurement_is_kept_so_that_noise_cannot_change_the_answer(
    folder, monkeypatch
):
    for measured in (3.0, 0.5):
        monkeypatch.setattr(matrix_unit, "speedup", lambda m=measured: m)
        assert matrix_unit.has_matrix_unit()
    (file,) = folder.iterdir()
    assert devices.processor() in file.name  # a home may be shared by other kinds
    assert json.loads(file.read_text()) == {"speedup": 3.0}
    file.unlink()
    assert not matrix_unit.has_matrix_unit()
    monkeypatch.setattr(devices, "processor", lambda: "another")
    monkeypatch.setattr(matrix_unit, "speedup", lambda: matrix_unit.LEAST)
    assert matrix_unit.has_matrix_unit()


def test_of_two_that_measure_at_once_both_return_the_first_ones(folder):
    def slowly():
        assert matrix_unit.kept("answer", lambda: 3.0) == 3.0  # by another process
        return 0.5

    assert matrix_unit.kept("answer", slowly) == 3.0
    assert [file.name for file in folder.iterdir()] == ["answer"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"speedup": "2"}'])
def test_a_damaged_answer_is_measured_again(folder, damage):
    (folder / "answer").write_text(damage)
    assert matrix_unit.kept("answer", lambda: 2.0) == 2.0
    assert matrix_unit.kept("answer", lambda: 1.0) == 2.0


def test_a_file_system_without_links_will_do(folder, monkeypatch):
    def fail(*_):
        raise PermissionError

    monkeypatch.setattr(matrix_unit.os, "link", fail)
    assert matrix_unit.kept("answer", lambda: 2.0) == 2.0
    assert [file.name for file in folder.iterdir()] == ["answer"]


@pytest.mark.parametrize("place", [None, "/proc/1"])
def test_where_no_answer_can_be_kept_it_is_no_in_one_line(place, monkeypatch, capsys):
    monkeypatch.setattr(devices, "programs", lambda: place and devices.Path(place))
    monkeypatch.setattr(matrix_unit, "speedup", lambda: 3.0)
    assert not matrix_unit.has_matrix_unit()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("precision auto is float32 here")
    assert "set JAX_COMPILATION_CACHE_DIR" in line


def test_programs_are_looked_for_where_jax_keeps_them(monkeypatch):
    import jax

    for place, enabled, expected in (
        ("/programs", True, devices.Path("/programs")),
        ("/programs", False, None),
        ("gs://bucket/programs", True, None),
        (None, True, None),
    ):
        config = SimpleNamespace(
            jax_compilation_cache_dir=place, jax_enable_compilation_cache=enabled
        )
        monkeypatch.setattr(jax, "config", config)
        assert devices.programs() == expected


def test_what_is_measured_are_products_of_rounded_factors_summed_in_float32():
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 6), (6, 5)))
    positive = np.maximum(x, 0)
    rounded = [a.astype(ml_dtypes.bfloat16).astype(np.float32) for a in (positive, w)]
    for kind, factors in ((jnp.float32, (positive, w)), (jnp.bfloat16, rounded)):
        (found,) = matrix_unit.products([jnp.asarray(x)], [jnp.asarray(w, kind)])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, factors[0] @ factors[1], rtol=1e-5)
    assert 0 < matrix_unit.speedup() < 1000
