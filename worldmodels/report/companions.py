"""Chapters on the pages that stand beside the report: of cells, and of studies.

A chapter has the question of such a page, its first picture, its table, and a link. The
page may be of any origin: nothing of it is shown but text and a picture.
"""

import os
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from worldmodels.report.page import chapter, escape

STYLE = """
pre { overflow: auto; max-height: 30rem; padding: .8rem 1rem; font-size: .82rem;
  line-height: 1.4; border: 1px solid var(--line); border-radius: 8px; }
"""
_LARGEST = 1_000_000  # characters of a picture that is shown here, too
_PICTURE = re.compile(r"data:image/(png|svg\+xml|gif);base64,[A-Za-z0-9+/]+=*")


class Page(NamedTuple):
    """One page, as far as the report tells of it.

    Attributes:
        question: that it answers; "": its title says it.
        picture: its first, as the address of data; "": none that fits here.
        alt: that picture for readers who cannot see it.
        caption: below it.
        table: of its numbers, as text.
    """

    path: Path
    title: str
    question: str
    picture: str
    alt: str
    caption: str
    table: str


def read(folder: Path, question: str = "") -> Page | None:
    """Return the page in a folder; None: a file of it is missing, or is no page."""
    path = folder / "index.html"
    try:
        told = _Told(path.read_text(encoding="utf-8", errors="replace"))
        table = (folder / "table.txt").read_text(encoding="utf-8", errors="replace")
    except (OSError, AssertionError):  # being made again; what the parser gives up on
        return None
    shown = len(told.picture) <= _LARGEST and _PICTURE.fullmatch(told.picture)
    return Page(
        path=path,
        title=" ".join(told.title.split()) or folder.name,
        question=question,
        picture=told.picture if shown else "",
        alt=told.alt,
        caption=" ".join(told.caption.split()),
        table=table,
    )


def section(pages: Sequence[Page], out: Path) -> str:
    """Return a chapter for each page, as HTML.

    Args:
        out: the report, from which links lead to the pages.
    """
    return "".join(_chapter(page, out) for page in pages)


def _chapter(page: Page, out: Path) -> str:
    asked = page.question and f"{page.question[0].upper()}{page.question[1:]}"
    parts = [chapter(page.title, *([asked] if asked else []))]
    if page.picture:
        parts.append(
            f'<figure><img src="{page.picture}" alt="{escape(page.alt)}">'
            f"<figcaption>{escape(page.caption)}</figcaption></figure>\n"
        )
    lines = "\n".join(map(escape, page.table.splitlines()))
    parts.append(f"<pre>{lines}</pre>\n")
    address = address_of(page.path, out)
    parts.append(f'<p><a href="{address}">All of it, on its own page</a></p>\n')
    return "".join(parts)


def address_of(path: Path, out: Path) -> str:
    """Return the address of a page for a link on the page `out`, as HTML."""
    link = Path(os.path.relpath(path.absolute(), out.absolute().parent))
    return escape(quote(link.as_posix()))


class _Told(HTMLParser):
    """The title of a page and its first picture."""

    def __init__(self, text: str):
        super().__init__()
        self.title = self.picture = self.alt = self.caption = ""
        self._within = ""
        self._captions = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img" and not self.picture and not self._captions:
            self.picture, self.alt = given.get("src") or "", given.get("alt") or ""
        self._captions += tag == "figcaption"
        if tag in ("title", "figcaption"):
            self._within = tag

    def handle_endtag(self, tag):
        if tag == self._within:
            self._within = ""

    def handle_data(self, data):
        if self._within == "title":
            self.title += data
        elif self._within and self._captions == 1 and self.picture:
            self.caption += data
