"""The commands at tiny sizes, for the tests of stages and of resuming.

`run` is the real command, which every stage is put through somewhere. `call` does the
same in the test's own process, which has imported and compiled most of it before.
"""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from worldmodels import cli

REPOSITORY = Path(__file__).parents[2]

# One size for every test: the agents of these runs learn nothing, and each shape of the
# simulator is compiled once for all tests. So shards have as many tracks as selection
# and evaluation. Two workers, as conftest.py has two devices.
POOL = ["--set=environment.slots=4", "--workers=2"]
ENVIRONMENT = ["--set=environment.max_steps=24", *POOL]
ROLLOUTS = ["--set=rollouts.episodes_per_shard=4", "--set=rollouts.steps=20", *POOL]
VISION = [
    "--set=vision.latent_size=4",
    "--set=vision.channels=[4,4,8,8]",
    "--set=vision.decoder_channels=[8,4,4]",
    # Eight batches an epoch and a shard, all in one call: one program for any epochs.
    "--set=vision.batch_size=10",
]
MEMORY = [
    "--set=memory.hidden_size=8",
    "--set=memory.mixtures=2",
    "--set=memory.batch_size=2",
]
CONTROLLER = [
    "--set=controller.population=4",
    "--set=controller.rollouts=2",
    "--set=controller.generations_per_block=3",
    "--set=controller.select_every=1",
    "--set=controller.selection_episodes=4",
    "--set=controller.initial_steps=12",
    "--set=controller.step_increment=6",
]


def command(stage: str, *arguments: object) -> list[str]:
    """Return the words of one `worldmodels` command."""
    return [sys.executable, "-m", "worldmodels.cli", stage, *map(str, arguments)]


def run(stage: str, *arguments: object, timeout: float = 300) -> None:
    """Run a command that must succeed, in so many seconds."""
    answer = subprocess.run(
        command(stage, *arguments), capture_output=True, text=True, timeout=timeout
    )
    assert answer.returncode == 0, answer.stderr


def call(stage: str, *arguments: object) -> None:
    """Do in this process what a command does that must succeed."""
    assert cli.main([stage, *map(str, arguments)]) == 0


def refused(stage: str, *arguments: object) -> str:
    """Run a command that must fail with one sentence, and return the sentence."""
    answer = subprocess.run(
        command(stage, *arguments), capture_output=True, text=True, timeout=300
    )
    return _sentence(answer.returncode, answer.stderr)


def call_refused(stage: str, *arguments: object) -> str:
    """Do as `refused` in this process."""
    with contextlib.redirect_stderr(io.StringIO()) as told:
        status = cli.main([stage, *map(str, arguments)])
    return _sentence(status, told.getvalue())


def _sentence(status: int, told: str) -> str:
    assert status == 1, told
    errors = [line for line in told.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert "Traceback" not in told
    return errors[0]


Run = Callable[..., None]


def rollouts(
    folder: Path, shard: int = 0, backend: str = "simulator", run: Run = run
) -> Path:
    """Make one rollout store of four episodes."""
    out = folder / f"rollouts-{shard}.zarr"
    where = [f"--shard={shard}", f"--set=environment.backend={backend}"]
    run("rollouts", *where, *ROLLOUTS, "--out", out)
    return out


def vision(folder: Path, shards: list[Path], run: Run = run) -> Path:
    """Train a small V."""
    out = folder / "vision.zarr"
    files = ["--rollouts", *shards, "--checkpoint", folder / "v.ckpt", "--out", out]
    run("vision", *VISION, "--set=vision.epochs=1", *files)
    return out


def latents(folder: Path, v_store: Path, shard: Path, run: Run = run) -> Path:
    """Encode one rollout store."""
    out = folder / shard.name.replace("rollouts", "latents")
    run("latents", "--vision", v_store, "--rollouts", shard, "--out", out)
    return out


def memory(folder: Path, shards: list[Path], run: Run = run) -> Path:
    """Train a small M."""
    out = folder / "memory.zarr"
    files = ["--latents", *shards, "--checkpoint", folder / "m.ckpt", "--out", out]
    run("memory", *MEMORY, "--set=memory.epochs=2", *files)
    return out


def networks(
    folder: Path, shards: list[Path], run: Run = run, again: Run | None = None
) -> SimpleNamespace:
    """Train V and M on rollouts; `again` encodes all shards but the first."""
    v_store = vision(folder, shards, run)
    first, *others = shards
    encoded = [latents(folder, v_store, first, run)]
    encoded += [latents(folder, v_store, shard, again or run) for shard in others]
    m_store = memory(folder, encoded, run)
    return SimpleNamespace(
        folder=folder, shards=shards, vision=v_store, latents=encoded, memory=m_store
    )


def block(out: Path, made: SimpleNamespace, *options: object, run: Run = run) -> Path:
    """Evolve C for three generations, or as many as `options` say."""
    files = ["--vision", made.vision, "--memory", made.memory, "--out", out]
    files += ["--latents", *made.latents]
    saved = ["--checkpoint", out.with_suffix(".ckpt")]
    run("controller", *CONTROLLER, *ENVIRONMENT, *saved, *files, *options)
    return out


def random(out: Path, run: Run = run) -> Path:
    """Score the random policy on the tracks of the evaluation."""
    settings = ["--set=environment.max_steps=24", "--set=evaluation.episodes=4"]
    run("random", *settings, "--workers=2", "--out", out)
    return out


def evaluation(
    out: Path,
    made: SimpleNamespace,
    blocks: list[Path],
    run: Run = run,
    *options: object,
) -> Path:
    """Score the best of some blocks on as many tracks as it was selected on."""
    files = ["--vision", made.vision, "--memory", made.memory]
    files += ["--controller", *blocks, "--out", out, *options]
    run("evaluation", *ENVIRONMENT, "--set=evaluation.episodes=4", *files)
    return out
