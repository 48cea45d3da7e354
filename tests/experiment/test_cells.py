"""Cells: what each changes, what all share, and how many units the larger LSTM has."""

import pytest

from worldmodels.experiment import cells, sizes
from worldmodels.experiment.cells import AS_LARGE, CELLS, DNC, LSTM, folder
from worldmodels.experiment.config import load
from worldmodels.experiment.network_settings import DNC as Dnc
from worldmodels.experiment.runs import by_folder
from worldmodels.runtime.errors import UserError

WARM = {name: {"warm_start": True} for name in ("vision", "memory", "controller")}
CONFIG = {
    "experiment": "small",
    "seed": 2,
    "seeds": [4, 2],
    "memory": {"held_out": 0.1, "hidden_size": 32},
    "rounds": [{}, WARM],
}
COLD = CONFIG | {"rounds": [{}, {"vision": {"warm_start": True}}]}
LARGE = {"cell": "dnc", "dnc": {"slots": 64, "word_size": 24, "read_heads": 3}}
STAGES = ("rollouts", "vision", "latents", "memory", "controller", "evaluation")


def m_and_c(config, cell):
    last = cells.run_of(config, cell, 4).config.rounds[-1]
    return last.memory, last.controller


def test_each_cell_changes_m_alone_and_starts_anew():
    config = load(CONFIG)
    before = config.rounds[-1]
    sorts = {LSTM: "lstm", AS_LARGE: "lstm", DNC: "dnc"}
    for cell, sort in sorts.items():
        memory, controller = m_and_c(config, cell)
        assert memory.cell == sort
        assert (memory.hidden_size == 32) == (cell != AS_LARGE)
        same = {"cell", "hidden_size", "warm_start", "dnc"}
        assert memory.model_dump(exclude=same) == before.memory.model_dump(exclude=same)
        assert not memory.warm_start
        assert controller == before.controller.changed(warm_start=False)


@pytest.mark.parametrize("seed", [4, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_all_cells_of_a_seed_share_all_but_the_last_m_and_what_follows(cell, seed):
    run = by_folder(cells.runs(load(CONFIG)))[f"small/cells/{cell}/seed-{seed}"]
    trained = {4: "small/seeds/seed-4", 2: "small"}[seed]
    assert run.config.run.seed == seed
    assert {run.home(stage, 0) for stage in STAGES} == {trained}
    homes = [run.home(stage, 1) for stage in STAGES]
    assert homes == [trained] * 3 + [run.folder] * 3
    assert run.home("random", 1) == "small"


def test_the_cell_of_an_experiment_that_starts_anew_is_the_experiment_itself():
    config = load(COLD)
    assert folder(config, LSTM, 2) == "small"
    assert folder(config, LSTM, 4) == "small/seeds/seed-4"
    runs = [*cells.runs(config)]
    assert {run.config.rounds[-1].memory.cell for run in runs} == {"dnc", "lstm"}
    assert len(runs) == 4
    dnc = load(COLD | {"memory": {**CONFIG["memory"], **LARGE}})
    assert folder(dnc, DNC, 2) == "small"
    assert folder(dnc, LSTM, 2) == "small/cells/lstm/seed-2"
    # What is a DNC's alone would be refused beside another cell.
    assert m_and_c(dnc, LSTM)[0].dnc == Dnc()


@pytest.mark.parametrize("memory", [{}, LARGE, {"hidden_size": 5, "death_head": True}])
def test_the_larger_lstm_is_the_nearest_of_all(memory):
    config = load(COLD | {"memory": CONFIG["memory"] | memory})

    def parameters(cell, **more):
        last = cells.run_of(config, cell, 4).config.rounds[-1]
        return sizes.memory(last.changed(memory=more)).parameters

    wanted = parameters(DNC)
    units = m_and_c(config, AS_LARGE)[0].hidden_size
    away = {n: abs(parameters(LSTM, hidden_size=n) - wanted) for n in range(1, 300)}
    assert units == min(away, key=away.get)
    assert away[units] < 0.02 * wanted


def test_an_lstm_reads_no_read_vectors():
    config = load(
        COLD | {"memory": CONFIG["memory"] | LARGE, "controller": {"inputs": "z_c_h_r"}}
    )
    assert m_and_c(config, DNC)[1].inputs == "z_c_h_r"
    assert m_and_c(config, LSTM)[1].inputs == "z_c_h"
    assert m_and_c(config, AS_LARGE)[1].inputs == "z_c_h"


def test_without_held_out_episodes_nothing_is_compared():
    with pytest.raises(UserError, match=r"round 1: memory.held_out is 0"):
        cells.check(load(COLD | {"memory": {}}))
    cells.check(load(COLD))
