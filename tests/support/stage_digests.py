"""Digests of the source that each stage's result depends on.

They are recorded beside the stages' versions. A digest is taken over a module's syntax
tree without docstrings and without the messages of errors, so that words and formatting
may change freely. A package's digest is also taken over the files of data in its
folders, such as the scripts of the page to play in.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from support.commands import REPOSITORY
from support.sources import imports, modules

ROOT = REPOSITORY / "worldmodels"
RECORD = ROOT / "experiment/stage_digests.json"

# Packages on which no result depends. `runtime` and `stores` carry values and change
# none. `experiment` holds settings and versions, which Snakemake compares itself.
_LEFT_OUT = ("runtime", "stores", "experiment")
# Their modules on which results do depend: random draws; which operations XLA merges,
# and so rounds together; how weights in a store become a network, and which controller
# of a search is used.
_TAKEN_IN = (
    "runtime.randomness",
    "runtime.barrier",
    "stores.networks",
    "stores.agents",
)


class Sources:
    """The modules of a package, each read once."""

    def __init__(self, root: Path = ROOT):
        self._root = root
        self._files = modules(root)
        self._trees: dict[str, ast.Module] = {}
        self._digests: dict[str, str] = {}

    @cached_property
    def _counted(self) -> set[str]:
        """The modules that a result may depend on; not the public face of all."""
        name = self._root.name
        left_out = tuple(f"{name}.{package}." for package in _LEFT_OUT)
        return {
            module
            for module in self._files
            if not f"{module}.".startswith(left_out) and module != name
        } | {f"{name}.{module}" for module in _TAKEN_IN if self._has(module)}

    def _has(self, module: str) -> bool:
        return f"{self._root.name}.{module}" in self._files

    def _tree(self, module: str) -> ast.Module:
        if module not in self._trees:
            self._trees[module] = ast.parse(self._files[module].read_text())
        return self._trees[module]

    def of(self, stage: str) -> set[str]:
        """Return the modules that a stage's result depends on: all that it imports."""
        found: set[str] = set()
        waiting = [f"{self._root.name}.stages.{stage}"]
        while waiting:
            module = waiting.pop()
            if module in found or module not in self._counted:
                continue
            found.add(module)
            waiting.append(module.rpartition(".")[0])  # its package is imported first
            waiting += imports(self._tree(module), self._files)
        return found

    def digest(self, module: str) -> str:
        """Return the digest of what a module does."""
        if module not in self._digests:
            found = hashlib.sha256(_written(self._tree(module)).encode())
            for data in _data(self._files[module]):
                found.update(data.read_bytes())
            self._digests[module] = found.hexdigest()[:16]
        return self._digests[module]

    def changed(self, stage: str, recorded: Mapping[str, str]) -> list[str]:
        """Return the modules of a stage that are not as they were recorded."""
        return [m for m in sorted(self.of(stage)) if self.digest(m) != recorded.get(m)]


def recorded() -> dict[str, str]:
    """Return the digests by their modules, as they are recorded."""
    return json.loads(RECORD.read_text())


def record(stages: Iterable[str]) -> None:
    """Record the digests of all modules that stages depend on."""
    sources = Sources()
    depended = sorted({module for stage in stages for module in sources.of(stage)})
    digests = {module: sources.digest(module) for module in depended}
    RECORD.write_text(json.dumps(digests, indent=2) + "\n")


def _data(path: Path) -> list[Path]:
    """Return the files that are a package's data, if that module is a package."""
    if path.name != "__init__.py":
        return []
    files = path.parent.glob("[!._]*/[!.]*.*")  # caches begin so, and come and go
    return [f for f in sorted(files) if f.suffix != ".py" and f.is_file()]


def _written(node: object) -> str:
    """Return a node as text that is the same in all versions of Python."""
    if isinstance(node, list):
        return f"[{','.join(map(_written, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = (f"{name}={_written(value)}" for name, value in _fields(node))
    return f"{type(node).__name__}({','.join(fields)})"


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the fields of a node that decide what it does."""
    if isinstance(node, ast.Raise):
        return  # it ends the stage, whatever it says
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list):
            value = [line for line in value if not _is_docstring(line)]
        if value is not None and value != [] and name != "kind":
            yield name, value


def _is_docstring(node: ast.AST) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant and isinstance(node.value.value, str)
