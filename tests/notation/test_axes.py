"""Sums, means and the like over one axis; outer and solve: values, derivatives, errors."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError, ShapeError, SymbolError, UnsupportedError


def softmax(z, axis):
    weights = np.exp(z - z.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


VALUES = [
    ("sum(A, axis=0)", lambda A, x: A.sum(axis=0)),
    ("sum(A, axis=1)", lambda A, x: A.sum(axis=1)),
    ("sum(x, axis=0)", lambda A, x: x.sum()),
    ("sum(x', axis=1)", lambda A, x: x.sum()),
    ("mean(A)", lambda A, x: A.mean()),
    ("mean(A, axis=0)", lambda A, x: A.mean(axis=0)),
    ("mean(A, axis=1)", lambda A, x: A.mean(axis=1)),
    ("mean(x)", lambda A, x: x.mean()),
    ("A - mean(A, axis=0)", lambda A, x: A - A.mean(axis=0)),
    ("A - mean(A, axis=1)", lambda A, x: A - A.mean(axis=1, keepdims=True)),
    ("softmax(A)", lambda A, x: softmax(A, 1)),
    ("softmax(A, axis=1)", lambda A, x: softmax(A, 1)),
    ("softmax(A, axis=0)", lambda A, x: softmax(A, 0)),
    ("logsumexp(A, axis=0)", lambda A, x: np.log(np.exp(A).sum(axis=0))),
    ("logsumexp(A)", lambda A, x: np.log(np.exp(A).sum(axis=1))),
    ("max(x)", lambda A, x: x.max()),
    ("min(x')", lambda A, x: x.min()),
    ("max(A, axis=0)", lambda A, x: A.max(axis=0)),
    ("max(A, axis=1)", lambda A, x: A.max(axis=1)),
    ("min(A, axis=0)", lambda A, x: A.min(axis=0)),
    ("hardmax(A)", lambda A, x: (A.max(axis=1, keepdims=True) == A) * 1.0),
    ("hardmax(A, axis=0)", lambda A, x: (A.max(axis=0) == A) * 1.0),
    ("outer(x, sum(A, axis=0))", lambda A, x: np.outer(x, A.sum(axis=0))),
    ("solve(A*A' + eye(m), A)", lambda A, x: np.linalg.inv(A @ A.T + np.eye(3)) @ A),
    ("solve(A'*A + eye(n), x)", lambda A, x: np.linalg.inv(A.T @ A + np.eye(4)) @ x),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_values_derivatives_and_text(text, expected, rng):
    given = {"A": rng.standard_normal((3, 4)), "x": rng.standard_normal(4)}
    f = gw.formula(text, A="matrix m n", x="vector n")
    used = {name: given[name] for name in f.variables}
    wanted = expected(given["A"], given["x"])
    assert f(**used).shape == np.shape(wanted)
    assert np.allclose(f(**used), wanted, rtol=1e-13, atol=1e-13)
    for name in f.variables:
        derived = f.jacobian(name)
        assert derived.check().ok, f"{text} by {name}: {derived.check()}"
        value = derived.value_and(**used)[0]
        assert np.allclose(value, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "kind", "facts"),
    [
        ("sum(x, axis=1)", ShapeError, ["axis=1", "column of n entries"]),
        ("mean(x', axis=0)", ShapeError, ["axis=0", "row of n entries"]),
        ("sum(a, axis=0)", ShapeError, ["axis=0", "a is a scalar"]),
        ("softmax(A, axis=2)", ShapeError, ["axis=2", "3 rows"]),
        ("logsumexp(A, axis=-1)", ShapeError, ["axis=-1", "3 rows"]),
        ("norm2(A, axis=0)", SymbolError, ["axis", "norm2"]),
        ("sum(A, axis=0) + A*x", ShapeError, ["row", "column"]),
        ("max(A)", ShapeError, ["max of a matrix", "none is named"]),
        ("min(A, A, axis=0)", ShapeError, ["min of two arguments", "an axis is given"]),
        ("hardmax(a)", ShapeError, ["hardmax", "a is a scalar"]),
        ("outer(A, x)", ShapeError, ["outer", "A is a matrix"]),
        ("solve(A, x)", ShapeError, ["3 rows", "n columns"]),
        ("solve(S, x')", ShapeError, ["inv(A)*b", "row"]),
        ("sum(T, axis=3)", ShapeError, ["axis=3", "2 × 3 × n"]),
        ("softmax(T, kink=1)", SymbolError, ["kink", "softmax"]),
        ("sum(kron(A, x), axis=0)", UnsupportedError, ["kron(A, x)"]),
        ("solve(S, A)", ShapeError, ["n columns", "3 rows"]),
    ],
)
def test_errors(text, kind, facts):
    declared = {"A": "matrix 3 n", "x": "vector n", "S": "matrix n n", "a": "scalar"}
    declared["T"] = "tensor 2 3 n"
    with pytest.raises(kind) as caught:
        gw.formula(text, **declared)
    for fact in facts:
        assert fact in caught.value.clash
    assert caught.value.instead and caught.value.span is not None


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp", "softmax"])
def test_axes_of_a_tensor(name, axis, rng):
    tensor = rng.standard_normal((2, 3, 4))
    expected = {
        "sum": lambda: tensor.sum(axis=axis),
        "mean": lambda: tensor.mean(axis=axis),
        "logsumexp": lambda: np.log(np.exp(tensor).sum(axis=axis)),
        "softmax": lambda: softmax(tensor, axis),
    }[name]()
    f = gw.formula(f"{name}(T, axis={axis})", T="tensor b n d")
    assert np.allclose(f(T=tensor), expected, rtol=1e-13)
    derived = f.jacobian("T")
    assert derived(T=tensor).shape == (*expected.shape, 2, 3, 4)
    assert np.allclose(derived.value_and(T=tensor)[0], expected, rtol=1e-13)
    total = gw.gradient(f"sum(({name}(T, axis={axis})).^2)", "T", T="tensor b n d")
    assert total.check().ok


def test_solving_with_a_singular_matrix():
    f = gw.formula("solve(S, x)", S="matrix n n", x="vector n")
    with pytest.raises(DomainError):
        f(S=np.zeros((2, 2)), x=np.ones(2))


def test_ties_of_the_largest_entry_are_split_equally():
    x = np.array([1.0, 3.0, 3.0, 3.0])
    assert np.allclose(gw.gradient("max(x)", "x")(x=x), [0, 1 / 3, 1 / 3, 1 / 3])
    assert np.allclose(gw.gradient("min(x)", "x")(x=-x), [0, 1 / 3, 1 / 3, 1 / 3])
    assert gw.gradient("max(x)", "x").assumptions == (
        "at a tie of max(x) the derivative is split equally",
    )
