"""Fractions of scalars as they are printed, and formulas whose check needs a usable point."""

from __future__ import annotations

import pytest

import gradwright as gw

SYMBOLS = {
    "x": "vector n",
    "y": "vector n",
    "w": "vector n",
    "m": "vector n",
    "A": "symmetric n n",
    "S": "posdef n n",
}

#: formula, by, its derivative: a scalar in front of a fraction needs no parentheses around the
#: product, and powers of one base under it are one power.
PRINTED = [
    ("x'*A*x/(x'*x)", "x", "2 ((A x − (xᵀ A x) x/(xᵀ x))/(xᵀ x))"),
    ("m'*w/sqrt(w'*S*w)", "w", "((wᵀ S w) m − (mᵀ w) S w)/(wᵀ S w)^1.5"),
    ("x'*y/(norm2(x)*norm2(y))", "x", "(‖x‖² y − (xᵀ y) x)/(‖x‖³ · ‖y‖)"),
]


@pytest.mark.parametrize(("text", "wrt", "printed"), PRINTED)
def test_fractions_of_scalars(text: str, wrt: str, printed: str, seed: int) -> None:
    declared = {name: kind for name, kind in SYMBOLS.items() if name in text.replace("norm", "")}
    derived = gw.formula(text, **declared).gradient(wrt)
    assert str(derived) == printed
    assert derived.check(seed=seed).ok


def test_two_roots_and_a_square_are_one_power(seed: int) -> None:
    declared = {name: SYMBOLS[name] for name in ("m", "w", "S")}
    hessian = gw.formula("m'*w/sqrt(w'*S*w)", **declared).hessian("w")
    assert str(hessian).endswith("/(wᵀ S w)^2.5") and "sqrt" not in str(hessian)
    assert hessian.check(seed=seed).ok


@pytest.mark.parametrize("text", ["tr(X*inv(X'*X)*X'*S)", "y'*X*inv(X'*X)*X'*y"])
def test_a_projection_is_checked_where_its_inverse_exists(text: str, seed: int) -> None:
    """X inv(X'X) X' of a wide X is rounding noise of ordinary size."""
    declared = {"X": "matrix m n", "S": "symmetric m m", "y": "vector m"}
    used = {name: kind for name, kind in declared.items() if name in text}
    assert gw.formula(text, **used).gradient("X").check(seed=seed).ok
