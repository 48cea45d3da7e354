"""The package's source read as data: its modules and what each imports."""

import ast
from collections.abc import Iterator
from pathlib import Path


def modules(root: Path) -> dict[str, Path]:
    """Return the files of a package by their modules' names."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.Module, known: dict[str, Path], outside=False) -> Iterator[str]:
    """Yield the modules of `known` that a module imports.

    Args:
        outside: whether to leave out those within functions.
    """
    for node in tree.body if outside else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in known else node.module for name in inside}
