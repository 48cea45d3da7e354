"""Shares, the verdict and the floors of made-up scores; page, film and table."""

import json

import numpy as np
import pytest
from PIL import Image

from worldmodels.runtime.errors import UserError
from worldmodels.studies.pommerman import boards, compare, film, findings, table
from worldmodels.studies.pommerman.settings import MODELS, Pommerman


@pytest.fixture(scope="module")
def scores(score):
    """Three models with two seeds each; the DNC is more often right."""
    more = {"dnc": 5}
    return [
        score(model, seed, more=more.get(model, 0) + seed)
        for model in MODELS
        for seed in (0, 1)
    ]


def test_shares_are_means_over_seeds(scores):
    lstm, _, dnc = findings.read(scores)
    assert (lstm.model, dnc.model, lstm.seeds) == ("lstm", "dnc", (0, 1))
    assert lstm.share("ammo", 1, False).mean == pytest.approx((0.80 + 0.81) / 2)
    assert dnc.share("ammo", 3, True).mean == pytest.approx((35 + 36) / 2 / 40)
    assert lstm.share("ammo", 1, False, "copying").mean == 0.6
    # Student's quantile of two seeds is 12.706; their standard error 0.005.
    low, high = lstm.share("ammo", 1, False).interval
    assert high - low == pytest.approx(2 * 12.706 * 0.005, rel=1e-3)
    more = dnc.above(lstm, "row", 1, False)
    assert more.mean == pytest.approx(0.05)
    assert np.ptp(more.interval) == pytest.approx(0, abs=1e-9)


def test_the_verdict_counts_in_what_the_dnc_is_more_often_right(scores, score):
    said = findings.verdict(findings.read(scores))
    assert "LSTM, same H in 22 and lower in 0" in said
    assert "Of 22 accuracies (11 components, 2 distances)" in said
    worse = [score(m, 0, more=-3 if m == "dnc" else 0, name="w") for m in MODELS]
    assert "in 0 and lower in 22" in findings.verdict(findings.read(worse))
    alone = findings.read(worse[:1])
    assert findings.verdict(alone) == "There is no DNC, or no LSTM, to compare."


def test_components_of_which_a_copy_is_more_often_right_are_named(score):
    bad = findings.read([score(more=-25)])[0]
    assert findings.below_copying(bad) == [
        *("board", "bomb_blast", "bomb_life", "row", "column", "ammo", "blast", "kick"),
        *("position", "whole_board", "everything"),
    ]
    assert findings.below_copying(findings.read([score(name="good")])[0]) == []


def test_scores_that_cannot_be_compared_are_refused(score):
    one = score("lstm", 0)
    with pytest.raises(UserError, match=r"lstm with the seeds \[0\] and of dnc with"):
        findings.read([one, score("dnc", 1)])
    with pytest.raises(UserError, match=r"has start counts and .* has state"):
        findings.read([one, score("dnc", 0, start="state")])


def test_the_page_the_film_and_the_tables(scores, score, tmp_path):
    paths = [store.path for store in scores]
    known = score(by_heart=True, name="known")
    moving, out = tmp_path / "game.gif", tmp_path / "index.html"
    film.run(settings=Pommerman(), scores=paths, out=moving, log=None)
    with Image.open(moving) as pictures:
        assert pictures.n_frames == 7  # six steps and the state before them
        pictures.seek(6)
        last = np.asarray(pictures.convert("RGB")).astype(int)
    wrong = (abs(last - [230, 0, 160]) < 40).all(-1)
    assert wrong.any()  # what changed in the last step, which a copy gets wrong
    compare.run(
        settings=Pommerman(), scores=paths, overfits=[known.path], film=moving, out=out,
        log=None,
    )  # fmt: skip
    page = out.read_text()
    assert page.count("<figure>") == 3
    assert page.count("data:image/gif") == page.count("data:image/png") == 1
    text = (tmp_path / "table.txt").read_text()
    assert "all entries, 3 steps ahead" in text
    # Beside a floor stands what is known before anything is learnt.
    floors = next(line.split() for line in text.splitlines() if "own ammo" in line)
    assert floors[2:6] == ["50", "95", "25.0", "76.2"]
    assert "All models start from it" in text
    assert "All models start from it" in page
    data = json.loads((tmp_path / "table.json").read_text())
    right = data["models"][2]["right"]["changed"]["ammo"]["1"]
    assert right["likeliest"] == [35 / 40, 36 / 40]
    assert (tmp_path / "figures/changed.svg").exists()


def test_what_the_page_cannot_show_is_refused(score, tmp_path):
    one, known = score(), score(by_heart=True, name="known")
    other = score("dnc", games=9).path
    no_film = tmp_path / "no.gif"

    def run(scores, overfits):
        compare.run(
            settings=Pommerman(), scores=scores, overfits=overfits, film=no_film,
            out=tmp_path / "index.html", log=None,
        )  # fmt: skip

    with pytest.raises(UserError, match="wrong place; give it as --overfits"):
        run([known.path], [known.path])
    with pytest.raises(UserError, match="wrong place; give it as --scores"):
        run([one.path], [one.path])
    with pytest.raises(
        UserError, match=r"cannot be read \(No such file or directory\)"
    ):
        run([one.path], [known.path])
    no_film.write_text("GIF")
    with pytest.raises(UserError, match="is no GIF; give that of the step film"):
        run([one.path], [known.path])
    assert not (tmp_path / "index.html").exists()
    with pytest.raises(UserError, match=r"has games 3 and .* has 9"):
        film.run(settings=Pommerman(), scores=[one.path, other], out=no_film, log=None)


def test_a_game_that_is_shorter_than_a_distance_is_shown(score):
    models = boards.shown([score(ahead=[1, 99])])
    assert boards.moments(models).tolist() == [6]
    assert boards.strip(models).shape[0] > 0
    assert (models[0].of(99, 6) == 255).all()  # nobody could have predicted it


def test_a_share_of_nothing_has_no_number(score):
    found = findings.read([score()])[0]
    found.changed[:] = np.nan
    assert table.words(found.share("kick", 1, True)) == "-"
