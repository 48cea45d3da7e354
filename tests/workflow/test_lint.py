"""Snakemake's linter and formatter find nothing to say about the workflow."""

import subprocess
import sys
from pathlib import Path


def test_lint_is_clean(project):
    status, output = project.run("--lint")
    assert status == 0, output
    assert "in a good condition" in output


def test_format_is_clean(project):
    command = Path(sys.executable).with_name("snakefmt")
    files = [
        "Snakefile",
        *sorted(str(p) for p in project.folder.glob("rules/**/*.smk")),
    ]
    check = subprocess.run(
        [command, "--check", *files], cwd=project.folder, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr
