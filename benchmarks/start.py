"""What starting a stage costs, before and beside its work: CPU seconds, by stage.

    python benchmarks/start.py                      all stages
    python benchmarks/start.py vision controller    some

Every stage of one round is run as its command, with the networks of the default run and
the work of a moment (two episodes of a few steps). What it takes is its start: imports,
opening stores, tracing programs, compiling them or loading them from the cache. It runs
once with an empty cache and then with a full one, as at every later start.

- import: of the stage's module, in a process of its own;
- traced, lowered: Python's work on JAX's programs;
- compiled: XLA's, or loading from the cache;
- programs: how many there were, and how many of them the cache lacked;
- whole: the command from its start to its end, with its worker processes.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PHASES = {
    "/jax/core/compile/jaxpr_trace_duration": "traced",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lowered",
    "/jax/core/compile/backend_compile_duration": "compiled",
}
_MISS = "/jax/compilation_cache/cache_misses"
_SHORT = ["--set=environment.max_steps=4", "--workers=1"]
_HEAD = (
    "import", "traced", "lowered", "compiled", "programs", "lacking", "whole",
)  # fmt: skip


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each stage with the arguments of its command, in the order of a round."""
    stores = {
        name: str(folder / f"{name}.zarr")
        for name in (
            "rollouts", "vision", "latents", "memory", "controller", "random",
            "evaluation",
        )
    }  # fmt: skip
    rollouts = ["--rollouts", stores["rollouts"]]
    vision = ["--vision", stores["vision"]]
    memory = ["--memory", stores["memory"]]
    scored = [*vision, *memory, "--controller", stores["controller"]]
    saved = ["--checkpoint", str(folder / "checkpoint")]
    work = {
        "rollouts": [
            "--set=rollouts={episodes_per_shard: 2, steps: 60}", "--workers=1",
        ],
        "vision": [*rollouts, *saved, "--set=vision.epochs=1"],
        "latents": [*vision, *rollouts],
        "memory": [
            "--latents", stores["latents"], *saved,
            "--set=memory={epochs: 1, batch_size: 2}",
        ],
        "controller": [
            *vision, *memory, *saved, *_SHORT,
            "--set=controller={generations_per_block: 1, select_every: 1, "
            "initial_steps: 4, selection_episodes: 2, rollouts: 1}",
        ],
        "random": [*_SHORT, "--set=evaluation.episodes=2"],
        "evaluation": [
            *scored, *_SHORT, "--random", stores["random"],
            "--set=evaluation.episodes=2",
        ],
    }  # fmt: skip
    for stage, arguments in work.items():
        yield stage, [stage, *arguments, "--out", stores[stage]]
    everything = [stores[name] for name in work if name != "rollouts"]
    page = str(folder / "report" / "index.html")
    yield "report", ["report", *everything, "--out", page]


def start(arguments: list[str], cache: Path) -> dict[str, float]:
    """Run one command in a process of its own and return what its start took."""
    with tempfile.NamedTemporaryFile("r") as told:
        before = _children()
        subprocess.run(
            [sys.executable, __file__, "--child", told.name, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)},
        )
        return json.load(told) | {"whole": _children() - before}


def imported(stage: str) -> float:
    """Return the CPU seconds of importing a stage's module."""
    before = _children()
    words = f"import worldmodels.stages.{stage}"
    subprocess.run([sys.executable, "-c", words], check=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def child(told: str, arguments: list[str]) -> None:
    """Run a command in this process and write what JAX tells of its programs."""
    import jax.monitoring

    from worldmodels import cli

    found = dict.fromkeys((*_PHASES.values(), "programs", "lacking"), 0.0)

    def add(event: str, seconds: float, **_) -> None:
        if event in _PHASES:
            found[_PHASES[event]] += seconds
            found["programs"] += _PHASES[event] == "compiled"

    def count(event: str, **_) -> None:
        found["lacking"] += event == _MISS

    jax.monitoring.register_event_duration_secs_listener(add)
    jax.monitoring.register_event_listener(count)
    sys.argv[1:] = arguments
    status = cli.main()
    Path(told).write_text(json.dumps(found))
    sys.exit(status)


def main(stages: list[str]) -> None:
    """Print a table with an empty cache, and one with a full one."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("empty", "full"):
            folder = Path(place) / name
            folder.mkdir()
            print(f"{name + ' cache':12s}" + "".join(f"{word:>10s}" for word in _HEAD))
            work = dict(commands(folder))
            if unknown := set(stages) - set(work):
                sys.exit(
                    f"{min(unknown)} is no stage; the stages are {', '.join(work)}"
                )
            for stage, arguments in work.items():
                found = start(arguments, Path(place) / "cache")
                if stages and stage not in stages:
                    continue
                found["import"] = imported(stage)
                row = "".join(f"{found[word]:10.2f}" for word in _HEAD)
                print(f"{stage:12s}{row}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
    else:
        main(sys.argv[1:])
