"""Rows S0.1 to S0.8: Jacobians, the chain rule, and backpropagation without biases."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

import gradwright as gw
from tests.ledger.by_hand import Array, Claim, assert_equal, lines, relu, sigmoid

MAP = {"W": "matrix m n", "x": "vector n"}
TWO = MAP | {"V": "matrix k m"}

CLAIMS = [
    Claim("S0.5", "W*x", MAP, "x", "jacobian", "W"),
    Claim("S0.6", "tanh(x)", {"x": "vector n"}, "x", "jacobian", "diag(1 − tanh(x)⊙²)"),
    Claim("S0.6", "sigmoid(x)", {"x": "vector n"}, "x", "jacobian", "diag(σ(x) ⊙ (1 − σ(x)))"),
    Claim("S0.6", "exp(x)", {"x": "vector n"}, "x", "jacobian", "diag(exp(x))"),
    Claim("S0.7", "tanh(W*x)", MAP, "x", "jacobian", "diag(1 − tanh(W x)⊙²) W"),
    Claim("S0.7", "sigmoid(W*x)", MAP, "x", "jacobian", "diag(σ(W x) ⊙ (1 − σ(W x))) W"),
    Claim("S0.7", "relu(W*x)", MAP, "x", "jacobian", "diag(step(W x)) W"),
    Claim("S0.4", "V*tanh(W*x)", TWO, "x", "jacobian", "V diag(1 − tanh(W x)⊙²) W"),
    Claim(
        "S0.4",
        "tanh(V*sigmoid(W*x))",
        TWO,
        "x",
        "jacobian",
        "diag(1 − tanh(V σ(W x))⊙²) V diag(σ(W x) ⊙ (1 − σ(W x))) W",
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_the_jacobian_is_printed_as_the_mathematics_has_it(claim: Claim, seed: int) -> None:
    derivation = claim.derive()
    assert str(derivation) == claim.printed
    assert f"∂f/∂{claim.wrt} = {claim.printed}" in lines(derivation.explain())
    assert derivation.check(seed=seed).ok


def test_s0_1_leaky_relu_and_its_kink(seed: int, rng: np.random.Generator) -> None:
    """The value at zero is 1 in this row; 0.1 without kink=1; each is stated."""
    typed = gw.formula("max(z, 0) + 0.1*min(z, 0)", z="vector n")
    named = gw.formula("leaky_relu(z, kink=1)", z="vector n")
    z = rng.normal(size=6)
    assert_equal(named(z=z), np.where(z > 0, z, 0.1 * z))
    assert_equal(named(z=z), typed(z=z))
    derivation = named.jacobian("z")
    assert str(derivation) == "diag(0.1 + 0.9 step(z, kink=1))"
    assert derivation.assumptions == ("leaky_relu'(0) = 1",)
    assert_equal(derivation(z=z), np.diag(np.where(z >= 0, 1.0, 0.1)))
    assert_equal(derivation(z=z), typed.jacobian("z")(z=z))
    assert_equal(np.diag(derivation(z=np.array([-1.0, 0.0, 1.0]))), [0.1, 1.0, 1.0])
    other = gw.formula("leaky_relu(z)", z="vector n").jacobian("z")
    assert other.assumptions == ("leaky_relu'(0) = 0.1",)
    assert_equal(np.diag(other(z=np.array([-1.0, 0.0, 1.0]))), [0.1, 0.1, 1.0])
    assert derivation.check(seed=seed).ok and typed.jacobian("z").check(seed=seed).ok


def test_s0_2_the_jacobian_is_m_by_n(seed: int, rng: np.random.Generator) -> None:
    """Row i belongs to output i, column j to input j."""
    W, x, step = rng.normal(size=(3, 5)), rng.normal(size=5), 1e-6
    f = gw.formula("sigmoid(W*x)", **MAP)
    derivation = f.jacobian("x")
    J = derivation(W=W, x=x)
    assert J.shape == (3, 5)
    for j, e in enumerate(np.eye(5)):
        column = (sigmoid(W @ (x + step * e)) - sigmoid(W @ (x - step * e))) / (2 * step)
        # σ''' is below 1; a value is some ten operations, each with a rounding of one eps.
        bound = step**2 * np.max(np.abs(W)) ** 3 + 100 * np.finfo(float).eps / step
        assert np.max(np.abs(J[:, j] - column)) <= bound
    assert derivation.check(seed=seed).ok


def test_s0_3_the_taylor_remainder_shrinks_faster_than_the_step(rng: np.random.Generator) -> None:
    """remainder / step falls by ten when the step does, over four decades."""
    V, W = rng.normal(size=(2, 3)), rng.normal(size=(3, 5)) / np.sqrt(5)
    x, direction = rng.normal(size=5), rng.normal(size=5)
    direction /= np.linalg.norm(direction)
    f = gw.formula("V*tanh(W*x)", **TWO)
    J = f.jacobian("x")(V=V, W=W, x=x)
    start = f(V=V, W=W, x=x)
    ratios = []
    for step in (1e-2, 1e-3, 1e-4, 1e-5):
        change = step * direction
        remainder = f(V=V, W=W, x=x + change) - start - J @ change
        ratios.append(np.linalg.norm(remainder) / step)
    assert ratios[-1] < ratios[0] / 100
    for larger, smaller in pairwise(ratios):
        assert smaller < larger / 5
    # The same test tells a Jacobian that is off by one in a hundred.
    wrong = 1.01 * J
    missed = [
        np.linalg.norm(f(V=V, W=W, x=x + s * direction) - start - s * wrong @ direction) / s
        for s in (1e-4, 1e-5)
    ]
    assert missed[1] > missed[0] / 5


ByHand = Callable[[Array, Array], Array]

CHAINS: list[tuple[str, str, str, ByHand, ByHand]] = [
    # (g of u, f of x, g∘f of x, J_g and J_f by hand)
    (
        "V*u",
        "tanh(W*x)",
        "V*tanh(W*x)",
        lambda V, u: V,
        lambda W, x: np.diag(1 - np.tanh(W @ x) ** 2) @ W,
    ),
    (
        "tanh(V*u)",
        "sigmoid(W*x)",
        "tanh(V*sigmoid(W*x))",
        lambda V, u: np.diag(1 - np.tanh(V @ u) ** 2) @ V,
        lambda W, x: np.diag(sigmoid(W @ x) * (1 - sigmoid(W @ x))) @ W,
    ),
]


@pytest.mark.parametrize(("g", "f", "both", "J_g", "J_f"), CHAINS, ids=[c[2] for c in CHAINS])
def test_s0_4_the_jacobian_of_a_composition_is_the_product(
    g: str, f: str, both: str, J_g: ByHand, J_f: ByHand, seed: int, rng: np.random.Generator
) -> None:
    V, W, x = rng.normal(size=(2, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)
    outer = gw.formula(g, V="matrix k m", u="vector m").jacobian("u")
    inner = gw.formula(f, **MAP)
    composed = gw.formula(both, **TWO).jacobian("x")
    u = inner(W=W, x=x)
    assert_equal(outer(V=V, u=u), J_g(V, u))
    assert_equal(inner.jacobian("x")(W=W, x=x), J_f(W, x))
    assert_equal(composed(V=V, W=W, x=x), J_g(V, u) @ J_f(W, x))
    assert composed.check(seed=seed).ok


def test_s0_5_to_s0_7_numbers(rng: np.random.Generator) -> None:
    W, x = rng.normal(size=(3, 5)), rng.normal(size=5)
    assert_equal(gw.formula("W*x", **MAP).jacobian("x")(W=W, x=x), W)
    elementwise = gw.formula("tanh(x)", x="vector n").jacobian("x")
    assert_equal(elementwise(x=x), np.diag(1 - np.tanh(x) ** 2))
    slopes = {
        "tanh": 1 - np.tanh(W @ x) ** 2,
        "sigmoid": sigmoid(W @ x) * (1 - sigmoid(W @ x)),
        "relu": (W @ x > 0).astype(float),
    }
    for name, slope in slopes.items():
        derivation = gw.formula(f"{name}(W*x)", **MAP).jacobian("x")
        assert_equal(derivation(W=W, x=x), np.diag(slope) @ W)


NO_BIAS = "2 -> 3 tanh no_bias -> 4 relu no_bias -> 2 no_bias"


def test_s0_8_the_derivation_without_biases(seed: int) -> None:
    """The rows of δZ are the note's δ; the output layer is linear."""
    derivation = gw.Network(NO_BIAS, loss="squared_error", reduction="sum").backprop()
    printed = lines(derivation.explain())
    for line in [
        "A₃ = A₂ W₃ n × 2",
        "L = ‖A₃ − Y‖²",
        "δA₃ = 2 (A₃ − Y) n × 2",
        "δA₂ = δA₃ W₃ᵀ n × 4",
        "δZ₂ = δA₂ ⊙ step(Z₂) n × 4",
        "δA₁ = δZ₂ W₂ᵀ n × 3",
        "δZ₁ = δA₁ ⊙ (1 − A₁⊙²) n × 3",
        "∂L/∂W₃ = A₂ᵀ δA₃ 4 × 2",
        "∂L/∂W₂ = A₁ᵀ δZ₂ 3 × 4",
        "∂L/∂W₁ = Xᵀ δZ₁ 2 × 3",
    ]:
        assert line in printed
    assert "b₁" not in derivation.explain()
    assert derivation.check(seed=seed).ok


def deltas(weights: list[Array], x: Array, y: Array) -> list[Array]:
    """∂L/∂W of one sample by the note: δ⁽ⁱ⁾ = δ⁽ⁱ⁺¹⁾ W⁽ⁱ⁺¹⁾ diag φ'(z⁽ⁱ⁾), with W fan-out first."""
    W1, W2, W3 = weights
    z1 = W1 @ x
    z2 = W2 @ np.tanh(z1)
    v1, v2 = np.tanh(z1), relu(z2)
    delta3 = 2 * (W3 @ v2 - y)
    delta2 = delta3 @ W3 @ np.diag((z2 > 0).astype(float))
    delta1 = delta2 @ W2 @ np.diag(1 - np.tanh(z1) ** 2)
    return [np.outer(delta1, x), np.outer(delta2, v1), np.outer(delta3, v2)]


def test_s0_8_all_weights_are_one_flat_vector(rng: np.random.Generator) -> None:
    """Its length is 2·3 + 3·4 + 4·2, and the gradient is the note's δᵀvᵀ, sample by sample."""
    net = gw.Network(NO_BIAS, loss="squared_error", reduction="sum")
    p = net.init(seed=1)
    assert p.flat.size == 2 * 3 + 3 * 4 + 4 * 2 == 26
    assert list(p.names()) == ["W1", "W2", "W3"]
    p.flat[:] = rng.normal(size=26)
    X, Y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    weights = [p[name].T for name in p.names()]
    expected = [
        sum(each, start=np.zeros_like(each[0]))
        for each in zip(*(deltas(weights, x, y) for x, y in zip(X, Y, strict=True)), strict=True)
    ]
    gradient = net.gradient(p, X, Y)
    for name, block in zip(p.names(), expected, strict=True):
        assert_equal(gradient[name], block.T)
    assert_equal(gradient.flat, np.concatenate([block.T.ravel() for block in expected]))
