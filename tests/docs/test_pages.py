"""The README and the pages: every block of code runs, every name in them exists."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from snakemake.cli import get_argument_parser
from support.commands import REPOSITORY, call
from support.documentation import (
    DOCS,
    PAGES,
    anchors,
    blocks,
    commands,
    languages,
    prose,
    with_blocks,
)
from support.projects import with_stub

from worldmodels import open_run
from worldmodels.commands import parser
from worldmodels.experiment.config import load
from worldmodels.experiment.overlays import merged
from worldmodels.studies import registry

# Their blocks compile what drives and dreams.
DEAR = (
    "README.md",
    "docs/pixelcopter.md",
    "docs/pommerman.md",
    "docs/python.md",
    "docs/simulator.md",
    "docs/tutorial.md",
)


PLACES = (
    ".ci|benchmarks|docs|envs|examples|presets|pretrained|profiles|rules|tests|"
    "worldmodels"
)


def run_blocks(page: str) -> None:
    """Execute a page's Python, its blocks one after the other in one namespace."""
    scope = {"__name__": page}
    for block in blocks(page, "python"):
        text = "\n" * (block.line - 1) + block.text
        exec(compile(text, str(PAGES[page]), "exec"), scope)


def test_blocks_are_in_languages_that_are_checked():
    assert languages() == {"python", "sh", "yaml", "text", "{toctree}", "{eval-rst}"}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page in DEAR else ())
        for page in with_blocks("python")
    ],
)
def test_python_blocks_run(page, prepared, tmp_path, monkeypatch):
    for name in ("results", "pretrained", "examples"):
        (tmp_path / name).symlink_to(prepared / name)
    monkeypatch.chdir(tmp_path)
    run_blocks(page)


@pytest.mark.parametrize("page", with_blocks("sh"))
def test_shell_blocks_are_commands_that_exist(page, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    for block in blocks(page, "sh"):
        for words in commands(block):
            check_command(words, str(block))


def check_command(words: list[str], where: str) -> None:
    """Check one command of a shell block, as far as that is possible without it."""
    match words:
        case ["worldmodels", *rest]:
            parser().parse_args(rest)
        case ["snakemake", *rest]:
            check_snakemake(rest, where)
        case ["git", "clone", "REPOSITORY", "worldmodels"] | ["cd", "worldmodels"]:
            pass
        case ["python3.11", "bootstrap.py"] | ["python3.11", "bootstrap.py", "pytest"]:
            pass
        case ["python", script, *_]:
            assert (REPOSITORY / script).is_file(), where
        case _:
            pytest.fail(f"{where}: {words[0]} is no command that this test knows")


def check_snakemake(words: list[str], where: str) -> None:
    """Check Snakemake's options, and that targets and files are there."""
    options = get_argument_parser().parse_args(words)
    for target in options.targets:
        assert target in rule_names(), f"{where}: {target}"
    for file in options.configfile or ():
        assert file.name == "my.yaml" or file.exists(), f"{where}: {file}"


def rule_names() -> set[str]:
    rules = [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").glob("*.smk")]
    named = {n for p in rules for n in re.findall(r"^rule (\w+):", p.read_text(), re.M)}
    studies = {f"study_{name}" for name in registry.STUDIES}
    return named | studies | {"ablations", "temperatures", "pretrained"}


@pytest.mark.parametrize("page", with_blocks("yaml"))
def test_yaml_blocks_are_configurations(page, tmp_path):
    for number, block in enumerate(blocks(page, "yaml")):
        overlay = tmp_path / f"{number}.yaml"
        overlay.write_text(block.text)
        config = load(merged(REPOSITORY / "config.yaml", [overlay], []))
        assert config.experiment != "default", str(block)
        # C, which would drive a second round, cannot be trained on recordings.
        imported = config.rounds[0].rollouts.policy == "imported"
        assert len(config.rounds) == 1 or not imported, str(block)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    named = re.findall(rf"`((?:{PLACES})/[\w./*-]+)", prose(page))
    lost = [name for name in named if not any(REPOSITORY.glob(name.rstrip("/")))]
    assert not lost


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_a_page_names_exist(page):
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    sections = "|".join(key for key, value in config.items() if isinstance(value, dict))
    named = re.findall(rf"`({sections})\.(\w+)(?:`|:)", prose(page))
    files = {"keep", "zarr", "py", "smk"}
    lost = [n for n in named if n[1] not in {*config[n[0]], *files}]
    assert not lost


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_names_exist(page):
    known = parser()._subparsers._group_actions[0].choices
    named = re.findall(r"`worldmodels ([a-z][\w-]*)", prose(page))
    assert {*named} <= {*known}
    targets = re.findall(r"`snakemake (\w+)`", prose(page))
    assert {*targets} <= rule_names()


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    path = PAGES[page]
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there), target


def test_the_readme_is_short():
    assert 120 <= len(PAGES["README.md"].read_text().splitlines()) <= 160


def test_the_questions_are_about_errors_that_exist():
    text = (DOCS / "faq.md").read_text()
    sentences = re.findall(r"^### `(.*)`$", text, re.M)
    assert len(sentences) > 10
    sources = [p.read_text() for p in (REPOSITORY / "worldmodels").rglob("*.py")]
    # Literals are cut into lines and have their values in braces.
    joined = "\n".join(re.sub(r'"\s*\n\s*f?"', "", source) for source in sources)
    for sentence in sentences:
        for part in sentence.split("…"):
            assert part.strip(" ;,:()'.") in joined, sentence


def test_the_reference_has_every_setting(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import settings_reference

    page = settings_reference.text()
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    for name, value in settings_in(config):
        (row,) = re.findall(rf"^\| `{re.escape(name)}` .*$", page, re.M)
        shown = row.split("|")[2].strip().strip("`")
        assert yaml.safe_load(shown) == value
    assert "| `seed` | `0` |" in page


def settings_in(config: dict, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the names of settings with their sections and groups, and their values."""
    found = []
    for name, value in config.items():
        inside = isinstance(value, dict) and value
        found += (
            settings_in(value, f"{prefix}{name}.")
            if inside
            else [(prefix + name, value)]
        )
    return found


def test_the_departures_that_the_code_marks_are_on_their_page():
    page = (DOCS / "departures.md").read_text()
    marked = [
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "worldmodels").rglob("*.py")
        if "Departure:" in path.read_text()
    ]
    assert marked
    assert not [path for path in marked if f"`{path}`" not in page]


def test_the_site_is_written_in_plain_places():
    for page, path in PAGES.items():
        assert not re.search(r"/tmp|/work|/home|/root", path.read_text()), page


@pytest.mark.slow
def test_commands_that_look_run_for_real(prepared, monkeypatch, tmp_path):
    monkeypatch.chdir(prepared)
    ran = 0
    for page in with_blocks("sh"):
        for block in blocks(page, "sh"):
            for words in commands(block):
                if words[:2] == ["worldmodels", "inspect"]:
                    call(*words[1:])
                    ran += 1
    assert ran >= 3


@pytest.mark.slow
def test_recordings_are_imported_as_their_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = "docs/bring/frames.md"
    run_blocks(page)
    asked = [c for b in blocks(page, "sh") for c in commands(b)]
    for words in asked:
        if words[:2] == ["worldmodels", "import-rollouts"]:
            call(*words[1:])
    (shard,) = open_run("results/recorded").rollouts
    assert shard.read("length").tolist() == [120, 120]


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks("sh"))
def test_snakemake_plans_what_a_page_asks_for(page, tmp_path):
    asked = [c for b in blocks(page, "sh") for c in commands(b) if c[0] == "snakemake"]
    project = with_stub(tmp_path)
    project.write("my.yaml", {"experiment": "mine"})
    (project.folder / "dsprites.npz").touch()  # the user's own, as the next
    (project.folder / "PATH").mkdir()
    for _, *words in asked:
        if "profiles/slurm" in words:  # needs the plugin of that extra
            words = [
                w for w in words if w not in ("profiles/slurm", "--workflow-profile")
            ]
        status, output = project.run(*words, "--dry-run")
        assert status == 0, output


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path):
    words = ["-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(tmp_path)]
    answer = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    page = (tmp_path / "configuration.html").read_text()
    assert "memory.hidden_size" in page
    # The examples of a page to play in are there, where their page says.
    live = re.findall(r'href="(play/\w+\.html)"', (DOCS / "play.md").read_text())
    assert len(live) == 2
    assert all((tmp_path / name).is_file() for name in live)
    pages = "".join(path.read_text() for path in tmp_path.glob("*.html"))
    assert not re.search(r'(?:src|href)="https?://(?:fonts|cdn|unpkg)', pages)
