"""Models of the study: losses and errors against numpy, padding, numbers of weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.studies.dnc_tasks import model as models
from worldmodels.studies.dnc_tasks import scoring
from worldmodels.studies.dnc_tasks.findings import guessed
from worldmodels.studies.dnc_tasks.model import Model
from worldmodels.studies.dnc_tasks.tasks import TASKS, draw_batch

draw = jax.jit(draw_batch, static_argnums=(0, 3))
outputs = jax.jit(models.outputs, static_argnums=1)
errors_of = jax.jit(models.errors, static_argnums=2)

OPTIONS = (("slots", 5), ("word_size", 3), ("read_heads", 1))
MODELS = {
    "lstm": Model("repeat", "lstm", 4),
    "dnc": Model("repeat", "dnc", 4, OPTIONS),
}
LENGTHS = jnp.array([1, 3, 2])


def batch(model: Model, longest: int = 3):
    return draw(TASKS[model.task], jax.random.key(1), LENGTHS, longest)


def test_the_losses_and_errors_are_numpys(key):
    known = MODELS["lstm"]
    given, params = batch(known), models.initial(key, known)
    found = np.asarray(outputs(params, known, given.inputs), np.float64)
    target, answer, inside = map(np.asarray, given[1:])
    probability = 1 / (1 + np.exp(-found))
    right = np.where(target == 1, probability, 1 - probability)
    value, metrics = jax.jit(models.loss, static_argnums=3)(params, given, key, known)
    np.testing.assert_allclose(value, -np.log(right)[answer].mean(), rtol=1e-5)
    of_seeds = jax.jit(models.squared_loss, static_argnums=3)
    squared, _ = of_seeds(params, given, key, known)
    expected = ((found - target) ** 2)[inside].mean()
    np.testing.assert_allclose(squared, expected, rtol=1e-5)
    errors = errors_of(found, given, known)
    for n in range(3):
        at = answer[:, n]
        missed = np.abs(probability - target)[at, n]
        np.testing.assert_allclose(errors.wrong[n], (right[at, n] < 0.5).mean())
        np.testing.assert_allclose(errors.squared[n], (missed**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["wrong"], errors.wrong.mean(), rtol=1e-6)


def test_a_sum_is_wrong_when_another_whole_number_is_nearer():
    known = Model("addition", "lstm", 4)
    given = batch(known)
    off = jnp.array([0.4, -0.6, 3.0])
    errors = errors_of(given.targets + off[:, None], given, known)
    assert errors.wrong.tolist() == [0, 1, 1]
    np.testing.assert_allclose(errors.squared, off**2, rtol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", pytest.param("dnc", marks=pytest.mark.slow)])
def test_what_stands_in_the_padding_changes_nothing(cell, key):
    known = MODELS[cell]
    params = models.initial(key, known)
    given = batch(known)
    filled = given._replace(
        inputs=jnp.where(given.inside[..., None], given.inputs, 7.0),
        targets=jnp.where(given.inside[..., None], given.targets, 1.0),
    )
    assert not np.array_equal(given.inputs, filled.inputs)
    value = jax.jit(jax.value_and_grad(models.loss, has_aux=True), static_argnums=3)
    (one, _), gradient = value(params, given, key, known)
    (other, _), same = value(params, filled, key, known)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), gradient, same
    )


def test_each_sequence_of_a_batch_begins_with_an_empty_memory(key):
    known = MODELS["dnc"]
    params, given = models.initial(key, known), batch(known)
    together = outputs(params, known, given.inputs)
    alone = outputs(params, known, given.inputs[:, 1:2])
    np.testing.assert_allclose(together[:, 1:2], alone, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("cell", MODELS)
def test_weights_are_counted(task, cell):
    known = MODELS[cell]
    known = Model(task, cell, known.units, known.options)
    params = jax.eval_shape(lambda: models.initial(jax.random.key(0), known))
    assert models.parameters(known) == sum(x.size for x in params.values())


@pytest.mark.parametrize("units", [2, 4, 17])
def test_the_larger_lstm_has_as_many_weights_as_the_dnc(units):
    dnc = Model("sort", "dnc", units, OPTIONS)
    found = models.of_as_many(dnc)
    wanted = models.parameters(dnc)

    def away(units: int) -> int:
        return abs(models.parameters(Model("sort", "lstm", units)) - wanted)

    assert found.cell == "lstm"
    assert found.units == min(range(1, 60), key=away)


def test_lengths_that_are_tested():
    assert scoring.lengths(2, 4, (1, 2, 5)) == [2, 3, 4, 8, 20]


def test_errors_by_length_are_those_of_their_sequences(key, monkeypatch):
    known = MODELS["lstm"]
    params = models.initial(key, known)
    monkeypatch.setattr(scoring, "_STEPS", 20)  # 2 sequences at once, of 5 in all
    found = list(scoring.by_length(params, known, key, [2, 6], 4, 5))
    assert [errors.wrong.shape for errors in found] == [(5,), (5,)]
    for errors, length, padded in zip(found, [2, 6], [4, 6], strict=True):
        rows = 20 // (2 * padded + 1)
        keys = jax.random.split(jax.random.fold_in(key, length), -(-5 // rows))
        wrong = []
        for part in keys:
            given = draw(known.asked, part, jnp.full(rows, length), padded)
            assert given.answer.sum(0).tolist() == [length] * rows
            answered = outputs(params, known, given.inputs)
            wrong.extend(errors_of(answered, given, known).wrong)
        np.testing.assert_allclose(errors.wrong, wrong[:5], rtol=1e-5)


def test_guessing_knows_the_distribution_of_the_sum():
    """Lengths 1 and 2: five sums as likely, and 25 pairs of which five sum to 4."""
    found = guessed("addition", np.array([1, 2]))
    np.testing.assert_allclose(found["wrong"], [4 / 5, 20 / 25])
    np.testing.assert_allclose(found["squared"], [2, 4])
    pairs = [a + b for a in range(5) for b in range(5)]
    np.testing.assert_allclose(np.var(pairs), 4)
    assert guessed("sort", np.array([3]))["wrong"].tolist() == [0.5]
