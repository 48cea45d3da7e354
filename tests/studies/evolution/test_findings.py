"""What is said of searches, from stores whose answers are known."""

import json

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.studies.evolution import compare, figures, findings, page, table
from worldmodels.studies.evolution.settings import SCALAR, TENSOR, Evolution, cases
from worldmodels.studies.evolution.steps import STUDY


@pytest.fixture(scope="module")
def found(stores):
    return findings.read(**stores)


def test_shares_and_evaluations_are_counted(found):
    for rate in found.rates:
        assert rate.share.share == 0.75
        assert rate.median == 2 * 64
    early, late = found.beside[0].early, found.beside[0].late
    assert (early.share, late.share) == (0.25, 0.5)
    chain = found.chains[0]
    assert [chain.by(n).share for n in (79, 80, 400, 800)] == [0, 0.25, 0.5, 0.75]


def test_the_settings_are_those_of_the_stores(found):
    assert found.settings.sigmas == (0.3, 3.0)
    assert found.settings.restart_searches == 4


def test_differences_are_from_what_was_measured_before(found):
    listed = {one.name: one for one in findings.differences(found)}
    one = listed["Schaffer, saddles, near, mu 16, sigma 0.3, tensor, optimum (10, 10)"]
    assert one.before == 0.32
    assert one.size == pytest.approx(0.75 - 0.32)
    assert (one.interval.low, one.interval.high) == pytest.approx(
        (0.266, 0.380), abs=0.003
    )
    # 0.78 of sigma 3 with negative weights is the nearest on Schaffer's function.
    near = [name for name, one in listed.items() if one.size <= 0.06]
    assert any("half repels, sigma 3," in name for name in near)
    told = table.compared(found)
    assert told.startswith(f"{len(near)} of {len(listed)} shares are within 0.06")
    assert len(table.beyond(found)) == 1 + len(listed) - len(near)


def test_intervals_that_share_nothing_do_not_overlap(found):
    one = findings.differences(found)[0]
    far = one._replace(before=0.0, tries=10**6)
    assert not far.overlap
    assert far._replace(before=0.75).overlap


def test_the_fault_is_shown_both_ways(found):
    for rank_one in (TENSOR, SCALAR):
        rates = table.of_fault(found, rank_one)
        assert [rate.case.optimum for rate in rates] == [(10.0, 10.0), (10.0, -10.0)]
        assert {rate.case.rank_one for rate in rates} == {rank_one}


def test_the_fault_is_searched_whatever_is_swept():
    listed = cases(Evolution(sigmas=(2.0,), parents=(0,)))
    of_fault = [case for case in listed if case.rank_one == SCALAR]
    right = [case._replace(rank_one=TENSOR) for case in of_fault]
    assert len(of_fault) == 2
    assert set(right) <= set(listed)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("step", "name", "value"),
    [("beside", "population", 32), ("beside", "searches", 9),
     ("restarted", "generations", 5)],
)  # fmt: skip
def test_stores_of_other_settings_do_not_go_together(stores, store, step, name, value):
    other = store(step, {"best": np.zeros(1)}, **{name: value})
    with pytest.raises(UserError, match=f"has {name} .* has {value}"):
        findings.read(**stores | {step: other})


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("found.gif", None, "found.gif cannot be read"),
        ("found.gif", b"PNG", "found.gif is no GIF"),
        ("other.gif", b"GIF89a", "each named after its search: found, missed"),
    ],
)
def test_a_film_that_is_none_is_named(tmp_path, name, content, why):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=why):
        page.read_films([path])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"sigmas": []}, "sigmas must have at least one entry"),
        ({"strategies": ["snes", "snes"]}, "each entry of strategies must be there"),
        ({"budget": 64, "population": 128}, "budget must be at least its population"),
        ({"population": 1024}, "population is 1024; it must be"),
        ({"population": 9, "strategies": ["pgpe"]}, "population must be even"),
    ],
)
def test_impossible_settings_are_refused(values, why):
    with pytest.raises(UserError, match=why):
        STUDY.load(values)


def test_shares_are_written_with_a_digit_near_their_ends():
    words = [table.words(findings.share(np.arange(512) < n)) for n in (0, 1, 256, 511)]
    assert [word.split()[0] for word in words] == ["0", "0.2", "50", "99.8"]


def test_the_page_and_both_tables_are_written(stores, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "_GRID", 12)
    film = tmp_path / "found.gif"
    film.write_bytes(b"GIF89a")
    out = tmp_path / "index.html"
    paths = {name: store.path for name, store in stores.items()}
    compare.run(settings=Evolution(), films=[film], out=out, log=None, **paths)
    page = out.read_text()
    assert page.count("data:image/svg+xml") == 5
    assert page.count("data:image/gif") == 1
    text = (tmp_path / "table.txt").read_text()
    assert capsys.readouterr().out == text
    assert "75 (30 to 95)" in text
    data = json.loads((tmp_path / "table.json").read_text())
    assert len(data["schaffer"]) == len(stores["rates"].read("best"))
    assert data["restarts"][0]["evaluations"] == [80, 300, 800, 700]
