"""gymnasium's environments of the simulator in other processes, and what they keep."""

import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from worldmodels.environments import jax_process
from worldmodels.environments.carracing import gym
from worldmodels.runtime.errors import UserError

SPAWNED = """
import jax, numpy as np, gymnasium
import worldmodels.environments.carracing.gym as gym

if __name__ == "__main__":
    {first}
    envs = gymnasium.make_vec(
        gym.ID, num_envs=2, vectorization_mode="async", vector_kwargs={kwargs}
    )
    envs.reset_async(seed=7)
    frames, _ = envs.reset_wait(timeout=500)
    envs.step_async(np.tile(np.array([0, 0.5, 0], np.float32), (2, 1)))
    moved, rewards, *_ = envs.step_wait(timeout=500)
    assert frames in envs.observation_space
    assert (rewards > 0).all(), rewards
    envs.close()
    one = gymnasium.make(gym.ID)
    assert (one.reset(seed=8)[0] == frames[1]).mean() > 0.999
"""


@pytest.mark.filterwarnings("ignore")  # JAX's of the fork, gymnasium's of the error
def test_a_forked_child_of_a_process_that_used_jax_refuses():
    """It would wait for ever: here it does not even begin to."""
    jax.devices()
    envs = gymnasium.make_vec(
        gym.ID,
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"context": "fork"},  # gymnasium's default on Linux
    )
    try:
        envs.reset_async(seed=0)
        sentence = "forked.*leave vectorization_mode out.*'context': 'spawn'"
        with pytest.raises(UserError, match=sentence):
            envs.reset_wait(timeout=60)
    finally:
        envs.close(terminate=True)
    jax_process.prepare()  # here all is as before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "kwargs"),
    [("jax.numpy.zeros(1) + 1", {"context": "spawn"}), ("", {})],
    ids=["spawned", "forked before JAX was used"],
)
def test_processes_that_start_afresh_drive(tmp_path, first, kwargs):
    script = tmp_path / "drive.py"
    script.write_text(SPAWNED.format(first=first, kwargs=kwargs))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, timeout=900
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def unprepared(monkeypatch, tmp_path):
    """This process as if it had made no environment, and nobody had set a cache."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setattr(jax_process._Process, "prepared", False)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    jax.jit(lambda x: x + 2)(1)  # JAX concludes that nothing is kept
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def kept(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("jit_*")]


def compile_something(name):
    def something(x):
        return jnp.sin(x) + 3

    something.__name__ = name
    jax.block_until_ready(jax.jit(something)(np.ones(3, np.float32)))


def test_programs_are_kept_for_the_next_process(unprepared):
    jax_process.prepare()
    compile_something("first")
    assert any("first" in name for name in kept(unprepared / "home" / "worldmodels"))


def test_a_cache_that_somebody_chose_is_left_alone(unprepared):
    chosen = unprepared / "chosen"
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 7.0)
    compilation_cache.reset_cache()
    jax_process.prepare()
    assert jax.config.jax_compilation_cache_dir == str(chosen)
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 7.0
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    compile_something("second")
    assert any("second" in name for name in kept(chosen))
    assert not (unprepared / "home").exists()
