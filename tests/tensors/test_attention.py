"""Attention with a batch axis and heads as a tensor axis: formula, derivatives, code."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw

#: Queries, keys and values of each head; axes: batch b, head h, place i or j, features.
SYMBOLS = {
    "X": "tensor B n d",
    "Wq": "tensor H d k",
    "Wk": "tensor H d k",
    "Wv": "tensor H d r",
    "Wo": "tensor H r d",
}
SCORES = "array[b,h,i,j](sum[s](sum[d](X[b,i,d]*Wq[h,d,s])*sum[d](X[b,j,d]*Wk[h,d,s]))/sqrt(k))"
ATTENTION = (
    f"Y[b,i,c] = sum[h,r](sum[j](softmax({SCORES})[b,h,i,j]*sum[d](X[b,j,d]*Wv[h,d,r]))*Wo[h,r,c])"
)
LENGTHS = {"B": 2, "n": 4, "d": 5, "H": 3, "k": 6, "r": 7}


def attention(X, Wq, Wk, Wv, Wo):
    """The same in NumPy, written by hand; complex numbers pass through."""
    X = X[:, None]
    scores = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    weights = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.sum((weights @ (X @ Wv)) @ Wo, axis=1)


@pytest.fixture
def point(rng):
    return {
        name: rng.standard_normal([LENGTHS[size] for size in text.split()[1:]])
        for name, text in SYMBOLS.items()
    }


@pytest.fixture(scope="module")
def formula():
    return gw.formula(ATTENTION, **SYMBOLS)


def test_the_value(formula, point):
    assert np.allclose(formula(**point), attention(**point), rtol=1e-11)


@pytest.mark.parametrize("name", SYMBOLS)
def test_pullbacks(formula, point, name, rng):
    """The product with a cotangent against the complex step of the NumPy function."""
    made = formula.vjp(name)
    cotangent = rng.standard_normal((LENGTHS["B"], LENGTHS["n"], LENGTHS["d"]))
    found = made(**point, cotangent=cotangent)
    direction = rng.standard_normal(point[name].shape)
    moved = {**point, name: point[name] + 1e-30j * direction}
    expected = np.sum(cotangent * attention(**moved).imag) / 1e-30
    assert found.shape == point[name].shape
    assert np.isclose(np.sum(found * direction), expected, rtol=1e-10)


def test_code_is_made_of_matrix_products(formula):
    """What is left to einsum are weighted sums: one factor has all axes of the other."""
    for name in SYMBOLS:
        source = formula.vjp(name).source()
        for subscripts in re.findall(r'np\.einsum\("([^"]*)"', source):
            left, right = subscripts.split("->")[0].split(",")
            summed = {*left, *right} - set(subscripts.split("->")[1])
            inside = set(left) <= set(right) or set(right) <= set(left)
            assert inside or len(summed) > 1, source


def test_the_jacobian_of_one_head(rng):
    """Queries to outputs, every entry: 2·3·4 by 2·3·5 of them."""
    text = "Y[b,i,r] = sum[j](softmax(array[b,i,j](sum[k](Q[b,i,k]*K[b,j,k])))[b,i,j]*V[b,j,r])"
    symbols = {"Q": "tensor B n k", "K": "tensor B m k", "V": "tensor B m r"}
    made = gw.formula(text, **symbols).jacobian("Q")
    assert made.check(seed=int(rng.integers(2**31))).ok
    assert made.form == "index"
