"""The DNC's gradients against finite differences of the numpy loop."""

import jax
import numpy as np
import pytest
from support import dnc_cases, numpy_dnc
from support.dnc_cases import CELL, as_row, inputs, sizes, unfold, weights

T = 6
FIRST = np.zeros((T, 1), bool)
FIRST[4] = True


def weighed(y, state, wanted):
    """A sum over all that unfold returns, with random weights."""
    parts = [y, *state.values()]
    return sum((part * w).sum() for part, w in zip(parts, wanted, strict=True))


def begun(kind: str, cell=CELL):
    """A state [1, ...] with usages within (0, 1), or at 0, at 1 and equal."""
    state = dnc_cases.state(cell, 1)
    usage = {
        "within": state.usage,
        "bounds": np.array([[0.0, 1.0, 0.3, 0.3, 0.0, 1.0]]),
    }[kind]
    return state._replace(usage=usage, write=np.zeros_like(state.write))


def directions(tree, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.normal(size=x.shape), tree)


def difference(cell, params, x, state, wanted, towards, size=1e-6):
    """The central difference of numpy's loop, which holds what gradients hold."""
    seen = numpy_dnc.Held()
    row = as_row(state, 0)
    numpy_dnc.unfold(params, sizes(cell), x[:, 0], FIRST[:, 0], row, seen)

    def loss(step):
        held = numpy_dnc.Held(orders=seen.seen_orders, writes=seen.seen_writes)
        moved = jax.tree.map(lambda a, b: a + step * b, (params, x[:, 0], row), towards)
        y, states = numpy_dnc.unfold(
            moved[0], sizes(cell), moved[1], FIRST[:, 0], moved[2], held
        )
        return weighed(y, states[-1], wanted)

    return (loss(size) - loss(-size)) / (2 * size)


@pytest.mark.parametrize("kind", ["within", "bounds"])
def test_gradients_are_finite_differences_of_the_numpy_loop(float64, kind):
    params, x, state = weights(CELL), inputs(CELL, T, 1), begun(kind)
    y, after = unfold(params, x, FIRST, state)
    wanted = [
        np.random.default_rng(4).normal(size=part.shape)
        for part in (y[:, 0], *(leaf[0] for leaf in after))
    ]

    def loss(params, x, state):
        y, after = unfold(params, x, FIRST, state)
        return weighed(y[:, 0], {k: v[0] for k, v in after._asdict().items()}, wanted)

    grads = jax.jit(jax.grad(loss, (0, 1, 2)))(params, x, state)
    ours = grads[0], grads[1][:, 0], as_row(grads[2], 0)
    for seed in range(5):
        towards = directions((params, x[:, 0], as_row(state, 0)), seed)
        expected = difference(CELL, params, x, state, wanted, towards)
        products = jax.tree.map(lambda a, b: (a * b).sum(), ours, towards)
        assert sum(jax.tree.leaves(products)) == pytest.approx(expected, rel=1e-6)
