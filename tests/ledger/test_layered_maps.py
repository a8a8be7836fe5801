"""Rows S2.3 to S2.6: a layered map whose layers are abstract, and the blocks of each layer."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NetworkError, SymbolError, UnsupportedError

Array = np.ndarray

abstract = gw.layer("f(x, theta)", input="vector n", theta="vector k", f="map n k m")


def smooth(rng: np.random.Generator, outputs: int, inputs: int, parameters: int):
    """f(x, θ) = sin(A x + B θ + (c·x) d) with its two Jacobians."""
    A, B = rng.normal(size=(outputs, inputs)), rng.normal(size=(outputs, parameters))
    c, d = rng.normal(size=inputs), rng.normal(size=outputs)

    def inner(x: Array, theta: Array) -> Array:
        return A @ x + B @ theta + (c @ x) * d

    def value(x: Array, theta: Array) -> Array:
        return np.sin(inner(x, theta))

    def by_x(x: Array, theta: Array) -> Array:
        return np.cos(inner(x, theta))[:, None] * (A + np.outer(d, c))

    def by_theta(x: Array, theta: Array) -> Array:
        return np.cos(inner(x, theta))[:, None] * B

    return value, by_x, by_theta


def layered(rng: np.random.Generator, reduction: str = "mean") -> tuple[gw.Network, list]:
    functions = [smooth(rng, 4, 3, 2), smooth(rng, 5, 4, 3), smooth(rng, 2, 5, 4)]
    sizes = [(3, 2, 4), (4, 3, 5), (5, 4, 2)]
    items = [abstract(n=n, k=k, m=m, f=f) for (n, k, m), f in zip(sizes, functions, strict=True)]
    return gw.Network(items, loss="norm2(a - y)", reduction=reduction), functions


def test_s2_3_s2_5_s2_6_the_formulas_of_an_abstract_layered_map() -> None:
    net = gw.Network([3, abstract(k=2, m=4), abstract(k=5, m=2)], loss="norm2(a - y)")
    text = " ".join(net.backprop().explain().split())
    for line in (
        "a₁ = f(x, theta₁)",
        "a₂ = f(a₁, theta₂)",
        "L = ‖a₂ − y‖",
        "∂a/∂x = J_f_1(x, theta)",
        "∂a/∂theta = J_f_2(x, theta)",
        "δa₂ = (a₂ − y)/‖a₂ − y‖",
        "δa₁ = J_f_1(a₁, theta₂)ᵀ δa₂",
        "∂L/∂theta₂ = J_f_2(a₁, theta₂)ᵀ δa₂",
        "∂L/∂theta₁ = J_f_2(x, theta₁)ᵀ δa₁",
    ):
        assert line in text
    assert net.backprop().check().ok


def test_s2_3_many_layers_are_one_recursion() -> None:
    net = gw.Network([3, *[abstract(k=2, m=3)] * 40, "2 softmax"])
    text = " ".join(net.backprop().explain().split())
    assert "aₗ = f(a₍ₗ₋₁₎, thetaₗ) 3, l = 1, …, 40" in text
    assert "δa₍ₗ₋₁₎ = J_f_1(a₍ₗ₋₁₎, thetaₗ)ᵀ δaₗ 3, l = 2, …, 40" in text
    assert "insert the line above and cancel; the target sums to 1" in text


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_s2_3_numbers_once_functions_are_given(reduction: str, rng: np.random.Generator) -> None:
    net, functions = layered(rng, reduction)
    p = net.init(scheme="uniform", seed=1)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def loss(thetas: list[Array]) -> float:
        total = 0.0
        for x, y in zip(X, Y, strict=True):
            for (value, _, _), theta in zip(functions, thetas, strict=True):
                x = value(x, theta)
            total += float(np.linalg.norm(x - y))
        return total / (len(X) if reduction == "mean" else 1)

    thetas = [p[f"theta{number}"] for number in (1, 2, 3)]
    value, gradient = net.value_and_gradient(p, X, Y)
    assert value == pytest.approx(loss(thetas), rel=1e-12)
    assert net.loss(p, X, Y) == pytest.approx(value, rel=1e-12)
    for number, theta in enumerate(thetas):
        for place in range(len(theta)):
            steps = []
            for step in (1e-6, -1e-6):
                moved = [t.copy() for t in thetas]
                moved[number][place] += step
                steps.append(loss(moved))
            slope = (steps[0] - steps[1]) / 2e-6
            # The third derivative of a norm grows as the norm falls, and the slope with it.
            assert gradient[f"theta{number + 1}"][place] == pytest.approx(slope, rel=1e-7, abs=1e-8)


def test_s2_4_s2_5_s2_6_products_of_the_held_blocks(rng: np.random.Generator) -> None:
    net, functions = layered(rng)
    p = net.init(scheme="uniform", seed=2)
    x, y = rng.normal(size=3), rng.normal(size=2)
    blocks = net.layer_jacobians(p, x)
    values = [x]
    for number, (value, by_x, by_theta) in enumerate(functions, start=1):
        theta = p[f"theta{number}"]
        J_y, J_theta = blocks[number - 1]
        assert np.allclose(J_y.dense(), by_x(values[-1], theta), rtol=1e-12)
        assert np.allclose(J_theta.dense(), by_theta(values[-1], theta), rtol=1e-12)
        values.append(value(values[-1], theta))
    gradient = net.gradient(p, x[None, :], y[None, :])
    adjoint = (values[-1] - y) / np.linalg.norm(values[-1] - y)
    for number in (3, 2, 1):
        J_y, J_theta = blocks[number - 1]
        assert np.allclose(J_theta.T @ adjoint, gradient[f"theta{number}"], rtol=1e-10)
        adjoint = J_y.T @ adjoint


def test_s2_3_the_convention_at_zero(rng: np.random.Generator) -> None:
    net, _ = layered(rng)
    p = net.init(scheme="uniform", seed=1)
    X = rng.normal(size=(2, 3))
    exact = net.predict(p, X)
    assert np.array_equal(net.gradient(p, X, exact).flat, np.zeros(p.flat.size))


def test_everything_else_of_a_layered_map(rng: np.random.Generator) -> None:
    net, _ = layered(rng)
    p = net.init(scheme="uniform", seed=1)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    whole = net.jacobian(p, X)
    blocks = [pair.J_y.dense() for pair in net.layer_jacobians(p, X[0])]
    assert np.allclose(whole[0], blocks[2] @ blocks[1] @ blocks[0], rtol=1e-12)
    norms = net.sample_gradient_norms(p, X, Y)
    one = net.gradient(p, X[:1], Y[:1]).flat
    assert norms[0] == pytest.approx(np.linalg.norm(one), rel=1e-12)
    assert net.features(p, X).shape == (6, 5)
    run = gw.train(net, X, Y, epochs=30, learning_rate=0.002)
    assert run.history[-1].loss < run.history[0].loss
    assert gw.flow(net, p, X, Y).layers
    assert net.backprop().html()


def test_an_elementwise_function_keeps_the_batch(rng: np.random.Generator) -> None:
    unit = gw.layer("phi(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    net = gw.Network([3, unit(m=4), "2 softmax"])
    text = " ".join(net.backprop().explain().split())
    assert "Z₁ = X W₁ᵀ + ones(n) b₁ᵀ" in text and "δZ₁ = δA₁ ⊙ phi'(Z₁)" in text
    assert net.backprop().check().ok
    tanh = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    X, y = rng.normal(size=(5, 3)), rng.integers(2, size=5)
    given = unit(m=4, phi=gw.formula("tanh(z)", z="scalar"))
    one, other = gw.Network([3, given, "2 softmax"]), gw.Network([3, tanh(m=4), "2 softmax"])
    p = one.init(seed=1)
    q = other.init(seed=1)
    assert np.array_equal(p.flat, q.flat)
    assert np.allclose(one.gradient(p, X, y).flat, other.gradient(q, X, y).flat, rtol=1e-12)


def test_a_wrong_jacobian_is_seen(rng: np.random.Generator) -> None:
    value, by_x, by_theta = smooth(rng, 2, 3, 4)
    X, Y = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    nets = [
        gw.Network([abstract(n=3, k=4, m=2, f=f)], loss="norm2(a - y)")
        for f in ((value, by_x, by_theta), (value, by_x, lambda x, t: 1.01 * by_theta(x, t)))
    ]
    p = nets[0].init(scheme="uniform")
    right, wrong = (net.gradient(p, X, Y).flat for net in nets)
    assert not np.allclose(right, wrong, rtol=1e-4)


def test_what_an_abstract_layer_does_not_do() -> None:
    net = gw.Network([3, abstract(k=2, m=4), "2 softmax"])
    p, X, y = net.init(), np.ones((2, 3)), [0, 1]
    for ask in (
        lambda: net.predict(p, X),
        lambda: net.loss(p, X, y),
        lambda: net.gradient(p, X, y),
        lambda: net.layer_jacobians(p, X[0]),
        lambda: gw.flow(net, p, X),
        lambda: gw.train(net, X, y),
    ):
        with pytest.raises(SymbolError, match="f is an abstract function"):
            ask()
    with pytest.raises(UnsupportedError, match="no code"):
        net.backprop().source()
    with pytest.raises(UnsupportedError, match="abstract"):
        net.backprop().trace(p, X, y)
    with pytest.raises(SymbolError):
        abstract(f=3)
    with pytest.raises(SymbolError, match="J_f"):
        one_sided = gw.Network([abstract(n=3, k=2, m=2, f=lambda x, t: x[:2])], loss="norm1(a - y)")
        one_sided.gradient(one_sided.init(), X, np.ones((2, 2)))
    with pytest.raises(NetworkError, match="letter"):
        gw.Network(
            [gw.layer("f(x, a)", input="vector n", a="vector k")(n=3, k=2, m=2)], loss="norm1(a)"
        )
