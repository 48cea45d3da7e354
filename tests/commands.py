"""The real commands at tiny sizes, for the tests of stages and of resuming."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

REPOSITORY = Path(__file__).parents[1]

# One size for every test: the agents of these runs learn nothing, and each shape of the
# simulator is compiled once for all tests. Two workers, as conftest.py has two devices.
ENVIRONMENT = ["--max-steps=24", "--slots=4", "--workers=2"]
ROLLOUTS = ["--episodes-per-shard=4", "--steps=20"]
VISION = [
    "--latent-size=4",
    "--channels=4,4,8,8",
    "--decoder-channels=8,4,4",
    "--batch-size=8",
]
MEMORY = ["--hidden-size=8", "--mixtures=2", "--batch-size=2"]
CONTROLLER = [
    "--population=4",
    "--rollouts=2",
    "--generations-per-block=3",
    "--select-every=1",
    "--selection-episodes=3",
    "--initial-steps=12",
    "--step-increment=6",
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


def refused(stage: str, *arguments: object) -> str:
    """Run a command that must fail with one sentence, and return the sentence."""
    answer = subprocess.run(
        command(stage, *arguments), capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 1, answer.stderr
    errors = [line for line in answer.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert "Traceback" not in answer.stderr
    return errors[0]


def rollouts(folder: Path, shard: int = 0, backend: str = "simulator") -> Path:
    """Make one rollout store of four episodes."""
    out = folder / f"rollouts-{shard}.zarr"
    where = [f"--shard={shard}", f"--backend={backend}"]
    run("rollouts", *where, *ROLLOUTS, *ENVIRONMENT, "--out", out)
    return out


def vision(folder: Path, shards: list[Path]) -> Path:
    """Train a small V."""
    out = folder / "vision.zarr"
    files = ["--rollouts", *shards, "--checkpoint", folder / "v.ckpt", "--out", out]
    run("vision", *VISION, "--epochs=1", *files)
    return out


def latents(folder: Path, eyes: Path, shard: Path) -> Path:
    """Encode one rollout store."""
    out = folder / shard.name.replace("rollouts", "latents")
    run("latents", "--vision", eyes, "--rollouts", shard, "--out", out)
    return out


def memory(folder: Path, shards: list[Path]) -> Path:
    """Train a small M."""
    out = folder / "memory.zarr"
    files = ["--latents", *shards, "--checkpoint", folder / "m.ckpt", "--out", out]
    run("memory", *MEMORY, "--epochs=2", *files)
    return out


def networks(folder: Path, shards: list[Path]) -> SimpleNamespace:
    """Train V and M on rollouts."""
    eyes = vision(folder, shards)
    encoded = [latents(folder, eyes, shard) for shard in shards]
    mind = memory(folder, encoded)
    return SimpleNamespace(
        folder=folder, shards=shards, vision=eyes, latents=encoded, memory=mind
    )


def block(out: Path, made: SimpleNamespace, *options: object) -> Path:
    """Evolve C for three generations, or as many as `options` say."""
    files = ["--vision", made.vision, "--memory", made.memory, "--out", out]
    saved = ["--checkpoint", out.with_suffix(".ckpt")]
    run("controller", *CONTROLLER, *ENVIRONMENT, *saved, *files, *options)
    return out


def evaluation(out: Path, made: SimpleNamespace, blocks: list[Path]) -> Path:
    """Score the best of some blocks on as many tracks as it was selected on."""
    files = ["--vision", made.vision, "--memory", made.memory]
    files += ["--controller", *blocks, "--out", out]
    run("evaluation", *ENVIRONMENT, "--episodes=3", *files)
    return out
