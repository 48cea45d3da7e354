"""The report's page taken apart."""

import re
from html import unescape
from html.parser import HTMLParser


def words(html: str) -> str:
    """Return the text of a page, without the pictures' data."""
    return unescape(re.sub(r"data:[^\"]*", "", html))


def rows(html: str) -> list[list[str]]:
    """Return the cells of each row of its tables."""
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", row)
        for row in re.findall("<tr>.*?</tr>", html)
    ]


class Elements(HTMLParser):
    """Every start tag with its attributes; complains about unbalanced ones."""

    EMPTY = ("meta", "img", "rect", "path", "br")

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, *tags: str) -> list[dict]:
        return [attributes for tag, attributes in self.found if tag in tags]
