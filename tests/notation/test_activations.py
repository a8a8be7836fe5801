"""Activations and the normal distribution against the C library and published definitions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.activations import erf, normcdf
from gradwright.run.load import load

#: A few last places, and the condition |x φ(x)/Φ(x)| of about x² in the lower tail.
PLACES = 8 * np.finfo(float).eps


def test_the_normal_distribution_is_that_of_the_c_library() -> None:
    x = np.linspace(-9, 9, 1801)
    expected = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in x])
    assert np.all(np.abs(normcdf(x) - expected) <= PLACES * np.maximum(1, x * x) * expected)
    expected = np.array([math.erf(z) for z in x])
    assert np.all(np.abs(erf(x) - expected) <= PLACES * np.abs(expected))
    assert np.isnan(normcdf(np.array([np.nan]))).all()
    assert np.array_equal(normcdf(np.array([-np.inf, np.inf])), [0, 1])


def test_the_complex_extension_carries_the_density() -> None:
    x = np.linspace(-9, 9, 181)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    slope = normcdf(x + 1e-30j).imag / 1e-30
    # Where the series ends its derivative has lost a digit.
    assert np.all(np.abs(slope - density) <= 4 * PLACES * np.maximum(1, x * x) * density)


def gelu(x: float) -> float:
    return x * 0.5 * math.erfc(-x / math.sqrt(2))


def gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


#: As in the papers, one number at a time.
PUBLISHED: dict[str, Callable[[float], float]] = {
    "silu(x)": lambda x: x / (1 + math.exp(-x)),
    "gelu(x)": gelu,
    "gelu_tanh(x)": gelu_tanh,
    "mish(x)": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "elu(x)": lambda x: x if x > 0 else math.expm1(x),
    "elu(x, alpha=0.5)": lambda x: x if x > 0 else 0.5 * math.expm1(x),
    "selu(x)": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "hard_tanh(x)": lambda x: min(max(x, -1.0), 1.0),
    "softsign(x)": lambda x: x / (1 + abs(x)),
    "normpdf(x)": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "normcdf(x)": lambda x: 0.5 * math.erfc(-x / math.sqrt(2)),
    "erf(x)": math.erf,
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_activations_are_as_published(text: str) -> None:
    """The notation's evaluator and the emitted code, in both precisions."""
    f = gw.formula(text)
    x = np.concatenate([np.linspace(-7, 7, 141), [-1.0, 0.0, 1.0]])
    expected = np.array([PUBLISHED[text](z) for z in x])
    code = f.jacobian("x")
    for dtype in (np.float64, np.float32):
        eps = np.finfo(dtype).eps
        # 64: the condition near -7, where gelu and normcdf fall like exp(-x²/2); x times a
        # rounded 1 + tanh(u) has an error of x.
        allowed = 64 * eps * np.abs(expected) + 4 * eps * np.abs(x)
        value, _ = code.value_and(x=x.astype(dtype))
        assert value.dtype == dtype
        assert np.all(np.abs(value - expected) <= allowed), dtype
        assert np.all(np.abs(f(x=x.astype(dtype)) - expected) <= allowed), dtype


@pytest.mark.parametrize("text", PUBLISHED)
def test_their_derivatives_pass_the_check_far_out(text: str, seed: int) -> None:
    # Where all entries of gelu_tanh are beyond 5, 1 - tanh(u)^2 has lost half its digits.
    far = "(3*x" if text.startswith("gelu_tanh") else "(5*x"
    f = gw.formula(f"sum(y .* {text.replace('(x', far)})")
    assert f.gradient("x").check(seed=seed).ok
    assert f.hessian("x").check(seed=seed).ok


KINKS = [
    ("hard_tanh(x)", -1.0, 0.0),
    ("hard_tanh(x)", 1.0, 0.0),
    ("elu(x)", 0.0, 1.0),
    ("elu(x, alpha=0.5)", 0.0, 0.5),
    ("selu(x)", 0.0, 1.0507009873554805 * 1.6732632423543772),
]


@pytest.mark.parametrize(("text", "at", "expected"), KINKS)
def test_the_conventions_at_their_kinks(text: str, at: float, expected: float) -> None:
    d = gw.formula(text, x="scalar").gradient("x")
    assert d(x=at) == pytest.approx(expected, rel=1e-15, abs=0)
    assert d.assumptions


def test_the_module_carries_its_own_distribution_function() -> None:
    module = load(gw.gradient("sum(gelu(x))", "x").source("numpy"))
    assert np.allclose(module.gradient(np.array([0.0])), [0.5])
