"""Chapters on pages of cells and studies: their picture, table, question and link."""

import pytest
from support.pages import Elements

from worldmodels.report import companions, page

DRAWN = "data:image/png;base64,iVBORw0KGgo="
FIGURE = (
    '<figure><img src="{src}" alt="A &lt;curve&gt; that falls.">'
    "<figcaption><b>The curve</b>, &lt;by\n update.</figcaption></figure>"
)


@pytest.fixture
def make(tmp_path):
    """Make the files of a page in a folder and read it."""

    def read(body: str = FIGURE.format(src=DRAWN), question: str = "", **texts):
        folder = tmp_path / "results" / "studies" / "toy" / "a b"
        folder.mkdir(parents=True, exist_ok=True)
        title = texts.get("title", "Toys &amp; games")
        (folder / "index.html").write_text(
            f"<html><head><title>{title}</title></head><body>{body}</body></html>"
        )
        (folder / "table.txt").write_text(texts.get("table", "a  b\n1  2\n"))
        return companions.read(folder, question)

    return read


def chapter(read, tmp_path) -> str:
    return companions.section([read], tmp_path / "results" / "x" / "report" / "i.html")


def test_a_chapter_has_question_picture_table_and_link(make, tmp_path):
    html = chapter(make(question="why toys?"), tmp_path)
    assert "<h3>Toys &amp; games</h3><p>Why toys?</p>" in html
    assert "<pre>a  b\n1  2</pre>" in html
    elements = Elements(html)
    (picture,) = elements.named("img")
    assert picture == {"src": DRAWN, "alt": "A <curve> that falls."}
    assert "<figcaption>The curve, &lt;by update.</figcaption>" in html
    (link,) = elements.named("a")
    assert link["href"] == "../../studies/toy/a%20b/index.html"


def test_the_first_of_several_pictures_is_shown(make):
    second = FIGURE.replace("The curve", "Another").format(src=DRAWN + "=")
    read = make(FIGURE.format(src=DRAWN) + second)
    assert read.picture == DRAWN
    assert "Another" not in read.caption


@pytest.mark.parametrize(
    "src",
    [
        "https://example.org/a.png",
        "data:text/html;base64,aGk=",
        'data:image/png;base64,a"onerror=',
        "data:image/png;base64," + "A" * 1_000_001,
        "",
    ],
    ids=["elsewhere", "no picture", "no base64", "too large", "none"],
)
def test_a_picture_that_is_none_of_ours_or_large_is_left_out(make, tmp_path, src):
    html = chapter(make(FIGURE.format(src=src.replace('"', "&quot;"))), tmp_path)
    assert "<img" not in html
    assert "<figure" not in html
    assert "<pre>" in html


def test_a_page_of_anybody_is_shown_as_text(make, tmp_path):
    script = "<script>alert(1)</script>"
    read = make(
        FIGURE.format(src=DRAWN).replace("The curve", script),
        title=f"&lt;script&gt;{script}",
        table=f"{script}\x1b[31m\n",
        question=script,
    )
    elements = Elements(chapter(read, tmp_path))
    assert not elements.named("script")
    assert len(elements.named("img", "a")) == 2


def test_a_page_without_a_file_or_an_end_is_no_error(make, tmp_path):
    read = make("<figure><img src=", table="")
    assert (read.picture, read.title) == ("", "Toys & games")
    read.path.unlink()
    assert companions.read(read.path.parent) is None


def test_what_is_no_page_at_all_has_no_chapter(make):
    """Python's parser gives up on it."""
    assert make("<![bad <!DOCTYPE [ >") is None


def test_the_pages_of_this_package_are_understood(make):
    """The figure and the title as they are written for real."""
    picture = page.Picture(b"png", "image/png", "What is <seen>.", "<b>Seen</b>, here.")
    document = page.document("Is it?", "lead", [("a", "A", picture.html())], "foot")
    read = make()
    read.path.write_text(document)
    read = companions.read(read.path.parent)
    assert (read.title, read.alt) == ("Is it?", "What is <seen>.")
    assert read.caption == "Seen, here."
    assert read.picture == "data:image/png;base64,cG5n"
