"""Units of work, against counts by hand."""

import pytest
from support.measured_run import RECIPE

from worldmodels.environments.games import GAMES, V0
from worldmodels.experiment import sizes, work
from worldmodels.experiment.config import load
from worldmodels.experiment.needs import Data
from worldmodels.experiment.settings import Round

DEFAULT = load(RECIPE).rounds[0]
DATA = Data(64, 300, 300)
ENCODER, DECODER = 1_212_800, 7_621_376  # multiply-adds, counted in test_sizes
MEMORY = 35 * 256 + 64 * 256 + 64 * 480


def of(stage: str, settings: Round = DEFAULT, block: int = 0) -> dict:
    return work.of(stage, settings, DATA, work.expected(settings, block))


def test_networks_learn_from_every_frame_in_every_epoch():
    frames = 64 * 300 * 3
    assert of("vision") == {
        work.V_FRAME: frames, work.V_MULTIPLY: frames * (ENCODER + DECODER)
    }  # fmt: skip
    steps = 64 * 300 * 60
    assert sizes.memory(DEFAULT).multiplies == MEMORY
    assert of("memory") == {
        work.M_STEP: steps / 16, work.M_MULTIPLY: steps * MEMORY
    }  # fmt: skip


def test_the_slots_of_a_dnc_are_counted_wherever_m_steps():
    dnc = DEFAULT.changed(memory={"cell": "dnc"})
    slots = 16 * (16 + 4 + 3) + 16 * 16  # words, read, usage, write, last; links
    steps = 64 * 300 * 60
    assert of("memory", dnc)[work.M_SLOT] == steps * slots
    assert of("memory", dnc)[work.M_STEP] == 3 * steps / 16  # its small operations
    done = of("controller", dnc)
    assert done[work.DREAM_SLOT] == done[work.CAR] * slots
    assert not of("controller").keys() & {work.M_SLOT, work.DREAM_SLOT}


def test_only_what_draws_the_game_differs_in_another_view():
    other = DEFAULT.changed(environment={"view": V0})
    for stage in work.STAGES:
        expected = {work.seen(unit, V0): n for unit, n in of(stage).items()}
        assert of(stage, other) == expected
    drawn = {work.CAR, work.TRACK, work.RECORDED, *map(work.PLAYED.get, GAMES)}
    assert set(work.DRAWN) == drawn


def test_a_frame_of_another_size_counts_by_its_pixels():
    world = {"name": "gymnasium", "id": "CartPole-v1", "backend": "gymnasium"}
    larger = DEFAULT.changed(environment=world | {"size": 96})
    assert of("vision", larger)[work.V_FRAME] == 64 * 300 * 3 * 2.25


def test_episodes_grow_while_c_learns_to_whole_ones_and_tests_are_whole():
    # 200 + 37.5 g steps: 200 to 537.5 in the first ten generations, whole ones later.
    first, last = work.expected(DEFAULT, 0), work.expected(DEFAULT, 2)
    assert first == (1000, 1000, 200 + 37.5 * 4.5)
    assert last.learning == pytest.approx((950 + 987.5 + 8 * 1000) / 10)
    done = of("controller", block=0)
    assert done[work.CAR] == 10 * 256 * first.learning + 2 * 32 * 1000
    assert done[work.ENCODER_MULTIPLY] == done[work.CAR] * ENCODER
    assert done[work.DREAM_MULTIPLY] == done[work.CAR] * MEMORY
    assert done[work.TRACK] == 10 * 4 + 2 * 32
    assert done[work.CUBE] == 10 * 291**3


def test_where_c_learns_decides_what_is_done():
    dream = DEFAULT.changed(controller={"train_in": "dream"})
    played = DEFAULT.changed(environment={"backend": "gymnasium"})
    assert not of("controller", dream).keys() & {work.CAR, work.ENCODED, work.TRACK}
    done = of("controller", played)
    episodes = 10 * 256 + 2 * 32
    assert done[work.BEGUN] == episodes
    assert done[work.PLAYED["carracing"]] == pytest.approx(done[work.ENCODED])
    assert work.CAR not in done


def test_what_dreams_and_is_tested_in_the_game_does_both():
    dream = {"train_in": "dream", "test_in": "environment"}
    done = of("controller", DEFAULT.changed(controller=dream), block=0)
    dreamt = 10 * 256 * (200 + 37.5 * 4.5)
    tested = 2 * 32 * 1000
    assert done[work.CAR] == tested
    assert done[work.TRACK] == 2 * 32
    assert done[work.ENCODER_MULTIPLY] == tested * ENCODER
    assert done[work.DREAM_MULTIPLY] == (dreamt + tested) * MEMORY  # C reads h
    gymnasiums = {"backend": "gymnasium"}
    settings = DEFAULT.changed(controller=dream, environment=gymnasiums)
    played = of("controller", settings)
    assert played[work.BEGUN] == 2 * 32
    assert played[work.PLAYED["carracing"]] == tested


def test_the_game_is_counted_in_its_own_frames_and_its_mean_length():
    skipping = {"name": "gymnasium", "id": "Pendulum-v1", "backend": "gymnasium"}
    pendulum = DEFAULT.changed(environment=skipping | {"frame_skip": 3})
    assert of("random", pendulum)[work.PLAYED["gymnasium"]] == 32 * 1000 * 3
    game = {"name": "takecover", "backend": "gymnasium", "max_steps": 2100}
    doom = DEFAULT.changed(environment=game)
    assert of("random", doom)[work.PLAYED["takecover"]] == 32 * 600
    assert of("evaluation", doom)[work.PLAYED["takecover"]] == 32 * 1100
    whole = work.of("random", doom, DATA, work.at_most(doom))
    assert whole[work.PLAYED["takecover"]] == 32 * 2100


def test_a_round_without_a_score_has_no_test_drives_to_film():
    assert of("report")[work.FILMED] == 3 * 1000
    unscored = DEFAULT.changed(evaluation={"episodes": 0})
    assert of("report", unscored)[work.FILMED] == 1.5 * 1000


def test_works_add_up():
    one, other = {"a": 1.0, "b": 2.0}, {"b": 3.0, "c": 4.0}
    assert work.together(one, other) == {"a": 1, "b": 5, "c": 4}
    assert work.times(3, one) == {"a": 3, "b": 6}
