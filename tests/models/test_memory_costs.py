"""What predictions cost against autodiff, scipy and hand calculation."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from worldmodels.models import memory_costs, mixture
from worldmodels.models.cells import cell
from worldmodels.models.memory_costs import Number, Targets

T, B, N, K, Z = 4, 5, 6, 3, 4
HEADS = [(), ("death",), ("reward",), ("death", "reward")]


def given(heads):
    """Kernel, bias, h and targets with holes in them, in float64."""
    rng = np.random.default_rng(0)
    outputs = 3 * K * Z + len(heads)
    shapes = ((N, outputs), (outputs,), (T, B, N), (T, B, Z))
    kernel, bias, h, z = (rng.normal(0, 0.5, shape) for shape in shapes)
    known = rng.integers(0, 2, (T, B)) == 1
    weight = rng.uniform(0, 3, (2, T, B)) * rng.integers(0, 2, (2, T, B))
    numbers = {
        "death": Number(rng.integers(0, 2, (T, B)).astype(float), weight[0]),
        "reward": Number(rng.normal(0, 5, (T, B)), weight[1]),
    }
    targets = Targets(z, known, *(numbers.get(n) if n in heads else None
                                  for n in ("death", "reward")))  # fmt: skip
    return jax.tree.map(jnp.asarray, (kernel, bias, h, targets))


def plain(kernel, bias, h, targets, least=None):
    """The three costs from their definitions, one after the other."""
    outputs = h @ kernel + bias
    of_mixtures = outputs[..., : 3 * K * Z]
    if targets.start is not None:
        of_mixtures += targets.start
    found = mixture.from_outputs(of_mixtures, K)
    if least is not None:
        found = found._replace(logstd=mixture.floored(found.logstd, least))
    each = mixture.nll(found, targets.z)
    found = [(each * targets.known[..., None]).sum(), 0.0, 0.0]
    place = 3 * K * Z
    if targets.death is not None:
        p = jax.scipy.special.expit(outputs[..., place])
        happened = targets.death.value
        logp = happened * jnp.log(p) + (1 - happened) * jnp.log(1 - p)
        found[1] = -(targets.death.weight * logp).sum()
        place += 1
    if targets.reward is not None:
        error = outputs[..., place] - targets.reward.value
        found[2] = (targets.reward.weight * error**2).sum()
    return found


@pytest.mark.parametrize(
    ("heads", "started"), [*((heads, False) for heads in HEADS), (HEADS[-1], True)]
)
def test_total_and_its_gradients_equal_autodiff(monkeypatch, heads, started):
    monkeypatch.setattr(cell, "ROWS", 10)  # two chunks
    with jax.enable_x64(True):
        kernel, bias, h, targets = given(heads)
        least = None
        if started:
            start = np.random.default_rng(1).normal(0, 0.5, (T, B, 3 * K * Z))
            targets, least = targets._replace(start=jnp.asarray(start)), -0.4

        def value(total):
            def scaled(kernel, bias, h, z):
                return 3 * total(kernel, bias, h, targets._replace(z=z))

            return jax.jit(jax.value_and_grad(scaled, argnums=(0, 1, 2, 3)))

        arguments = kernel, bias, h, targets.z
        expected = value(lambda *a: sum(plain(*a, least)))(*arguments)
        total = partial(memory_costs.total, least=least)
        actual = value(lambda *a: total(*a)[0])(*arguments)
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12),
            actual,
            expected,
        )
        _, parts = jax.jit(total)(kernel, bias, h, targets)
        expected = plain(kernel, bias, h, targets, least)
        np.testing.assert_allclose(parts, expected, rtol=1e-12)


def number(outputs: float, death: Number | None, reward: Number | None):
    """The costs of one step whose mixtures do not count and whose bias is all."""
    heads = (death is not None) + (reward is not None)
    bias = jnp.append(jnp.zeros(3 * K * Z), jnp.full(heads, outputs))
    z, known = jnp.zeros((1, 1, Z)), jnp.zeros((1, 1), bool)
    targets = Targets(z, known, death, reward)
    kernel, h = jnp.zeros((N, bias.size)), jnp.zeros((1, 1, N))
    return memory_costs.total(kernel, bias, h, targets)[1]


def one(value: float, weight: float) -> Number:
    return Number(jnp.full((1, 1), value), jnp.full((1, 1), weight))


@pytest.mark.parametrize("logit", [-200.0, -3.0, 0.0, 2.5, 200.0])
@pytest.mark.parametrize("died", [0.0, 1.0])
def test_cross_entropy_equals_scipy_however_certain(logit, died):
    # -log expit(x) for a death, -log expit(-x) for none, ten times
    expected = -10 * special.log_expit(logit if died else -logit)
    cost = number(logit, one(died, 10), None)
    assert cost.death == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert cost.nll == cost.reward == 0


def test_squared_error_by_hand():
    # expected 2, paid -0.1: 2.1 squared is 4.41, of which a half
    assert number(2.0, None, one(-0.1, 0.5)).reward == pytest.approx(2.205)


def test_total_is_finite_at_extreme_outputs():
    bias = jnp.array([1e4, -1e4, 1e4, -1e4, 20.0, -20.0, 1e4, -1e4])  # Z 1, K 2
    kernel, h, z = jnp.zeros((1, 8)), jnp.ones((1, 1, 1)), jnp.zeros((1, 1, 1))
    targets = Targets(z, jnp.ones((1, 1), bool), one(0.0, 10), one(1e3, 1))
    value, grads = jax.value_and_grad(
        lambda *arguments: memory_costs.total(*arguments, targets)[0], argnums=(0, 1, 2)
    )(kernel, bias, h)
    assert np.isfinite(value)
    assert all(np.isfinite(grad).all() for grad in grads)
