"""The stage controller with other searches than CMA-ES: blocks, checkpoints, stores."""

import numpy as np
import pytest
from support import dream_stores
from support.dream_stores import SETTINGS, evolve

from worldmodels.experiment import stages
from worldmodels.rollout import arenas
from worldmodels.runtime.errors import UserError
from worldmodels.search import cma_es
from worldmodels.stages import controller
from worldmodels.stores import networks, searches
from worldmodels.stores.checkpoint import Checkpoint

FOUR = 4  # generations, in one block or in two
SEARCHES = ("snes", "sep_cma_es", "open_es", "pgpe", "simulated_annealing")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return dream_stores.make(tmp_path_factory.mktemp("experiment"))


def settings(strategy: str, in_block: int):
    return SETTINGS.changed(
        strategy=strategy,
        generations=FOUR,
        generations_per_block=in_block,
        sigma=0.5,
    )


def searched(stores, folder, strategy, in_block):
    """Return the blocks of a search of four generations."""
    folder.mkdir()
    chosen = settings(strategy, in_block)
    blocks = range(FOUR // in_block)
    return [evolve(stores, folder, block, settings=chosen) for block in blocks]


def assert_same_search(one, other):
    """Compare all that two searches recorded and hold at their ends, bit for bit."""
    for name in ("population", "fitness", "mean", "sigma", "selection/returns"):
        joined = [np.concatenate([b.read(name) for b in s]) for s in (one, other)]
        np.testing.assert_array_equal(*joined, err_msg=name)
    last, again = one[-1], other[-1]
    assert last.names("state") == again.names("state")
    for name in last.names("state"):
        np.testing.assert_array_equal(last.read(name), again.read(name), err_msg=name)


def test_a_centred_search_draws_around_the_mean_of_what_c_reads(stores, tmp_path):
    """Its candidates have the weights of one that is not centred, and other biases."""
    (tmp_path / "centred").mkdir()
    plain = evolve(stores, tmp_path)
    centred = evolve(
        stores, tmp_path / "centred", settings=SETTINGS.changed(centred=True)
    )
    origin = centred.read("state/origin")
    assert np.abs(origin).max() > 0.01
    drawn, given = (
        store.read("population")[0].reshape(SETTINGS.population, -1)
        for store in (plain, centred)
    )
    weights = slice(0, 3 * len(origin))
    np.testing.assert_array_equal(drawn[:, weights], given[:, weights])
    expected = drawn[:, weights].reshape(-1, 3, len(origin)) @ origin
    np.testing.assert_allclose(drawn[:, -3:] - given[:, -3:], expected, atol=1e-5)


def test_blocks_leave_a_centred_search_as_it_was(stores, tmp_path):
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    settings = SETTINGS.changed(centred=True)
    whole = evolve(stores, tmp_path / "whole", settings=settings)
    halves = settings.changed(generations_per_block=1)
    first = evolve(stores, tmp_path / "halves", settings=halves)
    second = evolve(stores, tmp_path / "halves", 1, settings=halves)
    assert_same_search([whole], [first, second])


def test_a_centred_search_goes_on_from_the_origin_that_it_began_at(
    stores, tmp_path, monkeypatch
):
    """Another machine finds another one, in its last digits."""
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    settings = SETTINGS.changed(centred=True)
    whole = evolve(stores, tmp_path / "whole", settings=settings)
    save = Checkpoint.save

    def stopped(self, state):
        save(self, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            evolve(stores, tmp_path / "stopped", settings=settings)
    found = controller.mean_inputs
    monkeypatch.setattr(
        controller, "mean_inputs", lambda *given: found(*given) * np.float32(1.001)
    )
    again = evolve(stores, tmp_path / "stopped", settings=settings)
    assert_same_search([whole], [again])


def test_a_centred_search_needs_what_m_learnt_from(stores, tmp_path):
    with pytest.raises(UserError, match=r"a centred search needs --latents"):
        evolve(
            stores,
            tmp_path,
            settings=SETTINGS.changed(centred=True, train_in="environment"),
            latents=[],
        )


def test_a_dreamer_may_be_tested_in_the_game(stores, tmp_path):
    """It learns as it does without: its means alone drive, on the selection tracks."""
    for name in ("dreams", "drives"):
        (tmp_path / name).mkdir()
    dreamt = evolve(stores, tmp_path / "dreams")
    driven = evolve(
        stores, tmp_path / "drives", settings=SETTINGS.changed(test_in="environment")
    )
    for name in ("population", "fitness", "selection/mean", "selection/seed"):
        np.testing.assert_array_equal(dreamt.read(name), driven.read(name))
    given = stores.vision, stores.memory, driven.config, driven.game
    play = arenas.simulator(*networks.load_agent(*given))
    seeds = driven.read("selection/seed")
    wanted = play(driven.read("selection/mean"), seeds, dream_stores.STEPS)
    np.testing.assert_allclose(driven.read("selection/returns"), wanted, atol=1e-4)
    assert (dreamt.read("selection/returns") != wanted).all(axis=1).any()
    assert searches.tested_in_dream(dreamt.config)
    assert not searches.tested_in_dream(driven.config)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", SEARCHES)
def test_blocks_and_a_stop_leave_the_search_as_it_was(stores, tmp_path, strategy):
    """One block of four, two of two, and one that was stopped in its third."""
    whole = searched(stores, tmp_path / "whole", strategy, FOUR)
    assert np.ptp(whole[0].read("fitness")) > 0
    assert_same_search(whole, searched(stores, tmp_path / "halves", strategy, 2))
    save, saved = Checkpoint.save, []

    def stopped(self, state):
        save(self, state)
        saved.append(state)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            searched(stores, tmp_path / "stopped", strategy, FOUR)
    (tmp_path / "again").mkdir()
    (tmp_path / "stopped" / "block-0000.ckpt").rename(
        tmp_path / "again" / "block-0000.ckpt"
    )
    again = evolve(stores, tmp_path / "again", settings=settings(strategy, FOUR))
    assert_same_search(whole, [again])
    assert whole[0].config["strategy"] == strategy


def test_a_store_of_cma_es_is_as_it_was_before_there_was_a_choice(stores, tmp_path):
    """So that searches of earlier versions go on."""
    block = evolve(stores, tmp_path)
    assert {name.removeprefix("state/") for name in block.names("state")} == {
        "steps",
        "best",
        *(f"cma/{name}" for name in cma_es.CMAState._fields),
    }
    with pytest.raises(UserError, match=r"searched with cma_es, and snes cannot go on"):
        evolve(stores, tmp_path, block=1, settings=SETTINGS.changed(strategy="snes"))


def test_one_parent_is_where_the_mean_goes(stores, tmp_path):
    """And blocks go on with as many parents only, those of before with the default."""
    chosen = SETTINGS.changed(parents=1)
    block = evolve(stores, tmp_path, settings=chosen)
    population, fitness = block.read("population"), block.read("fitness").mean(axis=2)
    best = population[np.arange(len(population)), fitness.argmax(axis=1)]
    np.testing.assert_allclose(
        block.read("mean"), best.reshape(len(best), -1), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(UserError, match="evolved with parents 1 and this block has 0"):
        evolve(stores, tmp_path, block=1, settings=SETTINGS)
    assert stages.before("controller")["parents"] == 0


@pytest.mark.slow
def test_a_search_without_a_step_size_records_none(stores, tmp_path):
    (block,) = searched(stores, tmp_path / "one", "gradientless_descent", FOUR)
    assert "sigma" not in block.names()
    assert np.isfinite(block.read("mean")).all()


def test_an_impossible_size_is_refused_before_the_work(stores, tmp_path, monkeypatch):
    monkeypatch.setattr(controller, "_scored", pytest.fail)
    odd = SETTINGS.changed(strategy="pgpe", population=5)
    with pytest.raises(UserError, match=r"make controller[.]population even"):
        evolve(stores, tmp_path, settings=odd)
    assert not list(tmp_path.glob("*"))
