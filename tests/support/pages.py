"""The report's page taken apart."""

import re
from html import unescape


def words(html: str) -> str:
    """Return the text of a page, without the pictures' data."""
    return unescape(re.sub(r"data:[^\"]*", "", html))


def rows(html: str) -> list[list[str]]:
    """Return the cells of each row of its tables."""
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", row)
        for row in re.findall("<tr>.*?</tr>", html)
    ]
