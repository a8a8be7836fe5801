"""Row S2.3: E = ‖yᴸ − y‖ has the gradient (yᴸ − y)/‖yᴸ − y‖, and by a named convention 0 at 0."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError

#: Formulas with a norm, the variable, values at which the norm is 0, and the gradient there.
AT_ZERO = [
    ("norm2(x - y)", "x", {"x": np.arange(3.0), "y": np.arange(3.0)}, np.zeros(3)),
    ("norm2(W*x - y)", "W", {"W": np.ones((2, 3)), "x": np.ones(3), "y": [3.0, 3.0]}, None),
    ("norm2(A*X - B)", "X", {"A": np.eye(2), "X": np.eye(2), "B": np.eye(2)}, np.zeros((2, 2))),
    ("norm2(x) + c'*x", "x", {"x": np.zeros(3), "c": np.arange(3.0)}, np.arange(3.0)),
    ("norm2(x)*c'*x", "x", {"x": np.zeros(3), "c": np.arange(3.0)}, np.zeros(3)),
    ("sqrt(x'*x)", "x", {"x": np.zeros(2)}, np.zeros(2)),
    ("norm2(x)^3", "x", {"x": np.zeros(2)}, np.zeros(2)),
    ("norm2(c*x)", "x", {"x": np.ones(2), "c": 0.0}, np.zeros(2)),
]


def kinds(values: dict[str, object]) -> dict[str, str]:
    names = {0: "scalar", 1: "vector n", 2: "matrix m n"}
    found = {name: names[np.ndim(value)] for name, value in values.items()}
    return {"W": "matrix m n", "y": "vector m"} if "W" in values else found


@pytest.mark.parametrize(("text", "wrt", "values", "expected"), AT_ZERO, ids=lambda v: str(v)[:20])
def test_s2_3_the_gradient_of_a_norm_at_zero(text, wrt, values, expected) -> None:
    derived = gw.gradient(text, wrt, **({} if "A" in values else kinds(values)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, found = derived.value_and(**values)
        again = derived(**values)
    wanted = np.zeros((2, 3)) if expected is None else expected
    assert value == 0
    assert np.array_equal(found, wanted) and np.array_equal(again, wanted)
    if "^3" not in text:
        assert derived.assumptions == ("norm2'(0) = 0",)


def test_s2_3_away_from_zero_it_is_the_unit_vector(rng: np.random.Generator) -> None:
    derived = gw.gradient("norm2(x - y)", "x", x="vector n", y="vector n")
    assert str(derived) == "(x − y)/‖x − y‖"
    x, y = rng.normal(size=4), rng.normal(size=4)
    length = np.sqrt(sum((x - y) ** 2))
    assert np.allclose(derived(x=x, y=y), (x - y) / length, rtol=1e-14)
    for scale in (1e-150, 1e-12, 1e12, 1e150):
        assert np.allclose(derived(x=scale * x, y=scale * y), (x - y) / length, rtol=1e-13)
    assert derived.check().ok


def test_s2_3_the_last_layer_with_a_norm_as_its_loss(rng: np.random.Generator) -> None:
    """Every weight of three layers has a zero gradient where the target is hit exactly."""
    text = "norm2(W3*tanh(W2*tanh(W1*x)) - y)"
    derived = gw.gradient(text, "W1", "W2", "W3")
    W1, W2, W3 = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.normal(size=(2, 5))
    x = rng.normal(size=3)
    f = gw.formula("W3*tanh(W2*tanh(W1*x))")
    y = f(W1=W1, W2=W2, W3=W3, x=x)
    value, found = derived.value_and(W1=W1, W2=W2, W3=W3, x=x, y=y)
    assert value <= 1e-15
    if value == 0:
        assert all(not np.any(part) for part in found.values())


def test_the_hessian_at_zero_is_refused_and_says_why() -> None:
    f = gw.formula("norm2(x - y)", x="vector n", y="vector n")
    x = np.arange(3.0)
    with pytest.raises(DomainError, match="a norm has no second derivative at 0"):
        f.hessian("x")(x=x, y=x)
    with pytest.raises(DomainError, match="a norm has no second derivative at 0"):
        f.hvp("x")(x=x, y=x, tangent=x)
    assert f.hessian("x")(x=x, y=0 * x).shape == (3, 3)


def test_what_divides_by_a_norm_is_still_refused_at_zero() -> None:
    with pytest.raises(DomainError):
        gw.jacobian("x/norm2(x)", "x")(x=np.zeros(2))
    with pytest.raises(DomainError):
        gw.gradient("c/norm2(x)", "c")(x=np.zeros(2), c=1.0)


def test_as_a_linear_map_at_zero() -> None:
    derived = gw.jacobian("W*x*norm2(x)", "x")
    operator = derived.operator(W=np.ones((2, 3)), x=np.zeros(3))
    assert not np.any(operator.dense())


def test_the_check_redraws_points_near_the_kink() -> None:
    derived = gw.gradient("norm2(x - y)", "x", x="vector n", y="vector n")
    distance = derived.kink_distance()
    assert distance is not None
    assert distance({"x": np.ones(4), "y": np.zeros(4)}) == pytest.approx(2.0)
    assert distance({"x": np.ones(4), "y": np.ones(4)}) == 0
