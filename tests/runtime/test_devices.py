"""JAX where it cannot start, and where its compiled programs cannot be kept."""

import os
import stat
import subprocess

import pytest
from support import commands

from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError


@pytest.mark.parametrize(
    "platforms", ["cuda", pytest.param("nonsense", marks=pytest.mark.slow)]
)
def test_a_platform_that_is_not_there_is_told_in_one_sentence(platforms, tmp_path):
    answer = subprocess.run(
        commands.command("evaluate", "--pretrained", "none.zarr"),
        env=os.environ | {"JAX_PLATFORMS": platforms},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 1
    sentence = f"error: JAX cannot start on JAX_PLATFORMS={platforms} ("
    assert answer.stderr.startswith(sentence)
    assert answer.stderr.count("\n") == 1


def test_a_jax_that_cannot_start_by_itself_is_told_what_to_set(monkeypatch):
    import jax

    def fail():
        raise RuntimeError("Unable to initialize backend 'cuda':\nno memory (set JAX_")

    monkeypatch.setattr(jax, "devices", fail)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    with pytest.raises(UserError, match=r"'cuda': no memory.*set JAX_PLATFORMS=cpu"):
        devices.prepare("float32")


@pytest.fixture
def jax_settings(monkeypatch):
    """Collect the settings that JAX is given, and let JAX keep those of the tests."""
    import jax

    told = {}
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    return told


def place_of(variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    devices.keep_programs()


def test_programs_are_kept_below_the_users_cache(jax_settings, monkeypatch, tmp_path):
    place_of({"XDG_CACHE_HOME": tmp_path / "x"}, monkeypatch)
    kept = tmp_path / "x" / "worldmodels" / devices.processor()
    assert jax_settings["jax_compilation_cache_dir"] == str(kept)
    assert not list(kept.iterdir())
    # By the rules of these directories a relative one counts as none.
    place_of({"XDG_CACHE_HOME": "relative", "HOME": tmp_path / "home"}, monkeypatch)
    kept = tmp_path / "home" / ".cache" / "worldmodels" / devices.processor()
    assert jax_settings["jax_compilation_cache_dir"] == str(kept)
    assert "jax_enable_compilation_cache" not in jax_settings


@pytest.mark.parametrize(
    "name", ["XDG_CACHE_HOME", "HOME", "JAX_COMPILATION_CACHE_DIR"]
)
@pytest.mark.parametrize("kind", ["file", "unwritable"])
def test_programs_that_cannot_be_kept_are_told_in_a_line(
    name, kind, jax_settings, monkeypatch, tmp_path, capsys
):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    place = tmp_path / "place"
    if kind == "file":
        place.touch()
    else:
        place = unwritable(place)
    place_of({name: place}, monkeypatch)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compiled programs are not kept")
    assert f": {place}" in line
    assert "set JAX_COMPILATION_CACHE_DIR" in line
    assert jax_settings["jax_enable_compilation_cache"] is False


def unwritable(place):
    """Return a folder that this user may not write to; root may, but not in /proc."""
    if os.geteuid() == 0:
        return "/proc/1"
    place.mkdir()
    place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return place


def test_a_user_without_a_home_is_told_too(jax_settings, monkeypatch, capsys):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(devices.Path, "home", homeless)
    devices.keep_programs()
    assert "a cache cannot be written (Could not det" in capsys.readouterr().err
    assert jax_settings["jax_enable_compilation_cache"] is False


def test_a_cache_elsewhere_than_on_a_disk_is_left_to_jax(
    jax_settings, monkeypatch, capsys
):
    for place in ("", "gs://bucket/programs"):
        place_of({"JAX_COMPILATION_CACHE_DIR": place}, monkeypatch)
    assert capsys.readouterr().err == ""
    assert "jax_enable_compilation_cache" not in jax_settings


def test_a_quota_bounds_the_threads_of_jax(jax_settings, monkeypatch, tmp_path):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("PJRT_NPROC", raising=False)
    monkeypatch.setattr(devices, "cpu_quota", lambda: None)
    devices.prepare("float32")
    assert "PJRT_NPROC" not in os.environ
    monkeypatch.setattr(devices, "cpu_quota", lambda: 0.5)
    devices.prepare("float32")
    assert os.environ.pop("PJRT_NPROC") == "1"
