"""What the registry says of every cell against the cell itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models.cells import registry
from worldmodels.models.cells.registry import CELLS

I, N, B = 3, 5, 2  # noqa: E741


def count(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def multiplies(jaxpr) -> int:
    """Return the multiply-adds of all products of a traced function."""
    total = 0
    for equation in jaxpr.eqns:
        for inner in jax.core.jaxprs_in_params(equation.params):
            total += multiplies(inner)
        if equation.primitive.name == "dot_general":
            (summed, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            made = equation.outvars[0].aval.size
            total += made * int(np.prod([left[axis] for axis in summed]))
    return total


@pytest.mark.parametrize("name", CELLS)
def test_counts_are_those_of_the_cell(name):
    cell, size = registry.create(name, I, N), registry.size(name, I, N)
    parameters = cell.parameters()
    assert all(key.startswith(name) for key in parameters)
    shapes = [parameter.shape for parameter in parameters.values()]
    assert size.parameters == sum(map(np.prod, shapes))
    state = jax.eval_shape(lambda: cell.initial(B, jnp.float32))
    assert size.state == count(state) // B
    params = {
        key: jax.ShapeDtypeStruct(parameter.shape, jnp.float32)
        for key, parameter in parameters.items()
    }
    x = jax.ShapeDtypeStruct((B, I), jnp.float32)
    y, after = jax.eval_shape(cell.step, params, state, x)
    # Of kernels, each weight once a step, and of a memory.
    assert (
        size.multiplies
        == multiplies(jax.make_jaxpr(cell.step)(params, state, x).jaxpr) // B
    )
    assert size.multiplies >= sum(np.prod(s) for s in shapes if len(s) == 2)
    assert y.shape == (B, size.output)
    assert after == state
    features = jax.eval_shape(cell.features, after)
    found = {key: value.shape for key, value in features.items()}
    assert found == {key: (B, length) for key, length in size.features}


@pytest.mark.parametrize("name", CELLS)
def test_inputs_are_z_and_features(name):
    known = {key for key, _ in registry.size(name, I, N).features}
    for inputs in CELLS[name].inputs:
        first, *others = inputs.split("_")
        assert first == "z"
        assert {*others} <= known


@pytest.mark.parametrize("name", CELLS)
def test_a_dream_of_one_row_is_a_batch_of_one(name):
    cell = registry.create(name, I, N)
    rng = np.random.default_rng(0)
    params = {
        key: rng.normal(size=parameter.shape).astype(np.float32)
        for key, parameter in cell.parameters().items()
    }

    @jax.jit
    def both(params, x):
        rows = cell.initial(1, jnp.float32)
        one = jax.tree.map(lambda s: s[0], rows)
        return cell.step(params, rows, x[None]), cell.step(params, one, x)

    batch, one = both(params, np.arange(I, dtype=np.float32) / I)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[0], b, atol=1e-6), batch, one
    )
    assert np.abs(one[0]).min() > 0


def test_a_cells_own_settings_are_the_group_of_its_name():
    config = {"cell": "dnc", "dnc": {"slots": 4}, "lstm": {"other": 1}}
    assert registry.options(config) == {"slots": 4}
    assert registry.options({"cell": "gru"}) == {}
    assert registry.options({}) == {}  # of an LSTM, as in old stores
