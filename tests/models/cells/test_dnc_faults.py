"""What other implementations of the DNC got wrong, one test a fault."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp
from support import dnc_cases
from support.dnc_cases import CELL, H, N, R, W, as_row, inputs, step, unfold, weights

from worldmodels.models.cells.dnc import DNC, DNCState

INTERFACE = R * W + 3 * W + 5 * R + 3
NONE = np.zeros((5, 2), bool)


def numbers(**given) -> np.ndarray:
    """The interface's numbers [R W + 3 W + 5 R + 3], 0 but for those given."""
    shapes = {
        "read_keys": (R, W), "read_strengths": R, "write_key": W, "write_strength": 1,
        "erase": W, "value": W, "free": R, "allocate": 1, "gate": 1, "modes": (R, 3),
    }  # fmt: skip
    return np.concatenate(
        [np.broadcast_to(given.get(k, 0.0), s).ravel() for k, s in shapes.items()]
    )


def saying(xi: np.ndarray) -> dict[str, np.ndarray]:
    """Weights with which every step says xi."""
    return {name: np.zeros(p.shape) for name, p in CELL.parameters().items()} | {
        "dnc_interface_bias": xi
    }


def test_every_number_of_the_interface_has_a_gradient_after_two_steps(float64):
    """One implementation looked slots up in raw arrays: keys learnt nothing."""
    params, x = weights(CELL), inputs(CELL, 3, 2)

    def loss(params):
        y, _ = unfold(params, x, NONE[:3], CELL.initial(2, jnp.float64))
        return (y[2, :, H:] ** 2).sum()

    grads = jax.jit(jax.grad(loss))(params)
    assert np.all(np.abs(grads["dnc_interface_kernel"]).max(axis=0) > 1e-12)
    assert np.all(np.abs(grads["dnc_interface_bias"]) > 1e-12)
    assert np.all(np.abs(grads["dnc_kernel"]).max(axis=0) > 1e-12)


def test_a_link_is_between_the_slots_that_were_written(float64):
    """One sorted the values of the weightings in place: slots lost their names."""
    state = dnc_cases.state(CELL, 1)
    write, before = np.eye(N)[[4, 1]]
    state = state._replace(precedence=before[None], link=np.zeros((1, N, N)))
    # An empty slot 4 is allocated whole.
    usage = np.ones(N)
    usage[4] = 0
    state = state._replace(usage=usage[None], write=np.zeros((1, N)))
    xi = numbers(free=-50, allocate=50, gate=50)
    _, after = step(saying(xi), state, np.zeros((1, 3)))
    np.testing.assert_allclose(after.write[0], write, atol=1e-5)
    expected = np.zeros((N, N))
    expected[4, 1] = 1
    np.testing.assert_allclose(after.link[0], expected, atol=1e-5)


def test_a_closed_write_gate_leaves_memory_links_and_precedence(float64):
    """One made every write sum to 1, also where the gate was shut."""
    state = dnc_cases.state(CELL, 2)
    params = saying(numbers(gate=-800, value=3.0, erase=5.0))
    _, after = step(params, state, np.ones((2, 3)))
    assert not np.any(after.write)
    for name in ("memory", "link", "precedence"):
        np.testing.assert_array_equal(getattr(after, name), getattr(state, name))


def test_links_take_the_precedence_of_the_step_before(float64):
    """Both of one project's links put p_t where p_{t-1} belongs."""
    state = dnc_cases.state(CELL, 2)
    _, after = step(weights(CELL, 5), state, np.ones((2, 3)))
    w, p = np.asarray(after.write), state.precedence
    expected = (1 - w[:, :, None] - w[:, None]) * state.link + w[:, :, None] * p[
        :, None
    ]
    expected *= 1 - np.eye(N)
    np.testing.assert_allclose(after.link, expected, atol=1e-14)
    assert np.abs(expected - state.link).max() > 0.01


def test_precedence_is_of_writes_and_the_diagonal_alone_is_masked(float64):
    """Sparse variants took precedence from reads and kept the diagonal alone."""
    state = dnc_cases.state(CELL, 2)
    _, after = step(weights(CELL, 5), state, np.ones((2, 3)))
    w = np.asarray(after.write)
    expected = (1 - w.sum(-1, keepdims=True)) * state.precedence + w
    np.testing.assert_allclose(after.precedence, expected, atol=1e-14)
    link = np.asarray(after.link)
    assert not np.any(np.diagonal(link, axis1=1, axis2=2))
    assert np.all(link[:, ~np.eye(N, dtype=bool)] > 0)


def test_a_batch_of_many_has_states_of_its_own(float64):
    """One had a state without a batch: it could train on one sequence at a time."""
    params, x, state = weights(CELL), inputs(CELL, 5, 2), dnc_cases.state(CELL, 2)
    y, _ = unfold(params, x, NONE, state)
    other = x.copy()
    other[:, 1] += 1
    changed, _ = unfold(params, other, NONE, state)
    np.testing.assert_array_equal(changed[:, 0], y[:, 0])
    assert np.abs(changed[:, 1] - y[:, 1]).min() > 1e-9


def test_the_controller_reads_what_the_step_before_read(float64):
    """One built its controller's inputs before the loop, of the reads of the start."""
    params, state, x = weights(CELL), dnc_cases.state(CELL, 1), np.ones((1, 3))
    _, after = step(params, state, x)
    moved = after._replace(r=after.r + 0.1)
    assert (
        np.abs(step(params, moved, x)[1].h - step(params, after, x)[1].h).max() > 1e-4
    )
    # And unfold feeds back the r of each step, not that of its start.
    y, _ = unfold(params, np.stack([x, x]), NONE[:2, :1], state)
    np.testing.assert_allclose(y[1], step(params, after, x)[0], atol=1e-12)


def test_outputs_have_time_first_and_hold_h_then_r(float64):
    params, x, state = weights(CELL), inputs(CELL, 5, 2), dnc_cases.state(CELL, 2)
    y, after = unfold(params, x, NONE, state)
    assert y.shape == (5, 2, H + R * W)
    np.testing.assert_array_equal(y[-1, :, :H], after.h)
    np.testing.assert_array_equal(y[-1, :, H:], after.r.reshape(2, -1))


def test_the_start_is_zeros_in_arrays_of_their_own():
    """One began with random numbers, and with one array for both h and c."""
    state = CELL.initial(2, jnp.float32)
    assert not any(np.any(leaf) for leaf in state)
    assert len({leaf.unsafe_buffer_pointer() for leaf in state}) == len(state)


def test_strengths_are_one_plus_softplus(float64):
    """The authors' code and another have softplus alone, below 1 at first."""
    xi = numbers(read_strengths=[-30.0, 2.0], write_strength=0.5)
    said = CELL._interface(jnp.asarray(xi))
    expected = 1 + logsumexp([[0, 0], [-30.0, 2.0]], axis=0)
    np.testing.assert_allclose(said.read_strengths, expected, atol=1e-12)
    np.testing.assert_allclose(said.write_strength, 1 + np.log1p(np.exp(0.5)))


def test_read_modes_are_backward_content_forward(float64):
    """The authors' code has backward, forward, content."""
    state = dnc_cases.state(CELL, 1)
    read = np.zeros((1, R, N))
    read[0, :, 2] = 1
    link = np.zeros((1, N, N))
    link[0, 3, 2] = link[0, 2, 1] = 1  # 1, then 2, then 3
    state = state._replace(read=read, link=link)
    for mode, slot in ((0, 1), (2, 3)):
        modes = np.full((R, 3), -900.0)
        modes[:, mode] = 0
        params = saying(numbers(gate=-800, free=-50, modes=modes))
        _, after = step(params, state, np.zeros((1, 3)))
        np.testing.assert_allclose(after.read[0, 0], np.eye(N)[slot], atol=1e-12)
    modes[:] = [-900.0, 0, -900]
    key = as_row(state, 0)["memory"][5]
    params = saying(
        numbers(gate=-800, free=-50, modes=modes, read_keys=key, read_strengths=40)
    )
    _, after = step(params, state, np.zeros((1, 3)))
    assert np.argmax(after.read[0, 0]) == 5
    np.testing.assert_allclose(after.read.sum(-1), 1)


def test_memory_and_its_gradients_end_where_an_episode_begins(float64):
    """Users asked whether memory is reset between sequences: all of the state is."""
    params, x, state = weights(CELL), inputs(CELL, 5, 2), dnc_cases.state(CELL, 2)
    first = NONE.copy()
    first[3, 0] = True
    unlike = jax.tree.map(lambda s: 0.5 * s, state)
    other = x.copy()
    other[:3, 0] += 1
    y, after = unfold(params, x, first, state)
    changed, end = unfold(params, other, first, unlike)
    np.testing.assert_array_equal(changed[3:, 0], y[3:, 0])
    for a, b in zip(end, after, strict=True):
        np.testing.assert_array_equal(a[0], b[0])

    def later(x, state):
        y, after = unfold(params, x, first, state)
        kept = sum((leaf[0] ** 2).sum() for leaf in after)
        return (y[3:, 0] ** 2).sum() + kept + (y[:, 1] ** 2).sum()

    dx, dstate = jax.jit(jax.grad(later, (0, 1)))(x, state)
    assert not np.any(dx[:3, 0])
    assert np.all(dx[3:, 0] != 0)
    for leaf in dstate:
        assert not np.any(leaf[0])
    named = dstate._asdict()
    del named["write"]  # it goes into usage alone, as a constant
    for name, leaf in named.items():
        assert np.abs(leaf[1]).max() > 0, name


def test_the_first_steps_from_an_empty_memory_have_gradients_that_are_numbers():
    """Users reported NaN: at the start all norms, usages and weightings are 0."""
    cell = DNC(3, H, slots=16, word_size=W, read_heads=R)
    params = {k: 30 * v for k, v in weights(cell).items()}  # every gate shut or open
    params = dnc_cases.cast(params, np.float32)
    x = np.zeros((5, 2, 3), np.float32)

    def loss(params, x):
        y, after = cell.unfold(params, x, NONE, cell.initial(2, jnp.float32))
        return (y**2).sum() + sum(leaf.sum() for leaf in after)

    for scale in (0.0, 1.0):
        scaled = {k: scale * v for k, v in params.items()}
        value, grads = jax.jit(jax.value_and_grad(loss, (0, 1)))(scaled, x)
        assert np.isfinite(value)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_no_gradient_goes_through_the_order_of_slots(float64):
    """A slot's rank is a constant; the values of usage carry the gradient."""
    state = dnc_cases.state(CELL, 1)

    def allocated(usage, free_first):
        xi = numbers(free=-800, allocate=800, gate=800)
        given = DNCState(**state._asdict() | {"usage": usage[None]})
        _, after = step(saying(xi), given, np.zeros((1, 3)))
        return after.write[0, free_first]

    state = state._replace(write=np.zeros((1, N)))
    usage = jnp.asarray(np.linspace(0.9, 0.4, N))
    grad = jax.grad(allocated)(usage, N - 1)
    # The emptiest slot's share is 1 - u: no other usage moves it.
    np.testing.assert_allclose(grad, -np.eye(N)[N - 1], atol=2e-6)
