"""What the trainings found beside the exact density; floors, page and files."""

import base64
import json

import numpy as np
import pytest
from scipy import stats

from worldmodels.runtime.errors import UserError
from worldmodels.studies.mixture_density import compare, figures, findings, page, table
from worldmodels.studies.mixture_density.settings import FIGURES, Shown
from worldmodels.studies.mixture_density.steps import STUDY

SHOWN = Shown(a=2, b=2)


@pytest.fixture(scope="module")
def found(training):
    stores = [training(toy, k) for toy in ("b", "a") for k in (2, 0)]
    return findings.read(stores, SHOWN)


def test_networks_are_found_by_toy_and_mixtures(found):
    assert [one.toy for one in found] == ["a", "b"]
    for one in found:
        assert [n.name for n in one.networks] == ["squared error", "mixture of 2"]
        assert one.squared.nll is None
        assert one.mixture.nll.tolist() == [-1.5, -1.7]
        assert one.store(one.mixture).config["mixtures"] == 2
        # One hidden layer of 3 units: 3 x 2 + 4 weights for each output.
        assert [n.weights for n in one.networks] == [10, 30]


def test_the_table_says_which_floors_are_met_by_the_mean_of_the_seeds(found):
    a, b = found
    nll, squared, own, as_good = findings.floors(a)
    assert nll.met
    assert nll.worst == -1.5
    interval = stats.t.interval(0.95, 1, -1.6, stats.sem([-1.5, -1.7]))
    np.testing.assert_allclose(nll.measured.interval, interval)
    least = a.truth.irreducible
    np.testing.assert_allclose(squared.measured.mean, 0.0305 / least)
    assert squared.met == (1.08 * least >= 0.0305)
    np.testing.assert_allclose(own.worst, 0.031 / least)
    # 0.0303 / 0.030 and 1: the mean over the seeds of a ratio of each.
    np.testing.assert_allclose(as_good.measured.mean, (1.01 + 1) / 2)
    assert as_good.met
    assert not findings.floors(b)[0]._replace(most=-1.65).met
    rows = table.floor_rows(found)
    assert rows[0][:3] == ("a", "NLL of the mixture of 2, nats", "-1.55")
    assert rows[0][-2:] == ("-1.500", "met")
    missed = [b._replace(truth=b.truth._replace(irreducible=0.01))]
    assert [row[-1] for row in table.floor_rows(missed)][1:3] == ["MISSED"] * 2


def test_floors_are_those_of_the_study(found):
    limits = {one.toy: [f.most for f in findings.floors(one)] for one in found}
    assert limits["a"][:3] == [-1.55, 1.08, 1.08]
    assert limits["b"][:3] == [1.40, 1.03, 1.03]


def test_the_first_rows_are_what_is_exact_and_what_needs_no_x(found):
    exact, blind, squared, mixture = table.rows(found[0])
    assert exact[0] == "exactly"
    assert exact[-1] == "1.000"
    assert blind[4] == "0.08333"
    assert squared[2:4] == ("", "")
    assert mixture[2].startswith("-1.600 (")


def test_the_page_has_every_figure_and_every_floor(found):
    drawn = {name: name.encode() for name in FIGURES}
    html = page.html(found, drawn, "1.2.3")
    assert html.count("<figure>") == len(FIGURES)
    for name in FIGURES:
        assert base64.b64encode(name.encode()).decode() in html
    assert html.count(">met<") + html.count(">MISSED<") == 8
    assert "Made by worldmodels 1.2.3." in html


@pytest.mark.slow
def test_the_page_the_tables_and_the_figures_are_made(
    found, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(figures, "_DPI", 40)
    stores = [store.path for one in found for store in one.stores]
    out = tmp_path / "made" / "index.html"
    settings = STUDY.load({"mixtures": [2], "shown": {"a": 2, "b": 2}})
    compare.run(settings=settings, trainings=stores, out=out, log=None)
    assert out.read_text().count("<figure>") == len(FIGURES)
    text = out.with_name("table.txt").read_text()
    assert "floor of toy" in text
    assert capsys.readouterr().out.endswith(text)
    data = json.loads(out.with_name("table.json").read_text())
    assert data["a"]["networks"][1]["nll"] == [-1.5, -1.7]
    assert data["b"]["floors"][0]["at_most"] == 1.4
    for name in FIGURES:
        assert (
            (out.parent / "figures" / f"{name}.svg").read_bytes().startswith(b"<?xml")
        )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([("a", 0), ("a", 2), ("b", 0)], "hold 0 of toy b with 2 mixtures"),
        ([("a", 2), ("b", 0), ("b", 2)], "hold 0 of toy a with 0 mixtures"),
        ([("a", 0), ("a", 2), ("a", 2)], "hold 2 of toy a with 2 mixtures"),
    ],
)
def test_a_network_that_is_missing_or_there_twice_is_named(found, given, why):
    stores = {
        (s.config["toy"], s.config["mixtures"]): s for f in found for s in f.stores
    }
    with pytest.raises(UserError, match=why):
        findings.read([stores[one] for one in given], SHOWN)


def test_trainings_of_other_settings_are_not_compared(found, training):
    first = found[0].stores[0]
    stores = [first, training("a", 2, learning_rate=0.1)]
    with pytest.raises(UserError, match=r"learning_rate 0\.005 and .* 0\.1"):
        findings.read(stores, SHOWN)
    other = {"points": 20, "batch_size": 4, "updates": 7}
    stores = [first, training("a", 2, a=other)]
    with pytest.raises(UserError, match="has a "):
        findings.read(stores, SHOWN)
