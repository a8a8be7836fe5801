"""Symbols that are rows."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ShapeError, SymbolError


@pytest.mark.parametrize(
    ("text", "wrt", "printed"),
    [
        ("d*W", "d", "Wᵀ"),
        ("d*x + norm2(d)^2", "d", "xᵀ + 2 d"),
        ("d*W*x", "x", "Wᵀ dᵀ"),
        ("d'*x'", "d", None),
        ("(d.*tanh(z)')*W", "z", None),
        ("sum(M + d)", "d", None),
    ],
)
def test_derivatives_with_rows(text: str, wrt: str, printed: str | None, seed: int) -> None:
    declared = {"d": "row m", "z": "vector m", "W": "matrix m k", "M": "matrix j m"}
    f = gw.formula(text, **{k: v for k, v in declared.items() if k in text})
    scalar = f.scope.shape.kind == "scalar"
    derivation = f.gradient(wrt) if scalar else f.jacobian(wrt)
    assert derivation.check(seed=seed).ok
    if printed is not None:
        assert str(derivation) in (printed, "x + 2 dᵀ")


def test_values_of_rows_are_one_dimensional() -> None:
    f = gw.formula("d*W", d="row m", W="matrix m k")
    d, W = np.arange(2.0), np.arange(6.0).reshape(2, 3)
    assert np.array_equal(f(d=d, W=W), d @ W)
    assert np.array_equal(f.jacobian("d")(d=d, W=W), W.T)


def test_a_row_times_a_row_is_refused() -> None:
    with pytest.raises(ShapeError, match="a row times a row"):
        gw.formula("d*e", d="row n", e="row n")
    with pytest.raises(ShapeError, match="a row has 1 size and 2 are given"):
        gw.formula("sum(d)", d="row n m")
    with pytest.raises(SymbolError, match="square matrices"):
        gw.formula("sum(d)", d="row n symmetric")
