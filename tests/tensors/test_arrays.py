"""Arrays of indexed entries, `array[i,j](…)`, within formulas."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NotationError, ShapeError, SymbolError
from gradwright.notation.parser import parse
from gradwright.notation.tree import Entry, IndexArray, Symbol
from gradwright.render.plain import plain_text

SYMBOLS = {"A": "matrix m n", "u": "vector m", "x": "vector n", "T": "tensor m n k"}


@pytest.fixture
def point(rng):
    shapes = {"A": (2, 3), "u": (2,), "x": (3,), "T": (2, 3, 4)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def test_the_tree():
    assert parse("array[i](x[i])") == IndexArray(("i",), Entry(Symbol("x"), ("i",)))
    assert plain_text(parse("array[j,i](A[i,j])*x")) == "array[j,i](A[i,j])*x"


@pytest.mark.parametrize(
    ("text", "numpy"),
    [
        ("array[i](A[i,2])", lambda A, u, x, T: A[:, 1]),
        ("array[j,i](A[i,j]*u[i])*u", lambda A, u, x, T: (A.T * u) @ u),
        ("A*array[j](x[j]^2)", lambda A, u, x, T: A @ x**2),
        ("array[k,i](sum[j](T[i,j,k]*x[j]))*u", lambda A, u, x, T: u @ (T.swapaxes(1, 2) @ x)),
        ("sum(array[i,k,j](T[i,j,k]).^2)", lambda A, u, x, T: np.sum(T**2)),
        # The array has indices of its own: they may have the names of those around it.
        ("y[i] = sum[j](array[i,j](A[i,j]*x[j])[i,j]*x[j])", lambda A, u, x, T: A @ x**2),
        ("y[j] = array[i,j](A[i,j]*x[j])[2,j]", lambda A, u, x, T: A[1] * x),
    ],
)
def test_values(text, numpy, point):
    formula = gw.formula(text, **SYMBOLS)
    used = {name: value for name, value in point.items() if name in formula.variables}
    assert np.allclose(formula(**used), numpy(**point), rtol=1e-12)
    for name in formula.variables:
        assert formula.jacobian(name).check().ok
        assert np.allclose(formula.jacobian(name).value_and(**used)[0], formula(**used))


@pytest.mark.parametrize(
    ("text", "error", "at", "fact"),
    [
        ("array[i](A[i,j])", SymbolError, "array[i](A[i,j])", "j is free in the array"),
        ("array[i](2)", SymbolError, "array[i](2)", "i is an index of the array"),
        ("array[i](x)", ShapeError, "array[i](x)", "an array is made of scalars"),
        ("array[i,i](x[i])", NotationError, "[i,i]", "bound twice"),
        ("array[i]", NotationError, "array[i]", "array has names of indices"),
    ],
)
def test_errors(text, error, at, fact):
    with pytest.raises(error) as caught:
        gw.formula(text, **SYMBOLS)
    span = caught.value.span
    assert text[span.start : span.end] == at
    assert fact in caught.value.clash
