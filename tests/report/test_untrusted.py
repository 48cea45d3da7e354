"""What a store says is shown as it is: it runs no script and steers no terminal."""

import re
from html.parser import HTMLParser

import pytest
from support import damage

from worldmodels.report import overview
from worldmodels.report.background import Background
from worldmodels.report.rounds import group
from worldmodels.runtime.printable import printable
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import inspect

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
STEERING = "\x1b[31m\x9b2J\r\n\x00\x07\u202e\ud800"
TOLD = r"\x1b[31m\x9b2J\r\n\x00\x07\u202e\ud800"
HOSTILE = SCRIPT + STEERING


def hostile(root):
    """Plant it in everything that is text."""
    attributes = root["attributes"]
    for name in ("version", "commit", "compute", "machine", "created"):
        attributes[name] = HOSTILE
    attributes["commit"] = HOSTILE[::-1]  # of which the first ten are shown
    attributes["libraries"] = {HOSTILE: HOSTILE}
    attributes["config"] |= {HOSTILE: HOSTILE, "list": [HOSTILE]}
    attributes["inputs"] |= {HOSTILE: [HOSTILE]}
    for declared in root["consolidated_metadata"]["metadata"].values():
        if declared["node_type"] == "array":
            declared["dimension_names"] = [HOSTILE] * len(declared["shape"])


@pytest.fixture(scope="module")
def planted(stores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    given = [*stores.rollouts, *stores.latents, *stores.controller]
    places = [folder / f"{n}.zarr" for n in range(len(given))]
    for store, path in zip(given, places, strict=True):
        damage.agreeing(damage.edited(store, path, hostile))
    return [open_artifact(path) for path in places]


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_report_shows_scripts_and_runs_none(planted, tmp_path, monkeypatch):
    # They are no longer made from one another, which is not what is tested here.
    monkeypatch.setattr("worldmodels.report.rounds.check_round", lambda *given: None)
    with Background() as background:
        html = overview.html(group(planted), background, lambda: None)
    page = Page(html)
    assert "section" in page.tags
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name in page.attributes)
    assert html.count("&lt;script&gt;") > 10
    assert TOLD in html
    assert printable(html.replace("\n", "")) == html.replace("\n", "")
    footer = html[html.index("<footer>") : html.index("</footer>")]
    assert footer.startswith("<footer>Made by worldmodels &lt;script&gt;")
    (tmp_path / "index.html").write_text(html, encoding="utf-8")


def test_inspect_steers_no_terminal(planted, capsys):
    for store in planted:
        inspect.run(store=store.path)
        told = capsys.readouterr().out
        assert all(line == printable(line) for line in told.split("\n"))
        assert told.count(TOLD) > 8 + len(store.names())


def test_text_that_reads_well_stays_as_it_is():
    text = "Größe 5\xa0µm, “π ≈ 3” 日本語 é"
    assert printable(text) == text
    assert printable(HOSTILE) == SCRIPT + TOLD
    assert re.fullmatch(r"[ -~]*", printable("\t\u2028\u200b\ufeff\U000e0001"))
