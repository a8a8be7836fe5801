"""What is said of where a formula is defined, and what goes without saying."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

#: What is defined everywhere, and what it is by hand.
EVERYWHERE = {
    "sum(log(1 + exp(-y.*(X*w))))": lambda X, w, y: np.sum(np.logaddexp(0, -y * (X @ w))),
    "-y'*log(softmax(X*w))": lambda X, w, y: -y @ (X @ w - np.log(np.sum(np.exp(X @ w)))),
    "sum(y./(1 + exp(-(X*w))))": lambda X, w, y: np.sum(y / (1 + np.exp(-(X @ w)))),
    "sum(sqrt(exp(X*w) + cosh(y)))": lambda X, w, y: np.sum(np.sqrt(np.exp(X @ w) + np.cosh(y))),
    "sum(log1p(exp(X*w)).*y)/sqrt(m)": lambda X, w, y: np.logaddexp(0, X @ w) @ y / np.sqrt(len(y)),
}

#: What is not, and where it is.
SAID = {
    "sum(log(X*w))": "X w > 0",
    "sum(log(exp(w) - 1))": "exp(w) − 1 > 0",
    "sum(log(y))": "y > 0",
    "sum(1./(X*w))": "X w ≠ 0",
}


def declared() -> dict[str, str]:
    return {"X": "matrix m n", "w": "vector n", "y": "vector m positive"}


@pytest.mark.parametrize("text", EVERYWHERE)
def test_a_positive_argument_is_no_assumption(text: str, rng: np.random.Generator) -> None:
    derived = gw.gradient(text, "w", **declared())
    assert derived.assumptions == ()
    X, w, y = rng.standard_normal((5, 3)), rng.standard_normal(3), rng.uniform(0.5, 2, 5)
    steps = 1e-6 * np.eye(3)
    by_hand = EVERYWHERE[text]
    slopes = [(by_hand(X, w + s, y) - by_hand(X, w - s, y)) / 2e-6 for s in steps]
    # Central differences: the rounding of the values over the step, and its square.
    error = 1e-8 * (1 + np.max(np.abs(slopes)) + abs(by_hand(X, w, y)))
    np.testing.assert_allclose(derived(X=X, w=w, y=y), slopes, rtol=0, atol=error)


@pytest.mark.parametrize("text", SAID)
def test_what_may_fail_is_said(text: str) -> None:
    """That y > 0 is declared, and said: declared facts are not verified in every case."""
    wrt = "y" if "X" not in text and "y" in text else "w"
    used = {name: kind for name, kind in declared().items() if name in text}
    assert SAID[text] in gw.gradient(text, wrt, **used).assumptions


def test_a_declared_fact_that_is_not_verified_still_guards() -> None:
    with pytest.raises(gw.GradwrightError, match="y > 0"):
        gw.gradient("sum(log(y))", "y", y="vector m positive").unverified()(y=[1.0, -1.0])
