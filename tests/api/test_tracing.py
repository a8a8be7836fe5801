"""Functions written for NumPy, traced: NumPy itself is the oracle, for values and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, SymbolError, UnsupportedError

SIZES = {"m": 3, "n": 4, "k": 5}

Case = tuple[Callable[..., Any], dict[str, str], str]

CASES: dict[str, Case] = {
    "quadratic form": (
        lambda A, x: x @ A @ x,
        {"A": "matrix n n", "x": "vector n"},
        "x'*A*x",
    ),
    "logistic regression": (
        lambda X, w, y: np.sum(np.log(1 + np.exp(X @ w))) - y @ (X @ w),
        {"X": "matrix m n", "w": "vector n", "y": "vector m"},
        "sum(log(1 + exp(X*w))) - y'*(X*w)",
    ),
    "softmax of rows": (
        lambda X, W: np.exp(X @ W) / np.sum(np.exp(X @ W), axis=1, keepdims=True),
        {"X": "matrix m n", "W": "matrix n k"},
        "exp(X*W)./sum(exp(X*W), axis=1)",
    ),
    "normalised columns": (
        lambda X: X / np.sum(np.square(X), axis=0, keepdims=True),
        {"X": "matrix m n"},
        "X./sum(X.^2, axis=0)",
    ),
    "a vector beside a matrix is a row": (
        lambda X, b: np.mean((X + b) ** 2),
        {"X": "matrix m n", "b": "vector n"},
        "mean((X + b').^2)",
    ),
    "a column": (
        lambda X, b: np.sum(np.tanh(X) * b[:, None]),
        {"X": "matrix m n", "b": "vector m"},
        "sum(tanh(X).*b)",
    ),
    "all differences": (
        lambda x, y: np.sum((x[:, None] - y[None, :]) ** 2),
        {"x": "vector m", "y": "vector n"},
        "sum((x*ones(n)' - ones(m)*y').^2)",
    ),
    "outer product by broadcasting": (
        lambda x, y: x[:, None] * y,
        {"x": "vector m", "y": "vector n"},
        "x*y'",
    ),
    "a column by reshaping": (
        lambda x, y: np.exp(x.reshape(-1, 1)) * y + x.reshape(-1, 1),
        {"x": "vector m", "y": "vector n"},
        "reshape(exp(reshape(x, m, 1)), m)*y' + x",
    ),
    "a matrix of one column beside another": (
        lambda A, x: A / np.reshape(x, (-1, 1)) - x.reshape(1, -1) * A.sum(),
        {"A": "matrix n n", "x": "vector n"},
        "A./x - reshape(reshape(x, 1, n)*sum(A), n)'",
    ),
    "a column of a product beside a row": (
        lambda A, x, y: (A @ x.reshape(-1, 1)) - y,
        {"A": "matrix m n", "x": "vector n", "y": "vector k"},
        "reshape(A*reshape(x, n, 1), m)*ones(k)' - ones(m)*y'",
    ),
    "solve": (
        lambda A, b: np.linalg.norm(np.linalg.solve(A, b)),
        {"A": "matrix n n", "b": "vector n"},
        "norm2(solve(A, b))",
    ),
    "determinant": (
        lambda A: np.linalg.slogdet(A @ A.T)[1] + np.trace(A @ A.T),
        {"A": "matrix m n"},
        "logdet(A*A') + tr(A*A')",
    ),
    "a mixture": (
        lambda x: np.logaddexp(0, x).sum() + np.maximum(x, 0).mean() + 2**x @ x,
        {"x": "vector n"},
        "sum(softplus(x)) + mean(max(x, 0)) + (2.^x)'*x",
    ),
    "sums over the samples": (
        lambda X: np.sum(X, axis=0) @ np.mean(X, axis=0) / X.shape[0],
        {"X": "matrix m n"},
        "sum(X, axis=0)*mean(X, axis=0)'/m",
    ),
    "numbers": (
        lambda a, x: a * x / 3 - 0.5 * x**2 + -1e-3,
        {"a": "scalar", "x": "vector n"},
        "a*x/3 - 0.5*x.^2 + (-0.001)",
    ),
    "einsum": (
        lambda A, B, x: np.einsum("ij,jk,i->k", A, B, x),
        {"A": "matrix m n", "B": "matrix n k", "x": "vector m"},
        "array[l](sum[i,j](A[i,j]*B[j,l]*x[i]))",
    ),
    "einsum to a matrix": (
        lambda A, B: np.einsum("ij,kj", A, B),
        {"A": "matrix m n", "B": "matrix k n"},
        "array[i,l](sum[j](A[i,j]*B[l,j]))",
    ),
    "einsum of a diagonal": (
        lambda A, x: np.einsum("ii,i", A, x),
        {"A": "matrix n n", "x": "vector n"},
        "sum[i](A[i,i]*x[i])",
    ),
    "standardised columns": (
        lambda X: (X - X.mean(axis=0)) / np.std(X, axis=0),
        {"X": "matrix m n"},
        "(X - mean(X, axis=0))./sqrt(mean((X - mean(X, axis=0)).^2, axis=0)')'",
    ),
    "variance": (lambda x: np.var(abs(x)), {"x": "vector n"}, "mean((abs(x) - mean(abs(x))).^2)"),
    "digits near 0": (
        lambda x: np.sum(np.log1p(x * x) + np.expm1(x) + np.log2(2 + x * x)),
        {"x": "vector n"},
        "sum(log1p(x.*x) + expm1(x) + log(2 + x.*x)/log(2))",
    ),
    "clipped": (
        lambda x: np.sum(np.clip(x, -0.5, 0.5) ** 2) + np.inner(x, np.ones_like(x)),
        {"x": "vector n"},
        "sum(min(max(x, -0.5), 0.5).^2) + x'*ones(n)",
    ),
    "power of a matrix": (
        lambda A, x: np.linalg.matrix_power(A, 3) @ x,
        {"A": "matrix n n", "x": "vector n"},
        "A^3*x",
    ),
    "functions of two axes": (
        lambda A, v: np.outer(v, np.diag(A)) + np.diag(v) @ A.T,
        {"A": "matrix n n", "v": "vector n"},
        "v*diag(A)' + diag(v)*A'",
    ),
}


def values_of(declared: dict[str, str]) -> dict[str, Any]:
    generator = np.random.default_rng(11)
    return {
        name: generator.normal(size=[SIZES[size] for size in text.split()[1:]])
        for name, text in declared.items()
    }


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_formula_is_what_the_function_computes(case: Case) -> None:
    function, declared, text = case
    formula = gw.formula(function, **declared)
    assert formula.text == text
    values = values_of(declared)
    found, expected = np.asarray(formula(**values)), np.asarray(function(**values))
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_derivative_is_that_of_the_function(case: Case) -> None:
    """A central difference along a random direction; its error is h² times a third derivative."""
    function, declared, _ = case
    formula = gw.formula(function, **declared)
    values = values_of(declared)
    wrt = sorted(declared)[-1]
    direction = np.random.default_rng(12).normal(size=np.shape(values[wrt]))
    h = 1e-5
    ahead, behind = (function(**{**values, wrt: values[wrt] + s * direction}) for s in (h, -h))
    quotient = (np.asarray(ahead) - np.asarray(behind)) / (2 * h)
    along = formula.jvp(wrt)(**values, tangent=direction)
    assert np.max(np.abs(along - quotient)) <= 1e-6 * max(1.0, float(np.max(np.abs(quotient))))


def test_symbols_made_one_by_one() -> None:
    A, x = gw.matrix("A", "n", "n", "symmetric"), gw.vector("x", "n")
    formula = gw.formula(x @ A @ x)
    assert str(formula.gradient("x")) == "2 A x"
    assert str(gw.formula(gw.scalar("t") * np.sum(np.exp(x))).gradient("x")) == "t exp(x)"


@pytest.mark.parametrize(
    ("function", "error", "fact"),
    [
        (lambda x: x @ np.arange(4), UnsupportedError, r"an array of shape \(4,\) meets a symbol"),
        (lambda x: np.fft.fft(x), UnsupportedError, r"np.fft.*fft is used"),
        (lambda x: np.cbrt(x), UnsupportedError, "np.cbrt is used"),
        (lambda x: x if x else -x, UnsupportedError, "a decision that depends on a symbol"),
        (lambda x: np.asarray(x), UnsupportedError, "turning a symbol into an array"),
        (lambda x: np.where(x > 0, x, 0), UnsupportedError, "a comparison of symbols"),
        (lambda x: 1.0 if x == 0 else x, UnsupportedError, "a comparison of symbols"),
        (lambda x: len(x) * x, UnsupportedError, "len of a symbol"),
        (lambda x: np.einsum("ij,j->i", x, x), ShapeError, "ij names 2 axes, and a vector"),
        (lambda x: np.einsum("i,j->ijk", x, x), UnsupportedError, "np.einsum to 'ijk'"),
        (lambda x: x + "1", SymbolError, "'1' meets a symbol"),
        (lambda x: x * np.inf, SymbolError, "inf meets a symbol"),
        (lambda x: np.sum(x, axis=1), ShapeError, "the sum over axis 1 is asked for"),
        (lambda x: 2 @ x, ShapeError, "@ has a scalar on its left and a vector on its right"),
        (lambda x, y: x + y, SymbolError, "its parameters are x, y and declared are x"),
        (lambda x: None, SymbolError, "None meets a symbol"),
    ],
)
def test_what_is_no_formula_is_refused(
    function: Callable[..., Any], error: type[GradwrightError], fact: str
) -> None:
    with pytest.raises(error, match=fact):
        gw.formula(function, x="vector n")


def test_one_name_has_one_declaration() -> None:
    with pytest.raises(SymbolError, match="one x is declared as vector n and another as vector m"):
        gw.formula(gw.vector("x", "n") @ gw.vector("x", "m"))
