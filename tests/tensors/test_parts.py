"""Parts of arrays, arrays behind each other, arrays in other shapes."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.sizes import Lengths, minus, names_in, plus, times
from gradwright.errors import GradwrightError, NotationError, ShapeError, SymbolError
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.ranges import Range
from gradwright.notation.tree import Part, Symbol
from gradwright.render.plain import plain_text

#: A formula, its symbols, and NumPy for the same; m, n, k, h, d = 4, 5, 3, 2, 3.
LENGTHS = Lengths({"m": 4, "n": 5, "k": 3, "h": 2, "d": 3, "b": 2})
ROWS = [
    ("x[2:4]", {"x": "vector n"}, lambda x: x[1:4]),
    ("sum((x[2:n] - x[1:n-1]).^2)", {"x": "vector n"}, lambda x: np.sum(np.diff(x) ** 2)),
    ("x[:n-2]'*x[3:]", {"x": "vector n"}, lambda x: x[:3] @ x[2:]),
    ("A[2:m,:]*x", {"A": "matrix m n", "x": "vector n"}, lambda A, x: A[1:] @ x),
    ("A[:,2]", {"A": "matrix m n"}, lambda A: A[:, 1]),
    ("A[2,:]*x", {"A": "matrix m n", "x": "vector n"}, lambda A, x: A[1] @ x),
    ("exp(A)[2:3,1:2]", {"A": "matrix m n"}, lambda A: np.exp(A)[1:3, :2]),
    ("(A*x)[2:m]", {"A": "matrix m n", "x": "vector n"}, lambda A, x: (A @ x)[1:]),
    ("sum(T[:,2:m,1].^3)", {"T": "tensor n m k"}, lambda T: np.sum(T[:, 1:, 0] ** 3)),
    ("sum(tanh(T[2:3]))", {"T": "tensor n m k"}, lambda T: np.sum(np.tanh(T[1:3]))),
    ("x[n-1]^2*x[1]", {"x": "vector n"}, lambda x: x[-2] ** 2 * x[0]),
    ("concat(x, y)[m+1]^2", {"x": "vector m", "y": "vector n"}, lambda x, y: y[0] ** 2),
    ("x[n-2]*y[n-2]", {"x": "vector m", "y": "vector n"}, lambda x, y: x[2] * y[2]),
    ("exp(A)[m-1,2*m-4]", {"A": "matrix m n"}, lambda A: np.exp(A[2, 3])),
    ("A[m-1,:]*v", {"A": "matrix m n", "v": "vector n"}, lambda A, v: A[-2] @ v),
    ("A[:,n-2]", {"A": "matrix m n"}, lambda A: A[:, -3]),
    ("sum[j](A[m-2,j]^2*v[j])", {"A": "matrix m n", "v": "vector n"}, lambda A, v: A[1] ** 2 @ v),
    ("sum(T[n-3,:,k-1].^3)", {"T": "tensor n m k"}, lambda T: np.sum(T[1, :, 1] ** 3)),
    (
        "tanh(W*concat(x, y))",
        {"W": "matrix k m+n", "x": "vector m", "y": "vector n"},
        lambda W, x, y: np.tanh(W @ np.concatenate([x, y])),
    ),
    (
        "sum(concat(A, B).^2) + norm2(concat(x, x, 2*x))",
        {"A": "matrix m n", "B": "matrix k n", "x": "vector n"},
        lambda A, B, x: np.sum(np.vstack([A, B]) ** 2) + np.sqrt(6) * np.linalg.norm(x),
    ),
    (
        "concat(A, C, axis=1)*z",
        {"A": "matrix m n", "C": "matrix m k", "z": "vector k+n"},
        lambda A, C, z: np.hstack([A, C]) @ z,
    ),
    (
        "concat(x', y')*z",
        {"x": "vector m", "y": "vector n", "z": "vector m+n"},
        lambda x, y, z: np.concatenate([x, y]) @ z,
    ),
    (
        "sum(sum(reshape(X, n, h, d).^3, axis=2).^2)",
        {"X": "matrix n h*d"},
        lambda X: np.sum(np.sum(X.reshape(5, 2, 3) ** 3, axis=2) ** 2),
    ),
    ("reshape(x, n, 1)", {"x": "vector n"}, lambda x: x.reshape(-1, 1)),
    (
        "reshape(sin(x), 1, n)*A'",
        {"x": "vector n", "A": "matrix m n"},
        lambda x, A: np.sin(x)[None] @ A.T,
    ),
    ("reshape(A, m*n)", {"A": "matrix m n"}, lambda A: A.reshape(-1)),
    (
        "sum(reshape(T, b, m*k)*y)",
        {"T": "tensor b m k", "y": "vector m*k"},
        lambda T, y: np.sum(T.reshape(2, -1) @ y),
    ),
    ("T[1,:,:]", {"T": "tensor m n k"}, lambda T: T[0]),
    ("tanh(T[:,2:n])[1,:]", {"T": "tensor m n k"}, lambda T: np.tanh(T[0, 1:])),
    ("T[1,2,:]", {"T": "tensor m n k"}, lambda T: T[0, 1]),
    ("concat(x, y)[2:m+1]", {"x": "vector m", "y": "vector n"}, lambda x, y: [*x[1:], y[0]]),
]


def _point(symbols, rng):
    shapes = {name: declare(name, text).sizes for name, text in symbols.items()}
    return {
        name: rng.uniform(0.3, 1.2, [LENGTHS.length(size) for size in sizes])
        for name, sizes in shapes.items()
    }


@pytest.mark.parametrize(("text", "symbols", "numpy"), ROWS, ids=[row[0] for row in ROWS])
def test_values_and_derivatives(text, symbols, numpy, rng):
    formula = gw.formula(text, **symbols)
    point = _point(symbols, rng)
    expected = numpy(**point)
    free = {n: LENGTHS[n] for n in "hd"} if "reshape(X" in text else {}
    assert np.allclose(formula(**point, **free), expected, rtol=1e-12)
    for name in symbols:
        jacobian = formula.jacobian(name)
        report = jacobian.check(seed=int(rng.integers(2**31)))
        assert report.ok, report
        sizes = {size: LENGTHS[size] for size in jacobian.free_sizes}
        value, _ = jacobian.value_and(**point, **sizes)
        assert np.allclose(value, expected, rtol=1e-12)
        for kind in (formula.vjp, formula.jvp):
            report = kind(name).check(seed=int(rng.integers(2**31)))
            assert report.ok, report
        if formula.scope.shape.kind == "scalar":
            assert formula.hessian(name).check(seed=int(rng.integers(2**31))).ok


def test_what_is_printed():
    assert str(gw.gradient("sum(x[2:n].^2)", "x", x="vector n")) == "2 eye(n)[2:n]ᵀ x[2:n]"
    d = gw.formula("concat(A, B)*x", A="matrix m n", B="matrix k n", x="vector n").vjp("B")
    assert str(d) == "cotangent[m+1:k+m] xᵀ"


def test_code_moves_entries_and_multiplies_by_none():
    symbols = {"W": "matrix k m+n", "x": "vector m", "y": "vector n"}
    source = gw.formula("tanh(W*concat(x, y))", **symbols).vjp("y").source()
    assert "np.concatenate([x, y])" in source and "W[:, m:m + n]" in source
    assert "indicator" not in source and "padded" not in source
    source = gw.formula("reshape(X, n, h, d)", X="matrix n h*d").vjp("X").source()
    assert "cotangent.reshape(n, d * h)" in source and "indicator" not in source


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("x[2:4]", (Range(2, 4),)),
        ("x[:]", (Range(),)),
        ("x[k+1:2*n-1,:,3]", (Range("k+1", "2*n-1"), Range(), 3)),
        ("x[n - 1:n]", (Range("n-1", "n"),)),
    ],
)
def test_reading(text, places):
    assert parse(text) == Part(Symbol("x"), places)


@pytest.mark.parametrize(
    ("text", "error", "fact"),
    [
        ("x[3:2]", ShapeError, "place 3 where places end with 2"),
        ("F[2:4,:]", ShapeError, "place 4 where places end with 3"),
        ("x[n+1]", ShapeError, "place n+1 where places end with n"),
        ("x[q+1]", SymbolError, "q is no size of a symbol"),
        ("sum[i](x[i+1]*x[i])", SymbolError, "i is an index here"),
        ("y[i] = x[i+1]", SymbolError, "i is an index here"),
        ("sum[i](sum(x[i:i])*x[i])", SymbolError, "i is an index here"),
        ("δ[n+1,1]", NotationError, "n+1 stands where an index is read"),
        ("F[0:2]", NotationError, "0 stands where an index is read"),
        ("x[1:2,1:2]", ShapeError, "2 places are given"),
        ("A[i,1:2]", NotationError, "the index i stands beside a range"),
        ("sum[i:2](x[i])", NotationError, "i:2 stands where an index is read"),
        ("concat(x, A)", ShapeError, "x is a column"),
        ("concat(A, F)", ShapeError, "places along axis 1"),
        ("concat(A, A, axis=2)", ShapeError, "axis=2"),
        ("concat(x, 2)", ShapeError, "2 is a scalar"),
        ("concat(u, x)", ShapeError, "the sizes of u are not known"),
        ("reshape(A, m, m)", ShapeError, "m*n entries"),
        ("reshape(A)", ShapeError, "its new sizes"),
        ("a[1:2]", ShapeError, "a is a scalar"),
    ],
)
def test_errors(text, error, fact):
    given = {"x": "vector n", "A": "matrix m n", "F": "matrix 3 7", "a": "scalar"}
    with pytest.raises(GradwrightError) as caught:
        gw.formula(text, **given)
    assert isinstance(caught.value, error)
    assert fact in caught.value.clash


def test_places_that_values_do_not_have():
    for text in ("sum(x[3:n])", "x[n-2]", "sum(x[n-99:n])"):
        formula = gw.formula(text, x="vector n")
        for call in (formula, formula.gradient("x")):
            with pytest.raises(ShapeError):
                call(x=np.ones(2))


@pytest.mark.parametrize("text", ["x[n-1]^2", "A[m-1,n-2]^2", "A[m-1,:]*x", "x[2:n][n-2]"])
def test_places_made_of_sizes_read_back(text):
    symbols = {"x": "vector n", "A": "matrix m n"}
    formula = gw.formula(text, **symbols)
    assert plain_text(formula.tree) == text
    derived = formula.gradient("A" if "A" in text else "x")
    for shown in (derived.text(), str(derived), derived.latex()):
        again = gw.formula(shown, **symbols)
        assert gw.equal(again.text, derived.text(), **symbols)


def test_sizes_are_polynomials():
    assert plus("n", "m") == "m+n" and minus(plus("n", 1), "n") == 1
    assert times(plus("m", "n"), "k", 2) == "2*k*m+2*k*n"
    assert minus(1, "n") == "1-n" and plus("n", minus("m", "n")) == "m"
    assert plus(times("h", "d"), -1, 3) == "d*h+2"
    assert names_in(["m+n", 3, None, "2*h*d-1"]) == {"m", "n", "h", "d"}
    assert Lengths(h=2, d=3)["2*d*h-1"] == 11
    assert declare("x", "vector n+m") == declare("x", "vector m+n")
