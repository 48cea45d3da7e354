"""Where an artifact comes from: the hash of all it depends on, and its surroundings.

The hash covers what decides a result (settings, inputs, the stage's version); the
surroundings (libraries, commit, time) are recorded to read, and change no hash.
"""

import hashlib
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import worldmodels
from worldmodels.runtime import devices
from worldmodels.runtime.wording import count

if TYPE_CHECKING:
    from worldmodels.stores.artifact import Artifact

# What decides a result.
_IDENTITY = ("kind", "schema", "stage_version", "config", "inputs")
_CPUINFO = Path("/proc/cpuinfo")
_LIBRARIES = ("evosax", "flax", "gymnasium", "jax", "numpy", "optax", "zarr")


def surroundings(precision: str = "float32") -> dict[str, Any]:
    """Return the versions, commit, processors and time of this process.

    Args:
        precision: of the products of networks.
    """
    jax = sys.modules.get("jax")
    # How many there are shapes the batches, and so the rounding of what is computed.
    compute = f"{jax.default_backend()} x {jax.device_count()}" if jax else "numpy"
    if precision != "float32":
        compute += f", {precision} precision"
    return {
        "version": worldmodels.__version__,
        "commit": _commit(),
        "compute": compute,
        "machine": _machine(),
        "libraries": _versions(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@cache
def _machine() -> str:
    """Return the processor, by its name and its instructions, and the usable cores.

    Processors round otherwise than others, and so do more cores: each has a smaller
    share of a batch.
    """
    try:
        found = re.search(r"^model name\s*: (.*)$", _CPUINFO.read_text(), re.M)
    except OSError:  # no Linux
        found = None
    name = found[1] if found else platform.processor()
    cores = count(devices.cores(), "core")
    return f"{name} ({devices.processor()}), {cores}".strip()


@cache
def _versions() -> dict[str, str]:
    """Return the versions of the libraries, which a process has once and for all."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def input_hashes(
    inputs: Mapping[str, "Artifact | Sequence[Artifact]"],
) -> dict[str, list[str]]:
    """Return the provenance hashes of a stage's inputs, by role."""
    return {
        role: [
            a.provenance for a in (given if isinstance(given, Sequence) else [given])
        ]
        for role, given in inputs.items()
    }


def identity_hash(attributes: Mapping[str, Any]) -> str:
    """Return the provenance of a store with these attributes."""
    return fingerprint({name: attributes[name] for name in _IDENTITY})


def fingerprint(identity: Any) -> str:
    """Return a hash of JSON values that does not depend on the order of keys."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _commit() -> str:
    """Return the git commit of the running code, or "" outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return ""
    command = ["git", "-C", str(here), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # no git on this machine
        return ""
    return answer.stdout.strip()
