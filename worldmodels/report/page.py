"""One HTML page with its pictures and videos inside it: it opens offline."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as _escape

from worldmodels.runtime.printable import printable

_STYLE = """
:root { --ink: #20242c; --soft: #5b6472; --line: #e3e6eb; --blue: #2e5eaa; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.5rem; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans",
  Arial, sans-serif; }
main, nav > div, header { max-width: 1000px; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.6rem; }
h1, h2, h3 { font-family: Georgia, "Iowan Old Style", "Liberation Serif", serif;
  font-weight: 600; line-height: 1.2; }
h1 { font-size: 2.2rem; margin: 0 0 .4rem; }
h2 { font-size: 1.65rem; margin: 3rem 0 .6rem; padding-top: 1.2rem;
  border-top: 2px solid var(--ink); }
h3 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0 .9rem; }
.lead { color: var(--soft); font-size: 1.08rem; }
nav { position: sticky; top: 0; z-index: 1; margin-top: 1.6rem; background: #fffffff2;
  border-bottom: 1px solid var(--line); font-size: .92rem; }
nav > div { display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; padding-top: .6rem;
  padding-bottom: .6rem; }
a { color: var(--blue); text-decoration: none; }
a:hover { text-decoration: underline; }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0; padding: 0; }
.facts div { flex: 1 1 11rem; padding: .8rem 1rem; border: 1px solid var(--line);
  border-radius: 8px; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.55rem; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.facts small { display: block; color: var(--soft); font-size: .83rem;
  font-weight: 400; }
figure { margin: 1.1rem 0 1.6rem; }
figure img, figure svg { display: block; width: 100%; height: auto; }
figure video { display: block; width: 100%; max-width: 800px; border-radius: 6px;
  border: 1px solid var(--line); }
figcaption { margin-top: .45rem; color: var(--soft); font-size: .9rem;
  max-width: 50rem; }
figcaption b { color: var(--ink); }
.rows { display: grid; grid-template-columns: 5.6rem 1fr; align-items: stretch; }
.rows ol { display: flex; flex-direction: column; justify-content: space-around;
  margin: 0; padding: 0; list-style: none; font-size: .85rem; color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .8rem 0 1.4rem;
  font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem .32rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; padding-right: 1.6rem; }
details { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0;
  padding: .5rem 1rem; }
summary { cursor: pointer; font-weight: 600; }
footer { margin: 3rem 0 2rem; padding-top: 1rem; color: var(--soft);
  border-top: 1px solid var(--line); font-size: .9rem; }
@media print { nav { display: none; } details { break-inside: avoid; } }
"""

# More, of a page whose pictures are all charts: by night, and on a phone.
OF_CHARTS = """
.wide { overflow-x: auto; }
.wide td.number { overflow-wrap: normal; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ec; --soft: #a3abb8; --line: #363c47; --blue: #8db4f0; }
  body { background: #16181d; }
  nav { background: #16181df2; }
  figure img { filter: invert(.91) hue-rotate(180deg); }
  figure .rows img { filter: none; }
}
@media (max-width: 40rem) {
  main, nav > div, header { padding-left: 1rem; padding-right: 1rem; }
  h1 { font-size: 1.7rem; }
  figure { overflow-x: auto; }
  figure img { min-width: 36rem; }
  .wide table { width: max-content; min-width: 100%; }
  .wide td, .wide th { overflow-wrap: normal; max-width: 16rem; }
}
"""


def escape(text: str) -> str:
    """Return `text`, which may come from a store, as HTML that shows it as it is."""
    return _escape(printable(text))


@dataclass(frozen=True)
class Picture:
    """A picture or video with a description for readers who cannot see it.

    `alt` is that description; `caption` is HTML; `rows` names its rows, from the top.
    """

    data: bytes
    kind: str  # "image/png", "image/svg+xml" or "video/mp4"
    alt: str
    caption: str
    rows: Sequence[str] = ()
    poster: bytes = b""  # PNG shown before a video plays

    def html(self) -> str:
        """Return a <figure>."""
        media = self._video() if self.kind.startswith("video") else self._image()
        if self.rows:
            labels = "".join(f"<li>{escape(row)}</li>" for row in self.rows)
            media = (
                f'<div class="rows"><ol aria-hidden="true">{labels}</ol>{media}</div>'
            )
        return f"<figure>{media}<figcaption>{self.caption}</figcaption></figure>\n"

    def _image(self) -> str:
        return f'<img src="{_data_uri(self.kind, self.data)}" alt="{escape(self.alt)}">'

    def _video(self) -> str:
        return (
            f'<video controls loop muted playsinline preload="metadata" '
            f'aria-label="{escape(self.alt)}" '
            f'poster="{_data_uri("image/png", self.poster)}" '
            f'src="{_data_uri(self.kind, self.data)}"></video>'
        )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def chapter(title: str, *texts: str) -> str:
    """Return a heading and a paragraph for each text."""
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f"<h3>{escape(title)}</h3>{paragraphs}\n"


def facts(values: Sequence[tuple[str, str, str]]) -> str:
    """Return a row of cards of (name, value, remark)."""
    cards = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}"
        f"<small>{escape(remark)}</small></dd></div>"
        for name, value, remark in values
    )
    return f'<dl class="facts">{cards}</dl>\n'


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Return a table; `numbers` are the columns set flush right."""

    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{_class(n in numbers)}>{escape(value)}</{tag}>"
            for n, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    header = f"<thead><tr>{cells('th', head)}</tr></thead>" if head else ""
    return f"<table>{header}<tbody>{body}</tbody></table>\n"


def wide_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Return a table that is moved sideways where it is wider than the screen."""
    return f'<div class="wide">{table(head, rows, numbers)}</div>\n'


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def details(title: str, content: str) -> str:
    """Return `content`, HTML, folded under a title."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>\n"


def document(
    title: str,
    lead: str,
    sections: Sequence[tuple[str, str, str]],
    footer: str,
    style: str = "",
) -> str:
    """Return the whole page.

    Args:
        lead: a paragraph, HTML.
        sections: (anchor, heading, HTML) each; they are linked at the top.
        footer: text.
        style: CSS beyond that of all pages.
    """
    links = "".join(f'<a href="#{a}">{escape(h)}</a>' for a, h, _ in sections)
    body = "".join(
        f'<section id="{anchor}"><h2>{escape(heading)}</h2>\n{content}</section>\n'
        for anchor, heading, content in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p class="lead">{lead}</p></header>
<nav aria-label="sections"><div>{links}</div></nav>
<main>
{body}<footer>{escape(footer)}</footer>
</main>
</body>
</html>
"""
