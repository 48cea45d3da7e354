"""The report's table of what was predicted beside what was taken."""

from html.parser import HTMLParser

import pytest
from support import synthetic

from worldmodels.experiment import cost, rates, work
from worldmodels.report import predicted, provenance
from worldmodels.report.rounds import group
from worldmodels.runtime.wording import duration, size
from worldmodels.stores import finished, kept_rates
from worldmodels.stores.artifact import open_artifact


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(kept_rates, "find", lambda *_: None)


@pytest.fixture
def rounds(stores):
    return group([open_artifact(path) for path in stores.paths])


class Cells(HTMLParser):
    """The cells of every row."""

    def __init__(self, text: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1].append(data)


def test_every_stage_has_what_was_predicted_beside_what_it_took(rounds, stores):
    text = predicted.section(rounds)
    assert "Rates: built-in, on 2 cores." in text
    head, *rows = Cells(text).rows
    assert head[:5] == ["round", "stage", "predicted", "taken", "taken / predicted"]
    assert [row[:2] for row in rows] == [
        ["0", stage]
        for stage in (
            "rollouts", "vision", "latents", "memory", "controller", "evaluation"
        )
    ]  # fmt: skip
    plans = finished.plans_of([predicted.described(rounds[0])], 2)
    told = {one.stage: one for one in cost.of(plans.stages, rates.built_in())}
    for _, stage, before, after, ratio, disk, bytes_taken in rows:
        # The stores' clocks leave out the start of their processes.
        start = told[stage].jobs * rates.BUILT_IN[work.START]
        seconds = told[stage].seconds - start
        took = rounds[0].cost(stage)
        assert (before, after) == (duration(seconds), duration(took.wall_seconds))
        assert float(ratio) == pytest.approx(took.wall_seconds / seconds, abs=0.006)
        assert (disk, bytes_taken) == (size(round(told[stage].disk)), size(took.bytes))


def test_the_kept_rates_of_this_machine_count_first(rounds, monkeypatch):
    asked = []

    def find(*given):
        asked.append(given)
        return rates.measured(
            {unit: 3 * s for unit, s in rates.BUILT_IN.items()}, cores=2
        )

    before = Cells(predicted.section(rounds)).rows[2][2]
    monkeypatch.setattr(kept_rates, "find", find)
    text = predicted.section(rounds)
    assert "Rates: measured here, on 2 cores." in text
    seconds = [
        float(told.removesuffix(" s"))
        for told in (before, Cells(text).rows[2][2])
        if told.endswith(" s")
    ]
    assert seconds[1] == pytest.approx(3 * seconds[0], rel=0.01)
    ((environment, precision, cores),) = asked
    assert environment == synthetic.SETTINGS.environment.changed(
        slots=environment.slots
    )
    assert (precision, cores) == ("float32", 2)


def test_stores_that_do_not_say_what_was_asked_have_no_table(rounds, stores):
    """The rest of the chapter is there."""
    some = group([stores.memory, *stores.latents])
    assert predicted.section(some) == ""
    assert "Predicted and taken" not in provenance.section(some)
    assert "Predicted and taken" in provenance.section(rounds)
