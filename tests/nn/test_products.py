"""Products with second derivatives of networks against backprop by hand and a complex step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.curvature import Curvature
from gradwright.errors import DomainError, LimitError, NetworkError, ShapeError, UnsupportedError
from gradwright.run.linear_map import LinearMap
from tests.nn.complex_backprop import gauss_newton, gradient, hessian_product
from tests.nn.random_networks import random_network
from tests.suites.structures import off

Array = Any
LAYOUTS = ("rows", "columns", "transposed")


def made(rng: np.random.Generator, layout: str) -> tuple[Any, ...]:
    """(network in a layout, its parameters, X, y, the same in rows)."""
    text, loss, X, y = random_network(rng)
    reduction = str(rng.choice(["mean", "sum"]))
    rows = gw.Network(text, loss=loss, reduction=reduction)
    p = rows.init()
    p.flat[:] = rng.normal(size=p.flat.size) / 2
    return rows.relayout(layout), p.relayout(layout), X, y, rows, p


def test_the_oracle_is_the_derived_gradient(rng: np.random.Generator) -> None:
    for _ in range(3):
        *_, X, y, rows, p = made(rng, "rows")
        assert off(gradient(rows, p.flat, X, y), rows.gradient(p, X, y).flat) <= 1e-9


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hessian_products(rng: np.random.Generator, layout: str) -> None:
    for _ in range(2):
        net, q, X, y, rows, p = made(rng, layout)
        v = rows.init()
        v.flat[:] = rng.normal(size=v.flat.size)
        found = net.hvp(q, X, y, v.relayout(layout)).relayout("rows").flat
        assert off(found, hessian_product(rows, p.flat, X, y, v.flat)) <= 1e-9, rows


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gauss_newton_and_its_diagonal(rng: np.random.Generator, layout: str) -> None:
    net, q, X, y, rows, p = made(rng, layout)
    expected = gauss_newton(rows, p.flat, X, y)
    order = order_of(rows, layout)
    for matrix in (net.gauss_newton(q, X, y), net.fisher(q, X, y, kind="true")):
        assert off(matrix.dense(), expected[np.ix_(order, order)]) <= 1e-9, rows
        assert off(matrix.diagonal(), np.diagonal(expected)[order]) <= 1e-9, rows


def order_of(rows: gw.Network, layout: str) -> Array:
    """Which entry of the parameters in rows stands at each place of those in a layout."""
    numbered = rows.init()
    numbered.flat[:] = np.arange(numbered.flat.size)
    return numbered.relayout(layout).flat.astype(int)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_empirical_fisher_matrix(rng: np.random.Generator, layout: str) -> None:
    net, q, X, y, rows, p = made(rng, layout)
    own = [gradient(rows, p.flat, X[k : k + 1], y[k : k + 1]) for k in range(len(X))]
    whole = np.array(own)[:, order_of(rows, layout)]
    expected = whole.T @ whole / (len(X) if net.model.reduction == "mean" else 1)
    matrix = net.fisher(q, X, y, kind="empirical")
    assert off(matrix.dense(), expected) <= 1e-9, rows
    assert off(matrix.diagonal(), np.diagonal(expected)) <= 1e-9, rows


def test_the_true_fisher_matrix_is_an_expectation(rng: np.random.Generator) -> None:
    """Over the classes, each with its probability; a normal density has the moments of ±."""
    X = rng.normal(size=(5, 4))
    classes = gw.Network("4 -> 6 tanh -> 3 softmax")
    p = classes.init(seed=1)
    expected = np.zeros((p.flat.size,) * 2)
    for x, probabilities in zip(X, classes.predict(p, X).copy(), strict=True):
        for label, weight in enumerate(probabilities):
            g = classes.gradient(p, x[None], np.array([label])).flat
            expected += weight * np.outer(g, g) / len(X)
    labels = np.zeros(5, dtype=int)
    assert off(classes.fisher(p, X, labels, kind="true").dense(), expected) <= 1e-12
    normal = gw.Network("4 -> 6 tanh -> 2 sigmoid", loss="squared_error", reduction="sum")
    p = normal.init(seed=1)
    expected = np.zeros((p.flat.size,) * 2)
    for x, mean in zip(X, normal.predict(p, X).copy(), strict=True):
        for unit in np.eye(2) * np.sqrt(0.5):
            g = normal.gradient(p, x[None], (mean + unit)[None]).flat
            expected += np.outer(g, g)
    assert off(normal.fisher(p, X, np.zeros((5, 2)), kind="true").dense(), expected) <= 1e-12


def blocks_of(net: gw.Network, whole: Array) -> list[Array]:
    """The blocks of the layers on the diagonal of a matrix."""
    ends = np.cumsum([layer.size for layer in net.model.layers])[:-1]
    rows = np.split(whole, ends)
    return [np.split(row, ends, axis=1)[k] for k, row in enumerate(rows)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["true", "empirical"])
def test_kronecker_factors_are_exact_for_one_sample(
    rng: np.random.Generator, layout: str, kind: str
) -> None:
    text = "4 -> 6 tanh -> 5 sigmoid no_bias -> 3 softmax"
    net = gw.Network(text, layout=layout, reduction=str(rng.choice(["mean", "sum"])))
    p, X, y = net.init(seed=2), rng.normal(size=(1, 4)), rng.integers(3, size=1)
    blocks = blocks_of(net, net.fisher(p, X, y, kind=kind).dense())
    factors = net.kronecker_factors(p, X, y, kind=kind)
    for layer, expected, found in zip(net.model.layers, blocks, factors, strict=True):
        A, G = found
        assert A.shape == (layer.fan_in + layer.bias,) * 2 and G.shape == (layer.fan_out,) * 2
        assert off(found.block.dense(), expected) <= 1e-12


def test_kronecker_factors_are_exact_without_activations(rng: np.random.Generator) -> None:
    """There δ of the model's own targets does not depend on the sample."""
    for reduction, layout in (("mean", "rows"), ("sum", "columns")):
        net = gw.Network("4 -> 6 -> 5 -> 3", "squared_error", reduction, layout)
        p, X, y = net.init(seed=2), rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
        blocks = blocks_of(net, net.fisher(p, X, y, kind="true").dense())
        for expected, found in zip(
            blocks, net.kronecker_factors(p, X, y, kind="true"), strict=True
        ):
            assert off(found.block.dense(), expected) <= 1e-12


def test_kronecker_factors_by_hand(rng: np.random.Generator) -> None:
    """Σ a aᵀ/n and Σ δ δᵀ/n over the samples, whose products are summed apart."""
    net = gw.Network("4 -> 6 tanh -> 3 softmax", reduction="sum")
    p, X, y = net.init(seed=2), rng.normal(size=(7, 4)), rng.integers(3, size=7)
    (A1, G1), (A2, G2) = net.kronecker_factors(p, X, y, kind="empirical")
    hidden = np.tanh(X @ p["W1"] + p["b1"])
    delta = net.predict(p, X) - np.eye(3)[y]
    back = delta @ p["W2"].T * (1 - hidden**2)
    wide = [np.hstack([a, np.ones((7, 1))]) for a in (X, hidden)]
    for found, rows in ((A1, wide[0]), (A2, wide[1]), (G1, back), (G2, delta)):
        assert off(found, sum(np.outer(r, r) for r in rows) / 7) <= 1e-12
    first = net.kronecker_factors(p, X, y, kind="empirical")[0].damped(0.04)
    balance = np.sqrt(np.trace(A1) / 5 / (np.trace(G1) / 6))
    assert off(first.A, A1 + 0.2 * balance * np.eye(5)) <= 1e-12
    assert off(first.block.dense(), 7 * np.kron(first.A, G1 + 0.2 / balance * np.eye(6))) <= 1e-12
    with pytest.raises(DomainError, match="strength"):
        first.damped(0.0)
    with pytest.raises(DomainError, match="the strength is 'much'"):
        first.damped("much")


@pytest.mark.parametrize("kind", ["true", "empirical"])
def test_layers_by_formula_have_no_kronecker_factors(rng: np.random.Generator, kind: str) -> None:
    """The dense layers beside them have theirs, which are their blocks for one sample."""
    block = gw.residual("6 silu -> 5")
    net = gw.Network([4, "5 tanh", "layer_norm", block, "3 softmax"])
    p, X, y = net.init(seed=2), rng.normal(size=(1, 4)), rng.integers(3, size=1)
    factors = net.kronecker_factors(p, X, y, kind=kind)
    assert [found is None for found in factors] == [False, True, True, False]
    whole = net.fisher(p, X, y, kind=kind).dense()
    for number, found in enumerate(factors, start=1):
        if found is not None:
            assert off(found.block.dense(), whole[found.place, found.place]) <= 1e-12
            place = p.flat[found.place]
            assert np.array_equal(place[: p[f"W{number}"].size], p[f"W{number}"].ravel())
    formula = gw.Network(
        [gw.layer("tanh(W*x)", input="vector n", W="matrix m n")(n=4, m=3)], "squared_error"
    )
    with pytest.raises(UnsupportedError, match="Kronecker factors"):
        formula.kronecker_factors(formula.init(), X, rng.normal(size=(1, 3)), kind="empirical")


def differences(net: gw.Network, p: Any, X: Array, y: Array) -> Array:
    """The Hessian by fourth-order differences of the gradient."""

    def at(k: int, step: float) -> Array:
        moved = net.init()
        moved.flat[:] = p.flat
        moved.flat[k] += step
        return net.gradient(moved, X, y).flat.copy()

    h = 1e-3
    columns = [
        (8 * (at(k, h) - at(k, -h)) - (at(k, 2 * h) - at(k, -2 * h))) / (12 * h)
        for k in range(p.flat.size)
    ]
    return np.stack(columns, axis=1)


def by_formula() -> list[gw.Network]:
    dense = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    swish = gw.layer("z .* sigmoid(z)", input="vector n")
    block = gw.layer("x + U*tanh(W*x)", input="vector n", U="matrix n k", W="matrix k n")
    scale = gw.layer("(c'*x)*x + c", input="vector n", c="vector n")
    return [
        gw.Network([3, dense(m=4), swish, block(k=6), "5 tanh", "2 softmax"]),
        gw.Network([3, scale, swish, "2"], loss="squared_error", reduction="sum"),
        gw.Network("3 -> 4 tanh -> 2", loss="norm2(a - y)"),
        gw.Network("3 -> 4 tanh -> 2", loss="sum(abs(a - y))"),
        gw.Network("3 -> 4 tanh -> 2", loss="sum(cos(a - 2*y))", reduction="sum"),
    ]


@pytest.mark.parametrize("net", by_formula(), ids=repr)
def test_layers_and_losses_by_formula(rng: np.random.Generator, net: gw.Network) -> None:
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size) / 2
    X = rng.normal(size=(7, net.widths[0]))
    y = rng.integers(2, size=7) if net.model.loss == "cross_entropy" else rng.normal(size=(7, 2))
    # Steps of 1e-3 leave h⁴ times a fifth derivative.
    assert off(net.hessian(p, X, y).dense(), differences(net, p, X, y)) <= 1e-6
    own = np.array([net.gradient(p, X[k : k + 1], y[k : k + 1]).flat for k in range(7)])
    weight = 1 / 7 if net.model.reduction == "mean" else 1
    empirical = net.fisher(p, X, y, kind="empirical")
    assert off(empirical.dense(), weight * own.T @ own) <= 1e-12
    for matrix in (empirical, net.gauss_newton(p, X, y)):
        dense = matrix.dense()
        assert off(dense, dense.T) <= 1e-13
        assert off(matrix.diagonal(), np.diagonal(dense)) <= 1e-12


def test_five_thousand_layers() -> None:
    """One tangent and one adjoint for each layer: no recursion, nothing squared in the depth."""
    net = gw.Network("2 -> 5000 * 2 -> 1", loss="squared_error")
    p = net.init()
    for number in range(1, 5001):
        p[f"W{number}"], p[f"b{number}"] = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    p["W5001"], p["b5001"] = np.array([[2.0], [-1.0]]), np.array([0.5])
    X, y = np.array([[1.0, 2.0], [4.0, 8.0], [3.0, -1.0]]), np.array([[1.0], [0.0], [2.0]])
    v = net.init()
    v.flat[:] = 0
    v["b5001"] = np.array([1.0])
    # The loss is the mean of (x w + b - y)²; its derivative in b moves by 2 Σ (...) / n.
    found = net.hvp(p, X, y, v)
    np.testing.assert_allclose(found["b5001"], [2.0], rtol=1e-12)
    np.testing.assert_allclose(found["W5001"], 2 * X.mean(axis=0)[:, None], rtol=1e-12)
    np.testing.assert_allclose(net.gauss_newton(p, X, y) @ v.flat, found.flat, rtol=1e-12)


class Counted(np.ndarray):
    """An array that counts the multiplications of its matrix products, as do its results."""

    total = 0

    def __matmul__(self, other: Any) -> Any:
        Counted.total += self.shape[0] * other.shape[0] * other.shape[1]
        return super().__matmul__(other)

    def __rmatmul__(self, other: Any) -> Any:
        Counted.total += other.shape[0] * self.shape[0] * self.shape[1]
        return super().__rmatmul__(other)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_costs_are_those_that_are_counted(rng: np.random.Generator, layout: str) -> None:
    net = gw.Network("7 -> 5 tanh -> 4 sigmoid -> 3 softmax", layout=layout)
    X, Y = rng.normal(size=(6, 7)).view(Counted), np.eye(3)[rng.integers(3, size=6)]
    shared = Curvature(net.model, net.init().flat.view(Counted), X, Y)
    for matrix in (shared.hessian(), shared.gauss_newton(), shared.fisher("empirical")):
        Counted.total = 0
        matrix @ np.ones(matrix.shape[0])
        assert Counted.total == matrix.costs.product, matrix.structure


def test_float32_stays(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 5 sigmoid -> 3 softmax")
    p = net.init(dtype="float32")
    X, y = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(3, size=6)
    wide = net.init()
    wide.flat[:] = p.flat
    assert net.hvp(p, X, y, p).flat.dtype == np.float32
    assert off(net.hvp(p, X, y, p).flat, net.hvp(wide, X, y, wide).flat) <= 1e-4
    for name in ("gauss_newton", "hessian"):
        matrix: LinearMap = getattr(net, name)(p, X, y)
        assert matrix.dtype == np.float32
        assert (matrix @ p.flat).dtype == matrix.diagonal().dtype == np.float32


def test_the_map_keeps_its_parameters(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    p, X, y = net.init(), rng.normal(size=(6, 4)), rng.integers(3, size=6)
    H, v = net.hessian(p, X, y), rng.normal(size=43)
    before = H @ v
    p.flat[:] = 0
    assert np.array_equal(H @ v, before)


def test_scipy_finds_eigenvalues(rng: np.random.Generator) -> None:
    from scipy.sparse.linalg import aslinearoperator, eigsh

    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    p, X, y = net.init(), rng.normal(size=(6, 4)), rng.integers(3, size=6)
    G = net.gauss_newton(p, X, y)
    largest = eigsh(aslinearoperator(G), k=2, return_eigenvectors=False)
    assert off(np.sort(largest), np.linalg.eigvalsh(G.dense())[-2:]) <= 1e-9


def test_a_planted_fault_is_seen(rng: np.random.Generator) -> None:
    """Without the second derivative of tanh the product is that of another matrix."""
    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    p, X, y = net.init(scheme="he_normal"), rng.normal(size=(6, 4)), rng.integers(3, size=6)
    v = rng.normal(size=43)
    wrong = net.gauss_newton(p, X, y) @ v
    assert off(wrong, hessian_product(net, p.flat, X, np.eye(3)[y], v)) > 1e-3


def test_no_second_derivative_is_no_number(rng: np.random.Generator) -> None:
    """A norm has none at 0; there a product would not be a number."""
    net = gw.Network("3 -> 2", loss="norm2(a - y)")
    p, X = net.init(), rng.normal(size=(4, 3))
    y = net.predict(p, X).copy()
    for matrix in (net.hessian(p, X, y), net.gauss_newton(p, X, y)):
        with pytest.raises(DomainError, match="not a number"):
            matrix @ np.ones(8)
        with pytest.raises(DomainError, match="not a number"):
            matrix.diagonal()
    assert np.all(net.fisher(p, X, y, kind="empirical") @ np.ones(8) == 0)


def test_what_is_refused() -> None:
    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    p, X, y = net.init(), np.ones((6, 4)), np.zeros(6, dtype=int)
    with pytest.raises(ShapeError, match="43 rows fit"):
        net.hvp(p, X, y, np.ones(42))
    with pytest.raises(NetworkError, match="kind='true' or kind='empirical'"):
        net.fisher(p, X, y, kind="both")
    own = gw.Network("4 -> 3", loss="norm2(a - y)")
    with pytest.raises(UnsupportedError, match="which density"):
        own.fisher(own.init(), X, np.ones((6, 3)), kind="true")
    wide = gw.Network("200 -> 120 -> 3", loss="squared_error")
    with pytest.raises(LimitError, match="24483 rows"):
        wide.hessian(wide.init(), np.ones((2, 200)), np.ones((2, 3))).dense()
    dotted = gw.layer("W*x + W_dot*x", input="vector n", W="matrix m n", W_dot="matrix m n")
    twice = gw.Network([4, dotted(m=3)], loss="squared_error")
    with pytest.raises(NetworkError, match="W and W_dot"):
        twice.hessian(twice.init(), X, np.ones((6, 3)))
    any_map = gw.layer("f(x, theta)", input="vector n", theta="vector k", f="map n k m")
    abstract = gw.Network([4, any_map(k=2, m=3)], loss="norm2(a - y)")
    with pytest.raises(UnsupportedError, match="abstract function f"):
        abstract.hessian(abstract.init(), X, np.ones((6, 3)))
