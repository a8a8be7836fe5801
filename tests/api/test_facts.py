"""Declared facts: compared with values, and the derivatives within what they declare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.api import constrained
from gradwright.calculus.constraint import Tied
from gradwright.core.graph import Graph
from gradwright.core.nodes import Labels, Node
from gradwright.errors import DomainError, SymbolError, UnsupportedError

S = np.array([[2.0, 1.0], [1.0, 3.0]])
SKEW = S + np.array([[0.0, 0.5], [0.0, 0.0]])
TURN = np.array([[0.6, -0.8], [0.8, 0.6]])

#: (declaration, a value that has the fact, one that has not, what is said of that one)
VALUES = [
    ("symmetric n n", S, SKEW, "|A - Aᵀ| is 0.5 at [0, 1]"),
    ("posdef n n", S, S - 3 * np.eye(2), "its smallest eigenvalue is -1.62"),
    ("posdef n n", S, SKEW, "|A - Aᵀ| is 0.5 at [0, 1]"),
    ("diagonal n n", np.diag([1.0, 0.0]), S, "beside the diagonal stands 1 at [0, 1]"),
    ("orthogonal n n", TURN, 2 * TURN, "|QᵀQ - I| is 3 at [0, 0]"),
    ("invertible n n", S, np.ones((2, 2)), "its condition number is"),
    ("matrix m n onehot", np.eye(3)[:2], S, "the entry at [1, 1] is 2 from 0 and 1"),
    ("matrix m n onehot", np.eye(3)[:2], np.ones((2, 2)), "of row [0] differs from 1 by 1"),
    ("matrix m n sum1", np.full((2, 4), 0.25), S, "the sum of row [1] differs from 1 by 3"),
    ("matrix m n columns_sum1", np.full((2, 2), 0.5), S, "of column [1] differs from 1 by 3"),
    ("matrix m n signs", np.array([[1.0, -1.0]]), S, "the entry at [1, 1] is 2 from 1 and -1"),
    ("matrix m n positive", S, S - 1.5, "its smallest entry is -0.5 at [0, 1]"),
]


@pytest.mark.parametrize(("declared", "right", "wrong", "said"), VALUES)
def test_a_value_without_its_fact_is_refused(
    declared: str, right: np.ndarray, wrong: np.ndarray, said: str
) -> None:
    f = gw.formula("sum(A .* B)", A=declared)
    d = f.gradient("A")
    for call in (f, d, d.value_and):
        call(A=right, B=right)
        call(A=right.astype(np.float32), B=right)
        with pytest.raises(DomainError) as caught:
            call(A=wrong, B=wrong)
        assert said in str(caught.value)
        assert "A is declared" in str(caught.value)
    free = f.unverified()
    assert free(A=wrong, B=wrong) == pytest.approx(np.sum(wrong * wrong))
    assert np.array_equal(free.gradient("A")(A=wrong, B=wrong), wrong)


def test_rounding_is_no_violation() -> None:
    rng = np.random.default_rng(5)
    basis = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    made = basis @ np.diag(rng.uniform(1, 2, 60)) @ basis.T
    d = gw.gradient("tr(S*Q)", "S", S="posdef n n", Q="orthogonal n n")
    assert np.allclose(d(S=made, Q=basis), basis.T)
    assert np.allclose(d(S=made.astype(np.float32), Q=basis.astype(np.float32)), basis.T, atol=1e-6)


# Derivatives within the declared set ------------------------------------------------------------

FORMULAS = {
    "trace": "tr(A*X)",
    "square": "tr(A*X*A*X)",
    "form": "x'*X*A*X'*x",
    "entries": "sum(exp(A .* X))",
}


def difference(f: Any, X: np.ndarray, step: np.ndarray, values: dict[str, Any]) -> float:
    """The slope along `step`, by central differences of the formula's own value."""
    h = 1e-5
    free = f.unverified()
    return float((free(X=X + h * step, **values) - free(X=X - h * step, **values)) / (2 * h))


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS)
def test_the_symmetric_gradients_are_slopes_within_symmetric_matrices(
    text: str, rng: np.random.Generator
) -> None:
    n = 4
    values: dict[str, Any] = {"A": rng.normal(size=(n, n))}
    if text.startswith("x"):
        values["x"] = rng.normal(size=n)
    X = rng.normal(size=(n, n))
    X = X + X.T
    f = gw.formula(text, A="matrix n n", x="vector n", X="symmetric n n")
    plain, projected, free = (
        f.gradient("X", constraint=c)(X=X, **values) for c in ("none", "projected", "free")
    )
    assert np.allclose(projected, (plain + plain.T) / 2)
    scale = np.max(np.abs(free))
    for i in range(n):
        for j in range(i + 1):
            step = np.zeros((n, n))
            step[i, j] = step[j, i] = 1
            slope = difference(f, X, step, values)
            # One free entry stands at both places; the projection spreads its slope over the two.
            assert free[i, j] == pytest.approx(slope, abs=1e-7 * scale)
            assert np.sum(projected * step) == pytest.approx(slope, abs=1e-7 * scale)
    # Equal but for the order in which a matrix product is summed.
    rounding = 16 * n * np.finfo(float).eps * np.max(np.abs(projected))
    assert np.max(np.abs(projected - projected.T)) <= rounding
    assert np.allclose(free, free.T)


CHECKED = [
    ("symmetric n n", ("projected", "free"), ("gradient", "hessian")),
    ("posdef n n", ("projected", "free"), ("gradient", "hessian")),
    ("diagonal n n", ("projected", "free"), ("gradient",)),
    ("orthogonal n n", ("projected",), ("gradient",)),
    ("matrix n n sum1", ("projected",), ("gradient", "hessian")),
    ("matrix n n columns_sum1", ("projected",), ("gradient", "hessian")),
]


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS)
@pytest.mark.parametrize(("declared", "constraints", "kinds"), CHECKED)
def test_each_constraint_is_checked_by_moves_within_its_set(
    declared: str, constraints: tuple[str, ...], kinds: tuple[str, ...], text: str, seed: int
) -> None:
    f = gw.formula(text, A="matrix n n", x="vector n", X=declared)
    for constraint in constraints:
        for kind in kinds:
            made = getattr(f, kind)("X", constraint=constraint)
            report = made.check(seed=seed)
            assert report.ok, (constraint, kind, str(made), report)
            assert any("X varies" in line for line in made.assumptions)


def test_a_wrong_constraint_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unconstrained gradient in the place of either symmetric one is caught."""

    def unchanged(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
        return node

    planted = Tied("symmetric matrices", unchanged, "G", unchanged, "G")
    monkeypatch.setattr(constrained, "tied", lambda facts: planted)
    f = gw.formula("tr(A*X*A*X)", A="matrix n n", X="symmetric n n")
    for constraint in ("projected", "free"):
        assert not f.gradient("X", constraint=constraint).check().ok
        assert not f.hessian("X", constraint=constraint).check().ok


def test_the_unconstrained_hessian_is_that_of_unconstrained_entries() -> None:
    """∂²logdet(S)/∂S[i,j]∂S[k,l] = -inv(S)[j,k] inv(S)[l,i] also where S is symmetric."""
    d = gw.hessian("logdet(S)", "S", S="posdef n n")
    assert d.check().ok
    inverse = np.linalg.inv(S)
    assert np.allclose(d(S=S), -np.einsum("jk,li->ijkl", inverse, inverse))


def test_constraints_that_are_none() -> None:
    f = gw.formula("sum(X)", X="matrix n n")
    with pytest.raises(SymbolError, match="the constraints are none, projected, free"):
        f.gradient("X", constraint="symmetric")
    with pytest.raises(SymbolError, match="X is declared without a fact"):
        f.gradient("X", constraint="projected")
    turned = gw.formula("sum(X)", X="orthogonal n n")
    with pytest.raises(SymbolError, match="gives no free derivative"):
        turned.gradient("X", constraint="free")
    with pytest.raises(UnsupportedError, match="a curved set"):
        turned.hessian("X", constraint="projected")
