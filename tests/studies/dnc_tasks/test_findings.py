"""What trainings found, over seeds, against scipy; the page and the tables of it."""

import json

import numpy as np
import pytest
from scipy import stats

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.dnc_tasks import compare, figures, findings, table
from worldmodels.studies.dnc_tasks.settings import DNCTasks

MOVED = (0.0, 0.02, 0.1)


def test_errors_are_means_over_seeds_with_students_interval(training):
    stores = [training("dnc", seed, moved) for seed, moved in enumerate(MOVED)]
    same, other = findings.read(stores[::-1])
    assert (same.slots, other.slots, same.trained_slots) == (4, 8, 4)
    assert (same.seeds, same.parameters, same.longest) == ((0, 1, 2), 12, 3)
    at_six = 0.4 + np.array(MOVED)
    interval = stats.t.interval(0.95, 2, at_six.mean(), stats.sem(at_six))
    found = same.at("wrong", 6)
    np.testing.assert_allclose(found.mean, at_six.mean())
    np.testing.assert_allclose(found.interval, interval)
    np.testing.assert_allclose(other.at("wrong", 6).mean, at_six.mean() / 2)
    trained = same.over_trained("squared")
    np.testing.assert_allclose(trained.mean, 4 * (0.2 + np.mean(MOVED)))


def test_trainings_of_other_settings_are_not_put_together(training):
    with pytest.raises(UserError, match="has updates 7 and"):
        findings.read([training("lstm", 0), training("lstm", 1, updates=8)])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"updates": 8}, "has updates 7 and"),
        ({"longest": [3]}, "has longest"),
        ({"hidden_size": 6}, "has hidden_size 5 and"),
    ],
)
def test_models_that_learnt_otherwise_are_not_compared(training, changes, why):
    with pytest.raises(UserError, match=why):
        findings.read([training("dnc", 0), training("lstm", 0, **changes)])
    # The LSTM of as many weights has units of its own.
    findings.read([training("dnc", 1), training("lstm_larger", 1, hidden_size=9)])


def test_models_of_other_seeds_are_not_compared(training):
    given = [training("dnc", 0), training("dnc", 1), training("lstm", 0)]
    with pytest.raises(UserError, match=r"repeat has the seeds \[0, 1\] of dnc and"):
        findings.read(given)


def test_a_training_counts_once(training):
    with pytest.raises(UserError, match="give each training once"):
        findings.read([training("lstm", 0), training("lstm", 0)])


def test_the_table_gives_every_model_and_what_guessing_gives(training):
    stores = [training(m, s, task=t) for t in ("addition", "repeat")
              for m in ("lstm", "dnc") for s in (0, 1)]  # fmt: skip
    tasks = table.by_task(findings.read(stores))
    assert list(tasks) == ["repeat", "addition"]
    rows = table.rows(tasks["repeat"], "wrong")
    assert [row[0] for row in rows] == [
        "DNC, N 4", "DNC, N 8", "LSTM, same H", "guessing, length known",
    ]  # fmt: skip
    assert rows[0][1:4] == ("12", "4", "4")
    assert rows[0][4:] == ("20 (20 to 20)", "30 (30 to 30)", "40 (40 to 40)")
    assert rows[2][1:4] == ("12", "-", "-")
    assert rows[3][4:] == ("50", "50", "50")
    squared = table.rows(tasks["addition"], "squared")[-1]
    assert squared[4:] == ("4", "6", "12")  # twice the length


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.00004, "4.0e-05"), (0.0123, "0.012"), (1.26, "1.3"),
     (12.6, "13"), (98765.4, "98,765")],
)  # fmt: skip
def test_numbers_have_two_digits_that_count(value, words):
    assert table.number(value) == words


def test_the_page_and_the_tables_are_made(training, trace, tmp_path, capsys):
    stores = [training(m, s, s / 9).path for m in ("dnc", "lstm") for s in (0, 1)]
    out = tmp_path / "made" / "index.html"
    compare.run(
        settings=DNCTasks(), trainings=stores, traces=[trace()], out=out, log=None
    )
    page = out.read_text()
    assert page.count("<figure>") == 2
    assert "the 4 of 5 slots that it touches" in page
    text = out.with_name("table.txt").read_text()
    assert "DNC, N 8" in text
    assert capsys.readouterr().out == text
    data = json.loads(out.with_name("table.json").read_text())
    wrong = data["trainings"][0]["wrong"]
    np.testing.assert_allclose(np.subtract(wrong[1], wrong[0]), 1 / 9)


def test_a_place_that_no_page_can_take_is_refused_before_the_work(tmp_path):
    folder = {"out": tmp_path, "log": None}
    with pytest.raises(UserError, match="is a folder, which a file does not replace"):
        compare.run(settings=DNCTasks(), trainings=[tmp_path], traces=[], **folder)
    assert not list(tmp_path.parent.glob("table.*"))


def test_slots_that_are_hardly_touched_are_not_drawn(trace):
    store = open_artifact(trace())
    arrays = {name: store.read(name) for name in ("write", "read")}
    assert figures.touched(arrays).tolist() == [0, 1, 2, 4]
