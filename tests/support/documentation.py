"""The README and the documentation's pages, as text and as blocks of code."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from support.commands import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = {
    path.relative_to(REPOSITORY).as_posix(): path
    for path in (REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md")))
}
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """One fenced block of a page."""

    page: str
    line: int  # of its first line
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, language: str) -> list[Block]:
    """Return the blocks of a page in one language, from the first to the last."""
    text = PAGES[page].read_text()
    found = []
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start(2)) + 1
        found.append(Block(page, line, *match.groups()))
    return [block for block in found if block.language == language]


def languages() -> set[str]:
    """Return what all blocks of all pages are written in."""
    return {
        match[1] for p in PAGES.values() for match in _FENCE.finditer(p.read_text())
    }


def with_blocks(language: str) -> list[str]:
    """Return the pages that have a block in a language."""
    return [page for page in PAGES if blocks(page, language)]


def commands(block: Block) -> list[list[str]]:
    """Return the commands of a shell block, each as its words."""
    lines = block.text.replace("\\\n", " ").splitlines()
    parts = (part for line in lines for part in line.split("&&"))
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", PAGES[page].read_text())


def anchors(path: Path) -> set[str]:
    """Return the names of the headings of a page, as GitHub and MyST make them."""
    text = _FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept} | set(
        re.findall(r"^\((.*)\)=$", text, re.M)
    )
