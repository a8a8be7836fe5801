"""What follows from declared facts: identities, and where they must not hold."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.facts import positive
from gradwright.core.graph import Graph

ORTHOGONAL = {"Q": "orthogonal n n", "x": "vector n"}
DIAGONAL = {"D": "diagonal n n", "E": "diagonal n n", "F": "diagonal n n invertible"}
POSITIVE = {"x": "vector n positive", "y": "vector n positive", "t": "scalar positive"}

SIMPLIFIED = [
    ("norm2(Q*x)^2", "x", ORTHOGONAL, "2 x"),
    ("x'*Q*Q'*x", "x", ORTHOGONAL, "2 x"),
    ("x'*inv(Q)*v", "x", ORTHOGONAL, "Qᵀ v"),
    ("t*det(Q)^2", "t", {**ORTHOGONAL, "t": "scalar"}, "1"),
    ("t*tr(Q'*Q)", "t", {**ORTHOGONAL, "t": "scalar"}, "n"),
    ("x'*(D*E - E*D)*x", "x", DIAGONAL, "zeros(n)"),
    ("x'*D'*v + v'*D*x", "x", DIAGONAL, "2 D v"),
    ("x'*inv(F)*F*v", "x", DIAGONAL, "v"),
    ("norm1(x)", "x", POSITIVE, "ones(n)"),
    ("sum(sqrt(x.^2))", "x", POSITIVE, "ones(n)"),
    ("sum(relu(x).^2)", "x", POSITIVE, "2 x"),
    ("s*log(t^3)", "s", {**POSITIVE, "s": "scalar"}, "3 log(t)"),
    ("s*log(exp(u))", "s", {"s": "scalar", "u": "scalar"}, "u"),
    ("y'*inv(X'*C*X)*y", "y", {"C": "posdef m m", "X": "matrix m n"}, "2 (Xᵀ C X)⁻¹ y"),
    ("x'*(A + A' + C)*x", "x", {"C": "symmetric n n"}, "2 (A + Aᵀ + C) x"),
    ("x'*X'*C*X*x", "x", {"C": "symmetric m m", "X": "matrix m n"}, "2 Xᵀ C X x"),
]


@pytest.mark.parametrize(("text", "wrt", "declared", "expected"), SIMPLIFIED)
def test_facts_simplify(text: str, wrt: str, declared: dict[str, str], expected: str) -> None:
    d = gw.gradient(text, wrt, **declared)
    assert str(d) == expected
    assert d.check().ok


EQUAL = [
    ("Q'*Q", "eye(n)", ORTHOGONAL),
    ("inv(Q)", "Q'", ORTHOGONAL),
    ("norm2(Q*x)", "norm2(x)", ORTHOGONAL),
    ("D*E*F", "F*D*E", DIAGONAL),
    ("D'", "D", DIAGONAL),
    ("sqrt(x.^2)", "x", POSITIVE),
    ("abs(x)", "x", POSITIVE),
]


@pytest.mark.parametrize(("one", "other", "declared"), EQUAL)
def test_equal_by_the_facts_and_not_without(one: str, other: str, declared: dict[str, str]) -> None:
    """The same with the facts taken away is refuted: no identity holds by accident."""
    assert gw.equal(one, other, **declared).equal
    plain = {}
    for name, text in declared.items():
        kind, *sizes = [word for word in text.split() if word in ("vector", "scalar", "n")]
        is_square = kind == "n"
        plain[name] = "matrix n n" if is_square else " ".join([kind, *sizes])
    assert not gw.equal(one, other, **plain).equal


def test_logs_of_products_split() -> None:
    assert gw.equal("log(x .* y^3)", "log(x) + 3*log(y)", **{**POSITIVE, "y": "scalar positive"})


def test_a_root_of_a_square_is_no_sign() -> None:
    """Modulo a prime a root has no sign, so numbers decide."""
    assert not gw.equal("sqrt(x.^2)", "x", x="vector n").equal
    assert gw.equal("sqrt(x.^2)", "abs(x)", x="vector n").equal


def test_what_is_above_zero() -> None:
    graph = Graph()
    p = graph.variable("p", ("n",), {"positive"})
    x = graph.variable("x", ("n",))
    assert positive(p)
    assert positive(graph.add([(2, p), (1, graph.function("exp", x))], ("n",)))
    assert positive(graph.power(p, -3))
    assert not positive(x)
    assert not positive(graph.subtract(p, graph.function("exp", x)))
    assert not positive(graph.scale(-1, p))
    # diag(p) has zeros.
    assert not positive(graph.product([(p, (0,))], (0, 0)))


def test_code_uses_the_facts() -> None:
    d = gw.gradient("x'*inv(Q)*A*x", "x", Q="orthogonal n n", A="matrix n n")
    assert "np.linalg" not in d.source()
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    assert np.allclose(d(Q=Q, A=A, x=x), (Q.T @ A + A.T @ Q) @ x)
