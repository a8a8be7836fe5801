"""Embeddings: against one-hot columns and complex steps through a forward pass written here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, LimitError, NetworkError, UnsupportedError
from gradwright.nn.loss_formula import loss_formula
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

Array = Any

#: Columns of codes: (categories, width); the other columns of five are numbers.
TABLES = {3: (7, 2), 1: (4, 3)}


def samples(rng: np.random.Generator, count: int = 9) -> Array:
    X = rng.standard_normal((count, 5))
    for column, (categories, _) in TABLES.items():
        X[:, column] = rng.integers(categories, size=count)
    return X


def by_hand(flat: Array, X: Array, Y: Array, hidden: int) -> Any:
    """The loss of [embedding, tanh, linear] with squared errors, real or complex."""
    start = 0

    def taken(*shape: int) -> Array:
        nonlocal start
        found = flat[start : start + int(np.prod(shape))].reshape(shape)
        start += found.size
        return found

    rows = [taken(*shape)[X[:, column].astype(int)] for column, shape in TABLES.items()]
    A = np.concatenate([X[:, [0, 2, 4]], *rows], axis=1)
    W, b, V, c = taken(8, hidden), taken(hidden), taken(hidden, 2), taken(2)
    residuals = np.tanh(A @ W + b) @ V + c - Y
    return np.sum(residuals**2) / len(X)


def network(hidden: int = 6) -> gw.Network:
    return gw.Network([gw.embedding(5, TABLES), f"{hidden} tanh", "2"], loss="squared_error")


@pytest.mark.parametrize("count", [1, 9])
def test_gradients_are_those_of_complex_steps(count: int, rng: np.random.Generator) -> None:
    net, X, Y = network(), samples(rng, count), rng.standard_normal((count, 2))
    p = net.init(seed=2)
    value, gradient = net.value_and_gradient(p, X, Y)
    assert value == pytest.approx(by_hand(p.flat, X, Y, 6), rel=1e-12)
    steps = p.flat + 1e-30j * np.eye(p.flat.size)
    expected = np.array([by_hand(moved, X, Y, 6).imag / 1e-30 for moved in steps])
    scale = 1e-12 * (1 + np.max(np.abs(expected)))
    np.testing.assert_allclose(gradient.flat, expected, rtol=0, atol=scale)
    # Rows that no sample has do not move; the comparison sees codes that are exchanged.
    unused = sorted(set(range(7)) - set(X[:, 3].astype(int)))
    assert np.all(gradient["E1"][unused] == 0)
    wrong = X.copy()
    wrong[:, 3] = 6 - X[:, 3]
    other = net.gradient(p, wrong, Y).flat
    assert np.all(X[:, 3] == 3) or np.max(np.abs(other - expected)) > scale


@compiles
@pytest.mark.parametrize("hidden", [6, 50])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_code_agrees(hidden: int, dtype: str, rng: np.random.Generator) -> None:
    """Narrow layers have the samples innermost, wide ones the units."""
    net, X, Y = network(hidden), samples(rng), rng.standard_normal((9, 2))
    p = net.init(seed=2)
    value, gradient = net.value_and_gradient(p, X, Y)
    arrays = [np.ascontiguousarray(array, dtype) for array in (p.flat, X, Y)]
    code = net.model.compiled(dtype)
    found_value, found = code.value_and_gradient(*arrays)
    near = 1e-12 if dtype == "float64" else 1e-4
    assert found_value == pytest.approx(value, rel=near)
    np.testing.assert_allclose(found, gradient.flat, atol=near * (1 + np.abs(gradient.flat).max()))
    predicted = code.predict(*arrays[:2])
    np.testing.assert_allclose(predicted, net.predict(p, X), atol=near * 10)


def test_it_is_a_dense_layer_on_one_column_for_each_category(rng: np.random.Generator) -> None:
    net, X, Y = network(), samples(rng), rng.standard_normal((9, 2))
    onehot = [np.eye(count)[X[:, column].astype(int)] for column, (count, _) in TABLES.items()]
    wide = np.concatenate([X[:, [0, 2, 4]], *onehot], axis=1)
    dense = gw.layer(
        "concat(x[1:3], E'*x[4:10], F'*x[11:14])",
        input="vector 14",
        E="matrix 7 2",
        F="matrix 4 3",
    )
    other = gw.Network([dense, "6 tanh", "2"], loss="squared_error")
    one = net.gradient(net.init(seed=4), X, Y).flat
    two = other.gradient(other.init(seed=4), wide, Y).flat
    np.testing.assert_allclose(one, two, atol=1e-13 * (1 + np.abs(two).max()))


def test_the_way_back_adds_up_at_the_chosen_rows() -> None:
    text = network().backprop().explain()
    assert "∂L/∂E₁ = onehot(T₁)ᵀ δA₁[:,4:5]" in text
    assert "T₁ are the codes in column 3 of X" in text


def test_the_check_of_every_gradient() -> None:
    report = network().backprop().check()
    assert report.ok
    assert {"E1", "F1"} <= {block.name for block in report.blocks}


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_training(target: str, rng: np.random.Generator) -> None:
    """A table alone learns the mean of each category, weights of samples with it."""
    codes = np.array([0, 0, 1, 2, 2, 2])
    y, w = rng.standard_normal((6, 2)), np.array([1.0, 3, 1, 2, 1, 1])
    net = gw.Network([gw.embedding(1, {0: (4, 2)})], loss="squared_error")
    start = net.init(seed=1)
    run = gw.train(
        net,
        codes[:, None],
        y,
        params=start,
        epochs=400,
        batch_size=6,
        learning_rate=0.5,
        sample_weight=w,
        target=target,
    )
    means = [np.average(y[codes == k], axis=0, weights=w[codes == k]) for k in range(3)]
    np.testing.assert_allclose(run.params["E1"][:3], means, atol=1e-9)
    np.testing.assert_array_equal(run.params["E1"][3], start["E1"][3])


@pytest.mark.parametrize("wrong", [2.99999999, -1e-50, 6.9999999999999])
def test_rounding_makes_no_code(wrong: float, rng: np.random.Generator) -> None:
    net, X = network(), samples(rng)
    X[4, 3] = wrong
    for dtype in ("float32", "float64"):
        with pytest.raises(DataError, match=rf"X\[4, 3\] is {wrong} and column 3"):
            net.predict(net.init(dtype=dtype), X)


def test_sizes_may_be_numbers_of_numpy() -> None:
    five, seven = np.int64(5), np.int64(7)
    assert repr(gw.embedding(five, {np.int32(1): (seven, 2)})) == repr(gw.embedding(5, {1: (7, 2)}))


@pytest.mark.parametrize("wrong", [7.0, -1.0, 2.5, 1e30])
def test_what_is_no_code(wrong: float, rng: np.random.Generator) -> None:
    net, X, Y = network(), samples(rng), rng.standard_normal((9, 2))
    p = net.init()
    X[4, 3] = wrong
    for asked in (
        lambda: net.predict(p, X),
        lambda: net.loss(p, X, Y),
        lambda: gw.train(net, X, Y),
    ):
        with pytest.raises(DataError, match=r"X\[4, 3\] is .* whole numbers from 0 to 6"):
            asked()
    with pytest.raises(ValueError, match="column 3 of X has whole numbers from 0 to 6"):
        net.model.module.predict(p.flat, X)


@compiles
def test_a_wrong_code_is_no_number_in_c(rng: np.random.Generator) -> None:
    net, X = network(), samples(rng)
    p = net.init()
    X[4, 3] = 1e30
    predicted = net.model.compiled("float64").predict(p.flat, X)
    assert np.all(np.isnan(predicted[4]))
    assert np.all(np.isfinite(np.delete(predicted, 4, axis=0)))


@pytest.mark.parametrize(
    ("inputs", "tables"),
    [
        (5, {}),
        (5, {5: (7, 2)}),
        (5, {-1: (7, 2)}),
        (5, {True: (7, 2)}),
        (5, {1: 7}),
        (5, {1: (7, 0)}),
        (5, {1: (7.0, 2)}),
        (5, {1: (2**24 + 1, 2)}),
        (0, {0: (7, 2)}),
        ("5", {0: (7, 2)}),
        (5, [(7, 2)]),
        (5, None),
    ],
)
def test_what_is_no_embedding(inputs: Any, tables: Any) -> None:
    with pytest.raises(NetworkError):
        gw.embedding(inputs, tables)


def test_a_trace_has_the_codes_and_the_numbers_of_the_code(rng: np.random.Generator) -> None:
    net, X, Y = network(), samples(rng, 3), rng.standard_normal((3, 2))
    p = net.init(seed=3)
    trace = net.backprop().trace(p, X, Y, learning_rate=0.25)
    gradient = net.gradient(p, X, Y)
    for name in p.names():
        found = trace.values[f"δ{name}"]
        np.testing.assert_allclose(found, gradient[name], rtol=1e-9, atol=1e-12)
        step = p[name] - 0.25 * found
        np.testing.assert_allclose(trace.updated[name], step, rtol=1e-12, atol=1e-14)
    first, *_ = net.traced(p, X, Y)
    rows = [p[f"{table}1"][first.inputs[f"{code}1"]] for table, code in ("ET", "FU")]
    np.testing.assert_array_equal(first.value, np.concatenate([X[:, [0, 2, 4]], *rows], axis=1))
    for code, column in (("T1", 3), ("U1", 1)):
        np.testing.assert_array_equal(first.inputs[code], X[:, column])
    assert "gather(E₁, T₁)" in str(trace)
    assert "onehot⎜[ " in str(trace)
    assert r"\operatorname{gather}" in trace.latex()
    with pytest.raises(DataError, match="column 3"):
        net.traced(p, X + 0.5, Y)


def test_what_embeddings_are_not_for(rng: np.random.Generator) -> None:
    net, X, Y = network(), samples(rng), rng.standard_normal((9, 2))
    p = net.init()
    with pytest.raises(LimitError, match="tables"):
        gw.embedding(12, dict.fromkeys(range(10), (3, 2)))
    with pytest.raises(NetworkError, match="put the embedding first"):
        gw.Network([4, "5 tanh", gw.embedding(5, TABLES), "2"], loss="squared_error")
    with pytest.raises(NetworkError, match="in front of the block"):
        gw.residual(gw.embedding(5, TABLES))
    for asked in (
        lambda: net.hessian(p, X, Y),
        lambda: net.jacobian(p, X),
        lambda: gw.flow(net, p),
        lambda: gw.flow(net, p, X, Y),
        lambda: net.layer_jacobians(p, X[0]),
        lambda: gw.train(net, X, Y, optimizer="levenberg_marquardt"),
    ):
        with pytest.raises(UnsupportedError, match="codes"):
            asked()
    assert loss_formula("norm2(a - y)").batch  # losses by formula stand behind it as well
    by_formula = gw.Network([gw.embedding(5, TABLES), "2"], loss="norm2(a - y)")
    assert np.isfinite(by_formula.loss(by_formula.init(), X, Y))


@pytest.mark.parametrize("tables", [{2: (3, 2)}, {4: (7, 2), 0: (5, 1)}])
def test_an_embedding_prints_as_its_call(tables: dict[int, tuple[int, int]]) -> None:
    assert repr(gw.embedding(5, tables)) == f"embedding(5, {tables})"
