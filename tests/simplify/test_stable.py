"""What people write out, at values where it overflows or cancels, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError

DIGITS = 700
EPS = float(np.finfo(float).eps)

mp: Any = mpmath.mp


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


TAILS = (1e3, -1e3, 40.0, -40.0, 0.7, -0.7, 1e-18, -1e-18)
MIDDLE = (1e3, -1e3, 0.7, -0.7, 1e-18, -1e-18)
SMALL = (1e-18, -1e-18, 1e-9, 0.3, -0.3)

#: Text in a scalar x, the same for mpmath, points, and what the code says of it.
SCALARS: list[tuple[str, Callable[[Any], Any], tuple[float, ...], str]] = [
    ("log(1 + exp(x))", lambda x: mp.log(1 + mp.exp(x)), TAILS, "softplus(x)"),
    ("log(exp(x) + 1)", lambda x: mp.log(1 + mp.exp(x)), TAILS, "softplus(x)"),
    ("1/(1 + exp(-x))", sigmoid, TAILS, "sigmoid(x)"),
    ("exp(x)/(1 + exp(x))", sigmoid, TAILS, "sigmoid"),
    ("log(1/(1 + exp(-x)))", lambda x: mp.log(sigmoid(x)), TAILS, "-softplus(-x)"),
    ("log(sigmoid(x))", lambda x: mp.log(sigmoid(x)), TAILS, "-softplus(-x)"),
    ("log(1 - sigmoid(x))", lambda x: mp.log(1 - sigmoid(x)), TAILS, "-softplus(x)"),
    ("1 - sigmoid(x)", lambda x: 1 - sigmoid(x), TAILS, ""),
    ("(1 + tanh(x/2))/2", sigmoid, TAILS, "sigmoid(x)"),
    ("0.5 + 0.5*tanh(0.5*x)", sigmoid, TAILS, "sigmoid(x)"),
    ("0.5*(1 - tanh(x/2))", lambda x: sigmoid(-x), TAILS, "sigmoid(-x)"),
    ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", mp.tanh, MIDDLE, "tanh(x)"),
    ("(1 - exp(-2*x))/(1 + exp(-2*x))", mp.tanh, MIDDLE, "tanh(x)"),
    ("(exp(2*x) - 1)/(exp(2*x) + 1)", mp.tanh, MIDDLE, "tanh(x)"),
    ("log(exp(x) + exp(3*x))", lambda x: mp.log(mp.exp(x) + mp.exp(3 * x)), TAILS, "softplus"),
    ("log(1 + x)", lambda x: mp.log(1 + x), SMALL, "log1p(x)"),
    ("log(1 + x^2)", lambda x: mp.log(1 + x**2), (*SMALL, 1e150), "log1p(x^2)"),
    ("exp(x) - 1", lambda x: mp.exp(x) - 1, SMALL, "expm1(x)"),
    ("1 - exp(-x)", lambda x: 1 - mp.exp(-x), (*SMALL, 1e3), "expm1"),
    ("log1p(x)", lambda x: mp.log(1 + x), SMALL, ""),
    ("expm1(x)", lambda x: mp.exp(x) - 1, SMALL, ""),
]


@pytest.mark.parametrize("case", SCALARS, ids=[case[0] for case in SCALARS])
def test_scalars(case: tuple[str, Callable[[Any], Any], tuple[float, ...], str]) -> None:
    text, exact, points, said = case
    derived = gw.gradient(text, "x", x="scalar")
    assert said in derived.source(), derived.source()
    for x in points:
        value, slope = derived.value_and(x=x)
        with mp.workdps(DIGITS):
            expected, by_x = exact(mp.mpf(x)), mp.diff(exact, mp.mpf(x), h=mp.mpf(10) ** -80)
        # What underflows in doubles is 0.
        assert abs(value - float(expected)) <= 8 * EPS * abs(float(expected)) + 1e-300, x
        assert abs(slope - float(by_x)) <= 8 * EPS * abs(float(by_x)) + 1e-300, x


def softmax(x: list[Any]) -> list[Any]:
    weights = [mp.exp(entry) for entry in x]
    return [weight / mp.fsum(weights) for weight in weights]


VECTORS = ([1e3, -1e3, 999.0], [-1e3, -1e3 + 1e-3, -1e3], [1e-18, -1e-18, 0.0], [0.3, -2.0, 1.1])
LOGSUMEXP = (
    "log(sum(exp(x)))",
    "c = 5; log(sum(exp(x - c))) + c",
    "c = max(x); c + log(sum(exp(x - c)))",
)
SOFTMAX = (
    "exp(x - max(x))/sum(exp(x - max(x)))",
    "w = exp(x - max(x)); w/sum(w)",
    "exp(x)/sum(exp(x))",
    "c = v'*v; exp(x - c)/sum(exp(x - c))",
    "exp(x) ./ sum(exp(x))",
)


@pytest.mark.parametrize("text", [*LOGSUMEXP, *SOFTMAX])
@pytest.mark.parametrize("x", VECTORS, ids=str)
def test_sums_of_exponentials(text: str, x: list[float]) -> None:
    with mp.workdps(DIGITS):
        exact = [mp.mpf(entry) for entry in x]
        weights = softmax(exact)
        total = float(mp.log(mp.fsum(mp.exp(entry) for entry in exact)))
        slopes = [[float(a * ((i == j) - b)) for j, b in enumerate(weights)]
                  for i, a in enumerate(weights)]  # fmt: skip
        plain = np.array([float(weight) for weight in weights])
    given = {"x": np.array(x)} | ({"v": np.array([1.0, 2.0, 3.0])} if "v" in text else {})
    value, slope = (
        gw.jacobian(text, "x", v="vector n").value_and(**given)
        if "v" in text
        else (gw.jacobian(text, "x").value_and(**given))
    )
    expected, by_x = (total, plain) if text in LOGSUMEXP else (plain, np.array(slopes))
    # The error of exp is that of its argument, which is up to 1e3 and exact here.
    assert np.allclose(value, expected, rtol=32 * EPS, atol=1e-300)
    assert np.allclose(slope, by_x, rtol=64 * EPS, atol=EPS)


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("log(sum(exp(A), axis=1))", 1),
        ("log(sum(exp(A), axis=0))", 0),
        ("log(exp(A)*ones(n))", 1),
        ("log(sum(exp(A)))", None),
    ],
)
def test_sums_of_exponentials_of_a_matrix(text: str, axis: int | None) -> None:
    a = np.array([[1e3, -1e3], [999.0, 2.0], [-1e3, -998.0]])
    value, slope = gw.jacobian(text, "A", A="matrix m n").value_and(A=a)
    highest = a.max(axis=axis, keepdims=True)
    total = np.exp(a - highest).sum(axis=axis, keepdims=True)
    assert np.allclose(value, np.squeeze(highest + np.log(total)), rtol=1e-14)
    weights = np.exp(a - highest) / total
    assert np.allclose(slope.reshape(-1, 3, 2).sum(axis=0), weights, rtol=1e-13, atol=1e-300)


def test_determinants_that_overflow(rng: np.random.Generator) -> None:
    n = 400
    a = 100 * np.eye(n) + rng.standard_normal((n, n))
    p = a @ a.T
    assert np.linalg.slogdet(p)[1] > np.log(np.finfo(float).max)
    for text, declared, matrix in (
        ("log(det(A))", "matrix n n", a),
        ("log(det(A))", "posdef n n", p),
        ("logdet(A)", "posdef n n", p),
    ):
        derived = gw.gradient(text, "A", A=declared)
        value, slope = derived.value_and(A=matrix)
        assert value == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-13)
        assert np.allclose(slope, np.linalg.inv(matrix).T, rtol=1e-9, atol=1e-12)


def test_the_log_of_a_negative_determinant_is_refused() -> None:
    a = np.diag([1.0, -2.0])
    with pytest.raises(DomainError, match="det"):
        gw.gradient("log(det(A))", "A", A="matrix n n")(A=a)
    assert gw.gradient("logdet(A)", "A", A="matrix n n")(A=a)[1, 1] == -0.5
    with pytest.raises(DomainError):
        gw.gradient("s*logdet(P)", "s", P="posdef n n", s="scalar")(P=a, s=1.0)
    with pytest.raises(DomainError, match=r"invert|definite"):
        gw.gradient("s*logdet(P)", "s", P="posdef n n", s="scalar").unverified()(P=a, s=1.0)


SOLVES = [
    ("y'*inv(A)*x", "x", 1),
    ("y'*inv(A)*x", "A", 2),
    ("norm2(inv(A)*x)^2", "x", 1),
    ("sum(inv(A)*B)", "B", 1),
    ("x'*inv(A*A')*y", "x", 1),
    ("tr(inv(A)*B)", "A", 1),
    ("sum(solve(A, x))", "x", 1),
]


@pytest.mark.parametrize(("text", "wrt", "least"), SOLVES)
def test_systems_are_solved(text: str, wrt: str, least: int, rng: np.random.Generator) -> None:
    declared = {"A": "matrix n n invertible", "B": "matrix n k", "x": "vector n", "y": "vector n"}
    declared["B"] = "matrix n n" if "tr" in text else declared["B"]
    derived = gw.gradient(text, wrt, **declared)
    source = derived.source()
    assert source.count("np.linalg.solve(") >= least and "np.linalg.inv(" not in source
    assert "is computed as the solution of A z = b" in source
    assert derived.check().ok


def test_solving_keeps_more_digits_than_inverting() -> None:
    """A badly scaled system, whose solution is all ones by construction."""
    n = 12
    hilbert = np.array([[1.0 / (i + j + 1) for j in range(n)] for i in range(n)])
    b = hilbert @ np.ones(n)
    found, _ = gw.jacobian("inv(A)*b", "b", A="matrix n n", b="vector n").value_and(A=hilbert, b=b)
    assert np.linalg.norm(hilbert @ found - b) < 1e-3 * np.linalg.norm(
        hilbert @ (np.linalg.inv(hilbert) @ b) - b
    )
