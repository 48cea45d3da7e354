"""Dreams against a model that is asked step by step; counts of hits against loops."""

import jax
import numpy as np
import pytest

from worldmodels.studies.pommerman import dreaming, score, starts
from worldmodels.studies.pommerman import model as models
from worldmodels.studies.pommerman.components import COMPONENTS, PARTS, WHOLE, Z
from worldmodels.studies.pommerman.dreaming import Trained
from worldmodels.studies.pommerman.model import Model

AHEAD = (1, 3)


def test_what_is_right_is_counted_up_to_the_end_of_each_game(games):
    states, length = games["states"], games["length"]
    rng = np.random.default_rng(1)
    true = dreaming.later(states, AHEAD)
    wrong = rng.random(true.shape) < 0.02
    predicted = np.where(wrong, (true + 1) % 2, true).astype(np.int8)
    # Some whole states are right, too.
    predicted[:, 0, ::2] = true[:, 0, ::2]
    found = score.right(predicted, states, length, AHEAD)
    expected = {name: np.zeros((2, len(COMPONENTS)), int) for name in score.COUNTS}
    for number, ahead in enumerate(AHEAD):
        for game in range(3):
            for time in range(length[game] - ahead + 1):
                now, then = states[game, time], states[game, time + ahead]
                told = predicted[number, game, time]
                for place, name in enumerate(COMPONENTS):
                    part = (PARTS | WHOLE)[name]
                    equal, moved = told[part] == then[part], now[part] != then[part]
                    if name in WHOLE:
                        equal, moved = equal.all()[None], moved.any()[None]
                    for count, values in zip(
                        score.COUNTS,
                        (np.ones_like(equal), moved, equal, equal & moved),
                        strict=True,
                    ):
                        expected[count][number, place] += values.sum()
    assert expected["right_changed"].min() > 0
    for name in score.COUNTS:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "dnc"])
def test_a_dream_reads_its_own_predictions_and_the_true_actions(cell, games, key):
    options = (("slots", 3), ("word_size", 2), ("read_heads", 1))
    model = Model(cell, 4, 3, 2, 0.3, options if cell == "dnc" else ())
    params = models.initial(key, model)
    params |= {"head_kernel": 30 * params["head_kernel"]}
    states, actions = games["states"], games["actions"]
    counts = starts.counted(states[:, :-1].reshape(-1, Z), states[:, 1:].reshape(-1, Z))
    table = starts.table("counts", counts, 2, model.least).astype("f4")
    found = np.asarray(
        dreaming.dream(Trained(params, table), model, states, actions, key, 3)
    )
    assert found.shape == (3, 3, 6, Z)

    @jax.jit
    def ask(seen, acted):
        """Predict after all that was seen, from the beginning."""
        first = np.zeros((len(acted), 1), bool)
        start = model.recurrent.initial(1, "float32")
        h, _ = models.unfold(params, model, seen[:, None], acted[:, None], first, start)
        last = models.head(params, model, table, h[-1], seen[-1:])
        return models.likeliest(last)[0]

    for time in range(4):
        seen = list(states[1, : time + 1])
        for step in range(3):
            acted = actions[1, : time + step + 1]
            seen.append(np.asarray(ask(np.stack(seen), acted)))
            np.testing.assert_array_equal(found[step, 1, time], seen[-1])
    assert (found[2] != found[0]).any()  # it goes on


def test_what_follows_most_often_follows_again_and_again(games):
    states = games["states"]
    counts = starts.counted(states[:, :-1].reshape(-1, Z), states[:, 1:].reshape(-1, Z))
    found = dreaming.by_counts(counts, states, 2)
    rows = counts.argmax(-1)  # [parts, V]
    now = states[2, 3, 250]
    assert found[0, 2, 3, 250] == rows[2, now]
    assert found[1, 2, 3, 250] == rows[2, rows[2, now]]
