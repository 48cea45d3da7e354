"""The packages stand on floors: no import goes upwards, and none in a circle."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from support.commands import REPOSITORY
from support.sources import imports, modules

# From the ground up; packages of one floor may use each other, if in no circle.
FLOORS = (
    ("runtime",),
    ("environments", "search"),
    ("models",),
    ("experiment",),
    ("stores", "rollout"),
    ("training", "scores", "pictures"),
    ("report", "play"),
    # A study's table of steps names their arguments.
    ("stages", "tools", "studies", "parsing", "arguments"),
    ("cli", "commands", "stage_commands", "study_commands", "api"),
)
FLOOR = {package: n for n, floor in enumerate(FLOORS) for package in floor}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def package_of(module: str) -> str:
    """Return the first part of a module's name below `worldmodels`."""
    return module.split(".")[1] if "." in module else ""


def upwards(root: Path) -> list[str]:
    """Return the imports of a higher floor than their own."""
    known = modules(root)
    return [
        f"{module} imports {imported}"
        for module, path in known.items()
        for imported in imports(parsed(path), known)
        if FLOOR.get(package_of(imported), 0) > FLOOR.get(package_of(module), 99)
    ]


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return a circle among edges, or nothing."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def packages(root: Path) -> dict[str, set[str]]:
    """Return which packages each package imports, itself left out."""
    known, edges = modules(root), {}
    for module, path in known.items():
        own = package_of(module)
        found = {package_of(name) for name in imports(parsed(path), known)}
        edges.setdefault(own, set()).update(found - {own, ""})
    return edges


ROOT = REPOSITORY / "worldmodels"


def test_every_package_has_a_floor():
    assert {package_of(module) for module in modules(ROOT)} - {""} <= FLOOR.keys()


def test_no_import_goes_upwards():
    assert not upwards(ROOT)


def test_packages_import_each_other_in_no_circle():
    assert not circle(packages(ROOT))


def test_modules_import_each_other_in_no_circle():
    known = modules(ROOT)
    edges = {
        module: set(imports(parsed(path), known, outside=True)) - {module}
        for module, path in known.items()
    }
    assert not circle(edges)


def test_no_jax_where_only_what_was_asked_for_is_read():
    names = [n for n in modules(ROOT) if n.startswith("worldmodels.experiment")]
    code = f"import sys, {', '.join(names)}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("inside", ["", "def late():\n    "])
def test_an_import_that_goes_upwards_is_found(tmp_path, inside):
    for package in ("runtime", "stores"):
        (tmp_path / "worldmodels" / package).mkdir(parents=True)
        (tmp_path / "worldmodels" / package / "__init__.py").touch()
    low = tmp_path / "worldmodels/runtime/low.py"
    low.write_text(f"{inside}from worldmodels import stores\n")
    (tmp_path / "worldmodels/__init__.py").touch()
    (tmp_path / "worldmodels/stores/high.py").write_text("import worldmodels.runtime")
    root = tmp_path / "worldmodels"
    assert upwards(root) == ["worldmodels.runtime.low imports worldmodels.stores"]
    assert circle(packages(root))
