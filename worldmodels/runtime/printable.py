"""Text of unknown origin, made harmless before anybody reads it.

A store is data that anybody may have written. Its text is printed and put into the
report, and must neither steer a terminal nor break the encoding of a file.
"""

import re
import unicodedata

# Letters, marks, numbers, punctuation, symbols and spaces; not what steers or hides.
_HARMLESS = ("L", "M", "N", "P", "S", "Zs")


def printable(text: object) -> str:
    """Return `text` with its control and invisible characters written as escapes."""
    text = str(text)
    if text.isprintable():
        return text
    return re.sub(r"[^ -~]", _escaped, text)


def _escaped(found: re.Match) -> str:
    character = found[0]
    if unicodedata.category(character).startswith(_HARMLESS):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
