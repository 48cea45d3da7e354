"""The DNC's gradients against autodiff and finite differences of the numpy loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import dnc_cases, numpy_dnc
from support.dnc_cases import CELL, OPTIONS, H, N, R, W, as_row, inputs, sizes, weights

from worldmodels.models import memory
from worldmodels.models.cells import addressing, dnc_segments, links
from worldmodels.models.cells.dnc import DNC
from worldmodels.models.memory import Memory

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


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("bounds", CELL),
        pytest.param("within", CELL, marks=pytest.mark.slow),
        pytest.param("within", OPTIONS, marks=pytest.mark.slow),
    ],
)
def test_gradients_are_finite_differences_of_the_numpy_loop(float64, kind, cell):
    params, x, state = weights(cell), inputs(cell, T, 1), begun(kind, cell)
    y, after = jax.eval_shape(cell.unfold, params, x, FIRST, state)
    shapes = [(T, y.shape[-1]), *(leaf.shape[1:] for leaf in after)]
    rng = np.random.default_rng(4)
    wanted = [rng.normal(size=shape) for shape in shapes]

    def loss(params, x, state):
        y, after = cell.unfold(params, x, FIRST, state)
        return weighed(y[:, 0], {k: v[0] for k, v in after._asdict().items()}, wanted)

    grads = jax.jit(jax.grad(loss, (0, 1, 2)))(params, x, state)
    ours = grads[0], grads[1][:, 0], as_row(grads[2], 0)
    for seed in range(5):
        towards = directions((params, x[:, 0], as_row(state, 0)), seed)
        expected = difference(cell, params, x, state, wanted, towards)
        products = jax.tree.map(lambda a, b: (a * b).sum(), ours, towards)
        assert sum(jax.tree.leaves(products)) == pytest.approx(expected, rel=1e-6)


def plain_links(link, kept, precedence, write, read):
    w_i, w_j = write[..., :, None], write[..., None, :]
    link = kept[..., None, None] * (1 - w_i - w_j) * link
    link = link + w_i * precedence[..., None, :]
    link = link * (1 - jnp.eye(write.shape[-1]))
    return link, read @ link, read @ jnp.swapaxes(link, -1, -2)


def plain_allocation(usage):
    usage = addressing.EPSILON + (1 - addressing.EPSILON) * usage
    order = jnp.argsort(usage, axis=-1)
    known = jnp.take_along_axis(usage, order, -1)
    left = jnp.cumprod(jnp.concatenate([jnp.ones_like(known[..., :1]), known], -1), -1)
    places = jnp.argsort(order, axis=-1)
    return jnp.take_along_axis((1 - known) * left[..., :-1], places, -1)


@pytest.mark.parametrize(
    ("cell", "small", "few"),
    [
        (OPTIONS, 0, 0),
        pytest.param(CELL, 0, 32, marks=pytest.mark.slow),
        pytest.param(CELL, 4096, 0, marks=pytest.mark.slow),
    ],
)
def test_gradients_by_hand_are_those_of_autodiff(
    float64, monkeypatch, cell, small, few
):
    """By segments, here of 2 steps and one left over, and at once."""
    monkeypatch.setattr(dnc_segments, "SMALL", small)
    monkeypatch.setattr(addressing, "FEW", few)
    steps, batch = 7, 2
    first = np.zeros((steps, batch), bool)
    first[[0, 3], [1, 0]] = True
    params, x = weights(cell), inputs(cell, steps, batch)
    state = dnc_cases.state(cell, batch)
    rng = np.random.default_rng(5)
    shapes = jax.eval_shape(cell.unfold, params, x, first, state)
    wanted = jax.tree.map(lambda part: rng.normal(size=part.shape), shapes)

    def loss(unfold, params, x, state):
        products = jax.tree.map(
            lambda a, b: (a * b).sum(), unfold(params, x, first, state), wanted
        )
        return sum(jax.tree.leaves(products))

    def by_autodiff(params, x, first, state):
        def step(state, at_t):
            x, first = at_t
            kept = jax.tree.map(
                lambda s: s * ~first.reshape(-1, *[1] * (s.ndim - 1)), state
            )
            y, state = cell.step(params, kept, x)
            return state, y

        state, y = jax.lax.scan(step, state, (x, first))
        return y, state

    ours = jax.jit(jax.grad(lambda *a: loss(cell.unfold, *a), (0, 1, 2)))(
        params, x, state
    )
    monkeypatch.setattr(links, "follow", plain_links)
    monkeypatch.setattr(addressing, "allocation", plain_allocation)
    expected = jax.jit(jax.grad(lambda *a: loss(by_autodiff, *a), (0, 1, 2)))(
        params, x, state
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10),
        ours,
        expected,
    )


def test_a_long_sequence_keeps_the_states_at_the_starts_of_segments():
    """No more than 40 kB a step of 16 sequences of 500 at the largest size."""
    cell = DNC(67, 256, slots=256, word_size=64, read_heads=4)
    time, batch = 500, 16
    params = {
        name: jax.ShapeDtypeStruct(p.shape, jnp.float32)
        for name, p in cell.parameters().items()
    }
    x = jax.ShapeDtypeStruct((time, batch, cell.inputs), jnp.float32)
    first = jax.ShapeDtypeStruct((time, batch), bool)
    state = jax.eval_shape(lambda: cell.initial(batch, jnp.float32))

    def pulled(params, x, first, state):
        return jax.vjp(lambda *a: cell.unfold(*a[:2], first, a[2]), params, x, state)[1]

    kept = jax.eval_shape(pulled, params, x, first, state)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept))
    weights_size = sum(4 * p.size for p in params.values())
    assert size - weights_size < 40e3 * time * batch


def test_m_learns_with_it_by_the_parameters_of_its_module():
    """flax gives a module's parameters in a mapping of its own, with the heads' too."""
    model = Memory(
        latent_size=2,
        action_size=1,
        hidden_size=H,
        mixtures=2,
        cell="dnc",
        cell_options=(("slots", N), ("word_size", W), ("read_heads", R)),
    )
    params = memory.initial(jax.random.key(0), model)
    z, a = jnp.ones((3, 2, 2)), jnp.ones((3, 2, 1))

    def loss(params):
        state = memory.initial_state(model, 2)
        return memory.observe(params, model, state, z, a)[1].mixture.mean.sum()

    grads = jax.jit(jax.grad(loss))(params)
    for name in CELL.parameters():
        assert np.abs(grads[name]).max() > 0, name
