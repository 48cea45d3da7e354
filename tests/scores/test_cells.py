"""The comparison of cells against scipy, its answer in words, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from support import cell_runs, commands
from support.cell_runs import SECONDS

from worldmodels.environments.games import CARRACING
from worldmodels.experiment.cells import AS_LARGE, DNC, LSTM
from worldmodels.scores import cell_tables, cells
from worldmodels.stores.artifact import open_artifact

SEEDS = (1, 4, 6)
# Mean survival of each seed; its two tests are 100 below and above it.
LEVELS = {
    LSTM: (400.0, 500.0, 420.0),
    AS_LARGE: (450.0, 470.0, 430.0),
    DNC: (760.0, 840.0, 770.0),
}
NLL = {LSTM: (1.2, 1.3, 1.25), AS_LARGE: (1.22, 1.28, 1.2), DNC: (1.1, 1.22, 1.12)}


def made(folder, seeds=SEEDS, **more):
    played, foreseen = (
        {cell: dict(zip(seeds, row, strict=False)) for cell, row in values.items()}
        for values in (LEVELS, NLL)
    )
    returns = {
        cell: {seed: (level - 100, level + 100) for seed, level in row.items()}
        for cell, row in played.items()
    }
    return cell_runs.make_cells(folder, returns, foreseen, **more)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    trainings = made(tmp_path_factory.mktemp("cells"))
    return cells.read({c: [*map(open_artifact, p)] for c, p in trainings.items()})


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The stores of a single seed."""
    return made(tmp_path_factory.mktemp("alone"), seeds=(1,))


@pytest.mark.parametrize(
    ("measure", "values", "offset", "scale"),
    [
        ("played", LEVELS, 0, 1),
        ("dreamt", LEVELS, 1000, 1),
        ("nll", NLL, 0, 1),
        ("nll_2", NLL, 0.02, 1),
        ("death", NLL, 0, 0.01),
    ],
)
def test_means_and_differences_are_those_of_scipy(
    found, measure, values, offset, scale
):
    data = cell_tables.data(found)
    own = {cell: np.array(row) * scale + offset for cell, row in values.items()}
    for cell, row in own.items():
        shown = data["cells"][cell]["measures"][measure]
        interval = stats.ttest_1samp(row, 0).confidence_interval(0.95)
        assert shown["mean"] == pytest.approx(row.mean())
        assert shown["interval"] == pytest.approx(interval)
        assert shown["of_seeds"] == pytest.approx(row)
    for cell, other in ((DNC, LSTM), (DNC, AS_LARGE), (AS_LARGE, LSTM)):
        shown = data["differences"][f"{cell} - {other}"][measure]
        paired = stats.ttest_rel(own[cell], own[other])
        assert shown["mean"] == pytest.approx((own[cell] - own[other]).mean())
        assert shown["interval"] == pytest.approx(paired.confidence_interval(0.95))


def test_curves_go_as_far_as_every_seed_has_updates(found):
    for cell, of_seeds in NLL.items():
        shown = found.cells[cell].learning
        assert shown.shape == (len(SEEDS), min(map(cell_runs.updates, SEEDS)))
        last = np.exp(-(shown.shape[1] - 1) / 9)
        assert shown[:, 0] == pytest.approx(np.array(of_seeds) + 1)
        assert shown[:, -1] == pytest.approx(np.array(of_seeds) + last)


def test_a_horizon_that_no_episode_reaches_has_no_number(found):
    data = cell_tables.data(found)
    assert data["cells"][DNC]["measures"]["nll_50"]["mean"] is None
    gap = data["differences"][f"{DNC} - {LSTM}"]["nll_50"]
    assert gap == {"mean": None, "interval": None}
    lines = cell_tables.text(found).splitlines()
    rows = [line for line in lines if line.startswith("NLL, 50 steps on")]
    assert len(rows) == 2
    assert all(row.split()[-6:] == ["-"] * 6 for row in rows)


def test_the_table_has_sizes_minutes_and_the_answer(found):
    data, table = cell_tables.data(found), cell_tables.text(found)
    assert data["cells"][DNC]["hidden_size"] == 13
    assert data["cells"][DNC]["parameters"] == 1000 * SEEDS[0]
    minutes = data["cells"][DNC]["minutes"]["memory"]
    assert minutes == pytest.approx([SECONDS / 60] * 3, abs=0.1)
    for words in ("parameters of M", "minutes of C", "death loss", "larger LSTM"):
        assert words in table
    assert "the share of deaths costs 0.0200" in table
    assert data["answer"] in table


def with_dnc(found, *levels):
    """Return a comparison in which the DNC's seeds have other mean scores."""
    played = np.array(levels)[:, None] + [[-100, 100]]
    dnc = replace(found.cells[DNC], played=played)
    return replace(found, cells={**found.cells, DNC: dnc})


@pytest.mark.parametrize(
    ("levels", "holds", "reached", "zero"),
    [
        (LEVELS[DNC], "holds here", "no less than 750", "leaves out 0"),
        ((560.0, 700.0, 600.0), "one of its two parts", "less than 750", "leaves out"),
        ((405.0, 500.0, 410.0), "does not hold here", "less than 750", "includes 0"),
        # 750 in the mean, but with one seed far below.
        ((1200.0, 850.0, 300.0), "one of its two parts", "no less than", "includes 0"),
    ],
)
def test_the_answer_says_whether_the_claim_holds(found, levels, holds, reached, zero):
    answer = cell_tables.answer(with_dnc(found, *levels))
    for words in (holds, reached, zero, f"{np.mean(levels):.1f} tics"):
        assert words in answer
    assert ". " not in answer  # one sentence


def test_a_worse_dnc_is_said_to_be_worse(found):
    answer = cell_tables.answer(with_dnc(found, 300.0, 401.0, 320.5))
    assert "99.5 less than the LSTM" in answer
    assert "does not hold here" in answer


def test_another_game_has_no_claim_and_no_dream(found):
    driven = {n: replace(c, dreamt=None) for n, c in found.cells.items()}
    other = replace(found, game=CARRACING, cells=driven)
    answer = cell_tables.answer(other)
    assert answer.startswith("The DNC scores 350.0 more than the LSTM (95 % interval")
    assert "750" not in answer
    assert "dreamt" not in cell_tables.data(other)["cells"][DNC]["measures"]
    assert "its own dream" not in cell_tables.text(other)


def test_of_one_seed_the_intervals_are_over_the_tests(alone):
    found = cells.read({c: [*map(open_artifact, p)] for c, p in alone.items()})
    gap = cell_tables.data(found)["differences"][f"{DNC} - {LSTM}"]
    assert gap["played"]["interval"] == [360, 360]  # on every test the same
    assert gap["nll"] == {"mean": pytest.approx(-0.1), "interval": None}
    assert "of seed 1" in cell_tables.text(found)


def test_what_cannot_be_compared_is_refused(alone, tmp_path):
    out = ["--out", tmp_path / "new" / "index.html"]

    def refused(given) -> str:
        words = [w for cell, paths in given.items() for w in ("--cell", cell, *paths)]
        return commands.call_refused("cells", *words, *out)

    lstm, dnc = alone[LSTM], alone[DNC]
    assert "give each of lstm, lstm_as_large, dnc once" in refused({LSTM: lstm})
    assert "0 forecast stores of seed 1" in refused(alone | {LSTM: lstm[:-1]})
    assert "2 memory stores of seed 1" in refused(alone | {DNC: [*dnc, lstm[0]]})
    strange = [*lstm[:-1], dnc[-1]]
    assert "was not made with" in refused(alone | {LSTM: strange})
    other = made(tmp_path / "other", seeds=(1,), shard=1)
    assert "learnt from other latents" in refused(alone | {DNC: other[DNC]})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cell_runs, "EPISODES", cell_runs.EPISODES + 1)
        more = made(tmp_path / "more", seeds=(1,))
    assert "held out other episodes than" in refused(alone | {DNC: more[DNC]})
    further = made(tmp_path / "further", seeds=(2,))
    assert "has the seeds [2] and lstm has [1]" in refused(alone | {DNC: further[DNC]})
    assert not (tmp_path / "new").exists()
