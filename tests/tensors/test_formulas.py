"""Formulas of tensors: values and derivatives against NumPy by hand and the complex step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, UnsupportedError


def _exp_rows(array):
    weights = np.exp(array - array.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@dataclass
class Case:
    """A formula, its symbols, the variables to differentiate by, and NumPy for the same."""

    text: str
    by: str
    numpy: object
    symbols: dict[str, str] = field(default_factory=dict)


CASES = [
    Case("sum(T.^3)", "T", lambda T: np.sum(T**3), {"T": "tensor b n d"}),
    Case("norm2(T)", "T", lambda T: np.sqrt(np.sum(T * T)), {"T": "tensor b n d"}),
    Case(
        "sum(tanh(T).*S - 2*S./(1 + T.^2))",
        "TS",
        lambda T, S: np.sum(np.tanh(T) * S - 2 * S / (1 + T**2)),
        {"T": "tensor b n d", "S": "tensor b n d"},
    ),
    Case("sum(softmax(T).^2)", "T", lambda T: np.sum(_exp_rows(T) ** 2), {"T": "tensor b n d"}),
    Case(
        "sum(logsumexp(T).^2)",
        "T",
        lambda T: np.sum(np.log(np.sum(np.exp(T), axis=-1)) ** 2),
        {"T": "tensor b n d"},
    ),
    Case(
        "sum[b,i,k,d](X[b,i,k]*W[k,d]*Y[b,i,d])",
        "XWY",
        lambda X, W, Y: np.sum((X @ W) * Y),
        {"X": "tensor B n m", "W": "matrix m d", "Y": "tensor B n d"},
    ),
    Case(
        "sum[b,h,i,j](sum[k](Q[b,h,i,k]*K[b,h,j,k])^2)",
        "QK",
        lambda Q, K: np.sum((Q @ np.swapaxes(K, -1, -2)) ** 2),
        {"Q": "tensor B H n d", "K": "tensor B H m d"},
    ),
    Case(
        "sum[i,j,k](T[i,j,k]*x[i]*x[j]*x[k])",
        "Tx",
        lambda T, x: np.einsum("ijk,i,j,k", T, x, x, x),
        {"T": "tensor n n n", "x": "vector n"},
    ),
    Case(
        "Y[b,i,j] = sum[k](Q[b,i,k]*K[b,j,k])",
        "QK",
        lambda Q, K: Q @ np.swapaxes(K, -1, -2),
        {"Q": "tensor B n d", "K": "tensor B m d"},
    ),
    Case("y[j] = sum[i](T[i,i,j]*T[i,2,j])", "T", None, {"T": "tensor n n d"}),
    Case("exp(T)/norm1(T)", "T", None, {"T": "tensor b n d"}),
]


def _point(symbols, rng):
    lengths = {}
    shapes = {}
    for name, text in symbols.items():
        sizes = text.split()[1:]
        for size in sizes:
            lengths.setdefault(size, 2 + len(lengths))
        shapes[name] = tuple(lengths[size] for size in sizes)
    return {name: rng.uniform(0.2, 1.5, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_derivatives(case, rng):
    formula = gw.formula(case.text, **case.symbols)
    point = _point(case.symbols, rng)
    value = formula(**point)
    if case.numpy is not None:
        assert np.allclose(value, case.numpy(**point), rtol=1e-12)
    for name in case.by:
        jacobian = formula.jacobian(name)
        report = jacobian.check(seed=int(rng.integers(2**31)))
        assert report.ok, report
        found, derivative = jacobian.value_and(**point)
        assert np.allclose(found, value, rtol=1e-12)
        forward = formula.jacobian(name, mode="forward")(**point)
        assert np.allclose(derivative, forward, rtol=1e-11, atol=1e-13)
        for kind in (formula.vjp, formula.jvp):
            report = kind(name).check(seed=int(rng.integers(2**31)))
            assert report.ok, report


@pytest.mark.parametrize("case", [c for c in CASES if "=" not in c.text], ids=lambda c: c.text)
def test_second_derivatives(case, rng):
    formula = gw.formula(case.text, **case.symbols)
    if formula.scope.shape.kind != "scalar":
        return
    for name in case.by:
        product = formula.hvp(name)
        assert product.check(seed=int(rng.integers(2**31))).ok
        hessian = formula.hessian(name)
        assert hessian.check(seed=int(rng.integers(2**31))).ok
        point = _point(case.symbols, rng)
        dense = hessian(**point)
        turned = (*range(dense.ndim // 2, dense.ndim), *range(dense.ndim // 2))
        assert np.allclose(dense, np.transpose(dense, turned), rtol=1e-9, atol=1e-10)


def test_what_is_printed():
    made = gw.gradient("sum(tanh(T).*S)", "T", T="tensor b n d", S="tensor b n d")
    assert made.form == "index"
    assert str(made) == "D[i,j,k] = S[i,j,k] (1 − tanh(T[i,j,k])²)"
    again = gw.formula(made.text(), T="tensor b n d", S="tensor b n d")
    point = {name: np.arange(24.0).reshape(2, 3, 4) / 24 for name in "TS"}
    assert np.allclose(again(**point), made(**point), rtol=1e-12)


def test_fewer_axes_are_vectors_and_matrices():
    assert str(gw.gradient("t'*t", "t", t="tensor n")) == "2 t"
    assert str(gw.gradient("sum(T.^2)", "T", T="tensor m n")) == "2 T"


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("T + S", ShapeError, ["b × n × d", "b × d × n"]),
        ("T + A", ShapeError, ["b × n × d", "A is a matrix"]),
        ("T*A", UnsupportedError, ["T has 3 axes"]),
        ("T'", UnsupportedError, ["T has 3 axes"]),
        ("tr(T)", UnsupportedError, ["T has 3 axes"]),
        ("sum[i,j](T[i,j])", ShapeError, ["3 axes", "2 indices"]),
    ],
)
def test_errors(text, error, facts):
    symbols = {"T": "tensor b n d", "S": "tensor b d n", "A": "matrix b n"}
    with pytest.raises(error) as caught:
        gw.formula(text, **symbols)
    assert isinstance(caught.value, GradwrightError)
    for fact in facts:
        assert fact in caught.value.clash
    assert caught.value.instead and caught.value.span is not None
