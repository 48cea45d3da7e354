"""A stage whose source changed has another version, or was recorded as the same."""

from pathlib import Path

import pytest
from support.stage_digests import Sources, recorded

from worldmodels.experiment.stages import STAGES

FILES = {
    "stages/vision.py": (
        "from worldmodels.models import vae\n"
        "from worldmodels.stores.artifact import publish\n"
        "def run():\n    publish(vae.width())\n"
    ),
    "stages/memory.py": "def run():\n    return 1\n",
    "stages/__init__.py": "",
    "models/__init__.py": '"""Networks."""\n',
    "models/web/page.js": "draw();\n",
    "models/vae.py": (
        '"""V."""\n'
        "def width(count=3):\n"
        '    """Return a width."""\n'
        "    if count < 0:\n"
        '        raise ValueError("too few")\n'
        "    return 64 * count  # pixels\n"
    ),
    "stores/artifact.py": "def publish(value):\n    print(value)\n",
}
VAE, STAGE = "worldmodels.models.vae", "worldmodels.stages.vision"


@pytest.fixture(scope="module")
def sources() -> Sources:
    """The sources of this repository."""
    return Sources()


@pytest.mark.parametrize("stage", STAGES)
def test_the_source_of_a_stage_is_as_recorded_with_its_version(sources, stage):
    changed = sources.changed(stage, recorded())
    assert not changed, (
        f"the result of stage {stage} may have changed with {', '.join(changed)}; if "
        f"it has, raise the version of {stage} in worldmodels/experiment/stages.py; "
        "then record: python tests/record_stage_digests.py"
    )


def test_a_stage_depends_on_what_its_result_comes_from(sources):
    found = {module.removeprefix("worldmodels.") for module in sources.of("memory")}
    assert {
        "stages.memory", "stages.fitting", "training.loop", "models.memory",
        "models.memory_loss", "runtime.randomness",
    } <= found  # fmt: skip
    # Another stage, plumbing, and settings, which Snakemake compares itself.
    others = {"models.vision", "stages.vision", "stores.artifact", "runtime.progress"}
    others |= {"experiment.settings", "experiment.stages"}
    assert found & others <= {"models.vision"}


@pytest.fixture
def edited(tmp_path):
    """Return a function that edits a small package and returns what changed by it."""
    root = tmp_path / "worldmodels"

    def write(name: str, text: str) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for name, text in FILES.items():
        write(name, text)
    before = Sources(root)
    digests = {module: before.digest(module) for module in before.of("vision")}
    assert before.changed("vision", digests) == []

    def changed(name: str, old: str, new: str, stage="vision") -> list[str]:
        text = FILES[name]
        assert old in text
        write(name, text.replace(old, new))
        return Sources(Path(root)).changed(stage, digests)

    return changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("64 * count", "65 * count"),
        ("count=3", "count=4"),
        ("count < 0", "count < 1"),
        ("    return", "    count += 1\n    return"),
    ],
)
def test_a_changed_constant_or_line_is_found(edited, old, new):
    assert edited("models/vae.py", old, new) == [VAE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # pixels", "  # a comment in other words"),
        ('"""Return a width."""', '"""Return the width of a frame."""'),
        ('"too few"', '"give more"'),
        ("(count=3)", "(\n    count = 3,\n)"),
    ],
)
def test_other_words_and_another_format_are_not_found(edited, old, new):
    assert edited("models/vae.py", old, new) == []


def test_a_new_module_is_found_and_plumbing_is_not(edited):
    assert edited("stores/artifact.py", "print(value)", "print(1, value)") == []
    late = "def run():\n    from worldmodels.stages import memory\n"
    found = edited("stages/vision.py", "def run():\n", late)
    assert found == ["worldmodels.stages.memory", STAGE]


def test_a_changed_file_of_data_is_found(edited):
    assert edited("models/web/page.js", "draw", "paint") == ["worldmodels.models"]


def test_what_is_cached_is_no_data(edited, tmp_path):
    cache = tmp_path / "worldmodels/models/__pycache__"
    cache.mkdir()
    (cache / "vae.cpython-311.pyc.139872").write_bytes(b"half written")
    assert edited("models/vae.py", "64 * count", "64*count") == []
