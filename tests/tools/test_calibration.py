"""The measuring of a machine: by clocks that are given, at tiny sizes."""

import pytest

from worldmodels.environments.games import V0, V3
from worldmodels.experiment import rates, work
from worldmodels.experiment.rates import BUILT_IN
from worldmodels.experiment.settings import Environment, Round
from worldmodels.runtime.errors import UserError
from worldmodels.tools import calibration, timed_games, timed_networks, timing
from worldmodels.tools.timing import Machine, Sizes

TINY = Round().changed(
    vision={
        "latent_size": 4, "channels": (4, 4, 8, 8), "decoder_channels": (8, 4, 4),
        "batch_size": 10,
    },
    memory={"hidden_size": 8, "mixtures": 2},
)  # fmt: skip
SMALL = TINY.changed(memory={"hidden_size": 16})
ONE, OTHER = Sizes(TINY, 2, 4, 1, 1), Sizes(SMALL, 3, 5, 1, 1)


def machine(
    timer=lambda work, pids=None: (work() and 0) or 1.0, clock=lambda: 0.0, view=V3
):
    return Machine(Environment(view=view), "float32", 2, timer, clock)


def test_two_sizes_give_a_fixed_part_and_one_that_grows():
    points = [(10, 100, 10 * 3 + 100 * 0.5), (20, 900, 20 * 3 + 900 * 0.5)]
    found = timing.fitted(work.ENCODED, work.ENCODER_MULTIPLY, points)
    assert found == {
        work.ENCODED: pytest.approx(3), work.ENCODER_MULTIPLY: pytest.approx(0.5)
    }  # fmt: skip


@pytest.mark.parametrize(
    "points",
    [
        [(10, 1e6, 7.0)],
        [(10, 1e6, 7.0), (10, 1e6, 9.0)],  # the same work twice
        [(10, 1e6, 7.0), (10, 2e6, 6.0)],  # the larger one is faster
        [(10, 1e6, 7.0), (10, 2e6, 70.0)],  # more than by as much
    ],
)
def test_works_that_do_not_tell_them_apart_count_by_the_first(points):
    units = work.ENCODED, work.ENCODER_MULTIPLY
    found = timing.fitted(*units, points)
    first, second, seconds = points[0]
    whole = first * found[units[0]] + second * found[units[1]]
    assert whole == pytest.approx(seconds)
    ratios = {found[unit] / BUILT_IN[unit] for unit in units}
    assert max(ratios) == pytest.approx(min(ratios))


def test_no_piece_is_begun_when_the_time_is_up(monkeypatch):
    now, begun = [0.0], []

    def taking(seconds, **found):
        def piece():
            now[0] += seconds
            return {getattr(work, unit): value for unit, value in found.items()}

        return piece

    def pieces(*given):
        yield "start", taking(5, START=1.0)
        yield "cars", taking(calibration._LIMIT, CAR=33e-6)
        yield "tracks", taking(1, TRACK=1.0)

    monkeypatch.setattr(calibration, "_pieces", pieces)
    found = calibration.calibrate(machine(clock=lambda: now[0]), begun.append)
    assert begun == ["start", "cars"]
    assert found.measured == {work.START, work.CAR}
    # Inferred, as the cars are three times slower than the built-in ones.
    assert found.seconds[work.TRACK] == pytest.approx(3 * BUILT_IN[work.TRACK])


def test_the_call_in_the_middle_counts_after_one_that_compiles():
    calls, taken = [], iter([3.0, 2.0, 9.0])

    def timer(run):
        run()
        return next(taken)

    found = timing.typical(machine(timer), lambda: calls.append(1))
    assert found == 3.0
    assert len(calls) == 4


def test_cars_are_what_the_agent_does_not_take(monkeypatch):
    monkeypatch.setattr(timed_games, "more", lambda *_: 128 * 100 * 80e-6)
    monkeypatch.setattr(timed_games, "agent_of", lambda *_: ("agent", "its weights"))
    monkeypatch.setattr(timed_games, "population_of", lambda *_: None)
    monkeypatch.setattr(timed_games.arenas, "simulator", lambda *_: print)
    seconds = {
        work.ENCODED: 30e-6, work.ENCODER_MULTIPLY: 0, work.DREAMT: 20e-6,
        work.DREAM_MULTIPLY: 0,
    }  # fmt: skip
    found = timed_games.time_cars(machine(), ONE, seconds)
    assert found == {work.CAR: pytest.approx(30e-6)}
    slow = seconds | {work.ENCODED: 90e-6}
    assert timed_games.time_cars(machine(), ONE, slow)[work.CAR] == pytest.approx(8e-6)
    (unit,) = timed_games.time_cars(machine(view=V0), ONE, seconds)
    assert unit == work.seen(work.CAR, V0) != work.CAR


def test_what_is_timed_is_what_the_experiment_sees(monkeypatch):
    views, tiny = [], machine(view=V0)
    monkeypatch.setattr(
        timed_games.in_simulator, "fresh", lambda seeds, view: views.append(view)
    )
    monkeypatch.setattr(timed_games, "typical", lambda machine, run: run() or 8.0)
    assert timed_games.time_tracks(tiny) == {work.seen(work.TRACK, V0): 1.0}
    assert views == [V0]
    agent, _ = timed_networks.agent_of(tiny, ONE)
    assert agent.controller.game.view.name == V0


def test_a_game_that_is_not_installed_is_not_timed(monkeypatch):
    def missing(environment):
        raise UserError("not installed")

    monkeypatch.setattr(timed_games.arenas, "spec_of", missing)
    assert timed_games.time_game(machine()) == {}


@pytest.mark.slow
def test_every_piece_times_its_units():
    ticks = iter(range(1, 10_000))

    def timer(run, pids=None, busy=None):
        run()
        return float(next(ticks))  # each call takes longer than the one before

    begun = []
    timed = machine(timer, clock=lambda: 1e-3 * next(ticks))
    found = calibration.calibrate(timed, begun.append, (ONE, OTHER))
    elsewhere = {
        work.STORED, work.RECORDED, work.CUBE, work.FILMED, work.SHARD,
        work.PLAYED["takecover"], work.PLAYED["gymnasium"],
        work.M_SLOT, work.DREAM_SLOT,  # of a DNC; the experiment has an LSTM
        *(work.seen(unit, V0) for unit in work.DRAWN),  # it has v3's view
    }  # fmt: skip
    assert found.measured == rates.BUILT_IN.keys() - elsewhere
    assert min(found.seconds.values()) > 0, found.seconds
    assert len(begun) == 12
