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
    # (1 + tanh(u))/2 is 1/(1 + exp(-2u)); the sum loses digits below 0.
    return x / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


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
        # 64: the condition near -7, where gelu and normcdf fall like exp(-x²/2).
        allowed = 64 * eps * np.abs(expected)
        value, _ = code.value_and(x=x.astype(dtype))
        assert value.dtype == dtype
        assert np.all(np.abs(value - expected) <= allowed), dtype
        assert np.all(np.abs(f(x=x.astype(dtype)) - expected) <= allowed), dtype


@pytest.mark.parametrize("text", PUBLISHED)
def test_their_derivatives_pass_the_check_far_out(text: str, seed: int) -> None:
    f = gw.formula(f"sum(y .* {text.replace('(x', '(5*x')})")
    assert f.gradient("x").check(seed=seed).ok
    assert f.hessian("x").check(seed=seed).ok


def test_the_slopes_of_gelu_tanh_keep_their_digits_far_out(rng: np.random.Generator) -> None:
    """f = x s(v) has f' = s + x s (1 - s) v' and f'' = s (1 - s) (2v' + x v'' + x v'² (1 - 2s))."""
    x = np.concatenate([rng.uniform(3, 9, 20), rng.uniform(-9, -3, 20)])
    a, b = 2 * math.sqrt(2 / math.pi), 0.044715
    v, slope, bend = a * (x + b * x**3), a * (1 + 3 * b * x * x), 6 * a * b * x
    small = np.exp(-np.abs(v))
    steep = small / (1 + small) ** 2
    gate = np.where(v > 0, 1, small) / (1 + small)
    second = steep * (2 * slope + x * bend - x * slope**2 * np.tanh(v / 2))
    f = gw.formula("sum(gelu_tanh(x))")
    # v is rounded a few times, and moves exp(v) by v times as much.
    allowed = 8 * np.finfo(float).eps * (8 + np.abs(v))
    first = f.gradient("x")(x=x)
    # From x = -3 on both terms are negative.
    assert np.all(np.abs(first - (gate + x * steep * slope)) <= allowed * np.abs(first))
    found = np.diag(f.hessian("x")(x=x))
    assert np.all(np.abs(found - second) <= allowed * np.abs(second))


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
