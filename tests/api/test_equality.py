"""Equal formulas are equal, and a counterexample is one by NumPy's own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ShapeError

EQUAL = [
    ("A*x + A'*x", "(A + A')*x", {"A": "matrix n n"}),
    ("(A*B)'", "B'*A'", {}),
    ("tr(A*B)", "tr(B*A)", {}),
    ("sigmoid(x).*(1 - sigmoid(x))", "exp(-x)./(1 + exp(-x)).^2", {}),
    ("1 - tanh(x)^2", "4/(exp(x) + exp(-x))^2", {"x": "scalar"}),
    ("inv(A*B)", "inv(B)*inv(A)", {"A": "invertible n n", "B": "invertible n n"}),
    ("norm2(x - y)^2", "x'*x - 2*x'*y + y'*y", {}),
    ("vec(A*X*B)", "kron(B', A)*vec(X)", {}),
    ("sum(W*x)", "ones(m)'*W*x", {"W": "matrix m n"}),
    ("log(x)", "-log(1/x)", {"x": "scalar positive"}),
    ("J_f(x)*(y + z)", "J_f(x)*y + J_f(x)*z", {}),
]
UNEQUAL = {
    "transposed": ("A*x", "A'*x", lambda A, x: (A @ x, A.T @ x)),
    "order": ("(A*B)'", "A'*B'", lambda A, B: ((A @ B).T, A.T @ B.T)),
    "square": ("(x + y).^2", "x.^2 + y.^2", lambda x, y: ((x + y) ** 2, x**2 + y**2)),
    "sign": ("tanh(x)", "-tanh(x)", lambda x: (np.tanh(x), -np.tanh(x))),
    "only at first order": ("sin(x)", "x", lambda x: (np.sin(x), x)),
    "factor": ("2*x'*A*x", "x'*(A + A')*x/2", lambda A, x: (2 * x @ A @ x, x @ A @ x)),
}


@pytest.mark.parametrize(("left", "right", "declared"), EQUAL)
def test_what_is_equal(left: str, right: str, declared: dict[str, str]) -> None:
    assert gw.equal(left, right, **declared)
    assert gw.equal(right, left, **declared)


@pytest.mark.parametrize("case", UNEQUAL.values(), ids=list(UNEQUAL))
def test_a_counterexample_shows_the_difference(case) -> None:
    left, right, sides = case
    found = gw.equal(left, right)
    assert not found
    expected = sides(**found.counterexample)
    assert np.allclose(found.left, expected[0]) and np.allclose(found.right, expected[1])
    assert not np.allclose(*expected)
    assert all(np.size(value) <= 9 for value in found.counterexample.values())
    assert str(found).startswith("not equal: at ")


def test_the_counterexample_is_small() -> None:
    found = gw.equal("(a + b)^2", "a^2 + b^2")
    assert max(abs(float(v)) for v in found.counterexample.values()) <= 2


def test_different_shapes_are_a_fault_of_the_question() -> None:
    with pytest.raises(ShapeError, match="sum\\(x\\) has the shape scalar"):
        gw.equal("sum(x)", "x")
    with pytest.raises(ShapeError):
        gw.equal("x", "x'")
