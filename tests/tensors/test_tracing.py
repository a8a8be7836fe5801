"""NumPy code on arrays of any order, traced: NumPy itself is the oracle for values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, UnsupportedError

SIZES = {"b": 2, "n": 3, "d": 4, "m": 5, "k": 6, "v": 7}
T, K, A, W, E = "tensor b n d", "tensor b m d", "matrix m n", "matrix d k", "matrix v d"
GRID = {"A": A, "B": "matrix m k", "C": "matrix d n", "D": "matrix d k"}

#: What is computed, its symbols, and the formula.
CASES: list[tuple[Callable[..., Any], dict[str, str], str]] = [
    (lambda T: np.sum(np.tanh(T) ** 2), {"T": T}, "sum(tanh(T).^2)"),
    (lambda T: T[1], {"T": T}, "T[2,:]"),
    (lambda T: T[:, 1:, 0], {"T": T}, "T[:,2:,1]"),
    (lambda T: T[..., -1], {"T": T}, "sum(T[:,:,d:d], axis=2)"),
    (lambda T: T.T[2, 1], {"T": T}, "array[k,j,i](T[i,j,k])[3,2,:]"),
    (lambda x: x[1:] - x[:-1], {"x": "vector n"}, "x[2:] - x[:n-1]"),
    (lambda x: x[-1] * x[0], {"x": "vector n"}, "sum(x[n:n])*x[1]"),
    (lambda A: A[0] @ A[-1], {"A": A}, "A[1,:]*sum(A[m:m], axis=0)'"),
    (lambda A: A[1:3, 2], {"A": A}, "A[2:3,3]"),
    (lambda A: A[1, 2] + A[4:, 0], {"A": A}, "A[2,3] + A[5:,1]"),
    (lambda A: A[: A.shape[0] - 1], {"A": A}, "A[:m-1]"),
    (lambda T, W: T @ W, {"T": T, "W": W}, "array[i,j,p](sum[l](T[i,j,l]*W[l,p]))"),
    (lambda T, w: T @ w, {"T": T, "w": "vector d"}, "array[i,j](sum[k](T[i,j,k]*w[k]))"),
    (
        lambda Q, K: Q @ K.transpose(0, 2, 1),
        {"Q": T, "K": K},
        "array[i,j,l](sum[k](Q[i,j,k]*array[i,k,j](K[i,j,k])[i,k,l]))",
    ),
    (lambda T, w: T + w, {"T": T, "w": "vector d"}, "array[i,j,k](T[i,j,k] + w[k])"),
    (
        lambda T, S: np.maximum(T, S) * S / 2,
        {"T": T, "S": T},
        "(max(T, S).*S)/2",
    ),
    (
        lambda T: T - T.mean(axis=2, keepdims=True),
        {"T": T},
        "array[i,j,k](T[i,j,k] - reshape(mean(T, axis=2), b, n, 1)[i,j,1])",
    ),
    (lambda T: np.sum(T**3, axis=(0, 2)), {"T": T}, "sum(sum(T.^3, axis=2), axis=0)'"),
    (lambda T: np.einsum("bnd->dbn", T), {"T": T}, "array[k,i,j](T[i,j,k])"),
    (
        lambda T, W: np.einsum("ijl,lp->ijp", T, W),
        {"T": T, "W": W},
        "array[i,j,p](sum[l](T[i,j,l]*W[l,p]))",
    ),
    (
        lambda T: np.transpose(T, (2, 0, 1)).reshape(T.shape[2], -1),
        {"T": T},
        "reshape(array[k,i,j](T[i,j,k]), d, b*n)",
    ),
    (lambda T: np.swapaxes(T, 0, 1).ravel(), {"T": T}, "reshape(array[j,i,k](T[i,j,k]), b*d*n)"),
    (lambda T: np.moveaxis(T, 0, -1), {"T": T}, "array[j,k,i](T[i,j,k])"),
    (
        lambda A, B: np.concatenate([A, np.sin(B)]),
        {"A": A, "B": "matrix k n"},
        "concat(A, sin(B))",
    ),
    (lambda T, S: np.concatenate((T, S), axis=1), {"T": T, "S": K}, "concat(T, S, axis=1)"),
    (lambda x, y: np.vstack([x, y]), {"x": "vector n", "y": "vector n"}, "[x'; y']"),
    (lambda x, y: np.stack([x, y], axis=1), {"x": "vector n", "y": "vector n"}, "[x, y]"),
    (lambda A, B, C, D: np.block([[A, B], [C, D]]), GRID, "[A, B; C, D]"),
    (lambda E, t: np.take(E, t, axis=0), {"E": E, "t": "indices n v"}, "gather(E, t)"),
    (lambda E, t: E[t].sum(axis=0), {"E": E, "t": "indices b n v"}, "sum(gather(E, t), axis=0)"),
]


def values_of(symbols: dict[str, str], rng: np.random.Generator) -> dict[str, Any]:
    found = {}
    for name, text in symbols.items():
        sizes = [SIZES.get(size) or int(size) for size in text.split()[1:]]
        whole = text.startswith("indices")
        found[name] = rng.integers(sizes[-1], size=sizes[:-1]) if whole else rng.normal(size=sizes)
    return found


@pytest.mark.parametrize(("function", "symbols", "text"), CASES, ids=[case[2] for case in CASES])
def test_the_formula_is_what_the_function_computes(function, symbols, text, rng):
    formula = gw.formula(function, **symbols)
    assert formula.text == text
    values = values_of(symbols, rng)
    found, expected = np.asarray(formula(**values)), np.asarray(function(**values))
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("function", "symbols", "text"), CASES, ids=[case[2] for case in CASES])
def test_the_derivative_is_that_of_the_function(function, symbols, text, rng):
    """The function itself on complex numbers; where it has a maximum, real parts decide."""
    formula, values = gw.formula(function, **symbols), values_of(symbols, rng)
    wrt = next(iter(symbols))
    tangent = rng.normal(size=values[wrt].shape)
    ahead = dict(values)
    ahead[wrt] = values[wrt] + 1e-30j * tangent
    expected = np.asarray(function(**ahead)).imag / 1e-30
    found = formula.jvp(wrt)(**values, tangent=tangent)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


PLACES = [
    (lambda x: x[-2] ** 2, {"x": "vector n"}, "x[n-1]^2"),
    (lambda x: np.sum(x[-100:] ** 2), {"x": "vector 5"}, "sum(x.^2)"),
    (lambda x: np.sum(x[-2:100] ** 2), {"x": "vector 5"}, "sum(x[4:].^2)"),
    (
        lambda x, y: np.concatenate([x, y])[x.shape[0]] * y[0],
        {"x": "vector n", "y": "vector m"},
        "concat(x, y)[n+1]*y[1]",
    ),
    (lambda A: A[-2, -3] * A[1, 0], {"A": "matrix m n"}, "A[m-1,n-2]*A[2,1]"),
    (lambda A: A[-2] @ A[0], {"A": "matrix m n"}, "A[m-1,:]*A[1,:]'"),
    (lambda T: np.sum(T[-2, :, -2] ** 2), {"T": "tensor b n d"}, "sum(T[b-1,:,d-1].^2)"),
]


@pytest.mark.parametrize(("function", "symbols", "text"), PLACES, ids=[row[2] for row in PLACES])
def test_places_from_the_end_and_behind_a_named_size(function, symbols, text, rng):
    formula, values = gw.formula(function, **symbols), values_of(symbols, rng)
    assert formula.text == text
    assert np.allclose(formula(**values), function(**values), rtol=1e-14)
    assert formula.gradient(next(iter(symbols))).check().ok


def test_symbols_made_one_by_one():
    made = gw.tensor("T", "b", "n", "d")
    assert gw.formula(np.sum(made[0] ** 2)).gradient("T").check().ok
    assert [str(size) for size in made.shape] == ["<scalar b>", "<scalar n>", "<scalar d>"]


@pytest.mark.parametrize(
    ("function", "error", "facts"),
    [
        (lambda T, A, x, t: T + A, ShapeError, ("(b, n, d)", "(m, n)", "n is not m")),
        (lambda T, A, x, t: T @ A, ShapeError, ("(b, n, d)", "d is not m")),
        (lambda T, A, x, t: x + t, UnsupportedError, ("t holds indices",)),
        (lambda T, A, x, t: t @ A, UnsupportedError, ("t holds indices",)),
        (lambda T, A, x, t: x[::2], UnsupportedError, ("x is cut with step 2",)),
        (lambda T, A, x, t: x[5:2], ShapeError, ("the places 5 to 2 of x",)),
        (lambda T, A, x, t: x[1, 2], ShapeError, ("2 places are given", "x has 1 axes")),
        (lambda T, A, x, t: x["a"], UnsupportedError, ("x is indexed by a str",)),
        (lambda T, A, x, t: x.reshape(2, 3), ShapeError, ("x has n entries", "has 6")),
        (lambda T, A, x, t: T.reshape(T.shape[0], 7, -1), UnsupportedError, ("-1 stands for",)),
        (lambda T, A, x, t: np.concatenate([x, A]), ShapeError, ("a vector and a matrix",)),
        (lambda T, A, x, t: np.concatenate([A, A.T]), ShapeError, ("('n',) and ('m',)",)),
        (lambda T, A, x, t: np.take(A, x, axis=0), UnsupportedError, ("does not hold indices",)),
        (lambda T, A, x, t: np.transpose(T, (0, 0, 1)), ShapeError, ("axes (0, 0, 1)",)),
        (lambda T, A, x, t: np.sum(T, axis=3), ShapeError, ("axis 3", "a value with 3 axes")),
        (lambda T, A, x, t: np.where(T > 0, T, 0), UnsupportedError, ("a comparison of symbols",)),
        (lambda T, A, x, t: np.trace(A @ A.T, 1), UnsupportedError, ("np.trace with 2 arguments",)),
        (lambda T, A, x, t: np.trace(A @ A.T, offset=1), UnsupportedError, ("with offset",)),
        (lambda T, A, x, t: np.outer(A, A), UnsupportedError, ("np.outer of a matrix",)),
        (lambda T, A, x, t: np.dot(T, T), UnsupportedError, ("more than two axes",)),
        (lambda T, A, x, t: np.block([[x], [x]]), UnsupportedError, ("rows of matrices",)),
        (lambda T, A, x, t: np.block([A, A]), UnsupportedError, ("rows of matrices",)),
        (lambda T, A, x, t: np.concatenate([A, A], axis=5), ShapeError, ("axis 5",)),
        (lambda T, A, x, t: np.sum(T, axis=(0, 0)), ShapeError, ("one of them twice",)),
        (lambda T, A, x, t: np.var(x, dtype=float), UnsupportedError, ("np.var with dtype",)),
    ],
)
def test_what_is_no_formula_is_refused(function, error, facts):
    with pytest.raises(GradwrightError) as caught:
        gw.formula(function, T=T, A=A, x="vector n", t="indices n m")
    assert isinstance(caught.value, error)
    for fact in facts:
        assert fact in caught.value.clash
