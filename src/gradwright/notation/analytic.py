"""Elementwise functions that are right for real and for complex numbers.

A complex number here is a real point with a small imaginary part that carries a derivative. Each
function is the analytic extension of the real one: nothing takes a modulus or a conjugate, choices
are made by the real part, and what is undefined for a real number is nan. Where NumPy's own complex
function loses the digits of a tiny imaginary part or of a tiny real result, the reason stands at
the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def is_complex(array: Array) -> bool:
    """Whether an array has imaginary parts."""
    return array.dtype.kind == "c"


def log1p(z: Array) -> Array:
    """log(1 + z) for Re z > -1."""
    if not is_complex(z):
        return np.asarray(np.log1p(z))
    # NumPy takes log|1 + z| of a complex number, which rounds 1 + z first.
    real = np.log1p(z.real * (2 + z.real) + z.imag**2) / 2
    # (2 + x)x overflows only where 1 + z = z.
    large = z.real > 1e8
    real = np.where(large, np.log(np.abs(np.where(large, 1 + z, 1))), real)
    return _complex(real, np.arctan2(z.imag, 1 + z.real))


def expm1(z: Array) -> Array:
    """exp(z) - 1, with the digits of a small z."""
    if not is_complex(z):
        return np.asarray(np.expm1(z))
    half = np.sin(z.imag / 2)
    real = np.expm1(z.real) * np.cos(z.imag) - 2 * half * half
    return _complex(real, np.exp(z.real) * np.sin(z.imag))


def _complex(real: Array, imaginary: Array) -> Array:
    # real + 1j*imaginary would turn an infinite part into a nan in the other one.
    result = np.empty(np.broadcast(real, imaginary).shape, np.result_type(real, 1j))
    result.real = real
    result.imag = imaginary
    return result


def _where_real(domain: Array, value: Array) -> Array:
    """`value` where the real function is defined, else nan."""
    return np.where(domain, value, np.asarray(np.nan, value.dtype))


def _log(z: Array) -> Array:
    return _where_real(z.real >= 0, np.log(z)) if is_complex(z) else np.asarray(np.log(z))


def sqrt(z: Array) -> Array:
    """The square root; its derivative at 0 is infinite."""
    if not is_complex(z):
        return np.asarray(np.sqrt(z))
    at_zero = _complex(np.zeros(z.shape, z.real.dtype), np.where(z.imag == 0, 0, z.imag * np.inf))
    return np.where(z.real == 0, at_zero, _where_real(z.real > 0, np.sqrt(z)))


def rsqrt(z: Array) -> Array:
    """1 over the square root, and 0 where the real part is 0."""
    zero = z.real == 0
    return np.asarray(np.where(zero, 0, 1 / sqrt(np.where(zero, 1, z))), z.dtype)


def magnitude(z: Array) -> Array:
    """|z| continued from each side of 0; 0 at 0, and so is its derivative."""
    return np.asarray(np.where(z.real == 0, 0, np.where(z.real < 0, -z, z)), z.dtype)


def _sign(z: Array) -> Array:
    return np.asarray(np.sign(z.real), z.dtype)


def step(z: Array, kink: float) -> Array:
    """1 for positive, 0 for negative, `kink` for a zero real part."""
    return np.asarray(np.heaviside(z.real, np.asarray(kink, z.real.dtype)), z.dtype)


def leaky_relu(z: Array, slope: float, kink: float) -> Array:
    """z for positive, slope·z for negative real parts, kink·z at 0."""
    positive, negative = z.real > 0, z.real < 0
    # A nan is in none of the cases and passes through.
    at_zero = np.where(z.real == 0, np.asarray(kink, z.real.dtype) * z, z)
    scaled = np.asarray(slope, z.real.dtype) * z
    return np.asarray(np.where(positive, z, np.where(negative, scaled, at_zero)), z.dtype)


def _relu(z: Array) -> Array:
    return np.asarray(np.where(z.real > 0, z, np.where(z.real <= 0, 0, z)), z.dtype)


def larger(one: Array, other: Array, constant: Array | None) -> Array:
    """The one with the larger real part; at a tie the mean, or the `constant` that is one of them.

    So a tie of two variables has half of each derivative, one with a constant none.
    """
    tie = one / 2 + other / 2 if constant is None else constant
    rest = np.where(one.real == other.real, tie, one + other)
    return np.where(one.real > other.real, one, np.where(one.real < other.real, other, rest))


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z))."""
    positive = z.real >= 0
    # exp only of numbers left of 0, so it never overflows.
    small = np.exp(np.where(positive, -z, z))
    return np.asarray(np.where(positive, 1, small) / (1 + small))


def softplus(z: Array) -> Array:
    """log(1 + exp(z))."""
    positive = z.real > 0
    small = log1p(np.exp(np.where(positive, -z, z)))
    return np.where(positive, z + small, small)


def _arcsin(z: Array) -> Array:
    if not is_complex(z):
        return np.asarray(np.arcsin(z))
    return _where_real(np.abs(z.real) <= 1, np.arcsin(z))


def _arccos(z: Array) -> Array:
    if not is_complex(z):
        return np.asarray(np.arccos(z))
    return _where_real(np.abs(z.real) <= 1, np.arccos(z))


def power(base: Array, exponent: Array) -> Array:
    """base ** exponent, elementwise, as the real power times a factor near 1."""
    if not (is_complex(base) or is_complex(exponent)):
        return np.asarray(np.power(base, exponent))
    base, exponent = np.broadcast_arrays(base, exponent)
    # exp(w log z) would lose digits of the real part in proportion to w log z, and the sign of an
    # integer power of a negative number.
    real = np.power(base.real, exponent.real)
    zero = base.real == 0
    ratio = np.where(zero, 0, base.imag / np.where(zero, 1, base.real))
    turn = exponent * log1p(1j * ratio)
    varies = exponent.imag != 0
    turn = turn + np.where(varies, 1j * exponent.imag * np.log(base.real), 0)
    value = real * np.exp(turn)
    return np.where(zero, _power_of_zero(base, exponent), value)


def _power_of_zero(base: Array, exponent: Array) -> Array:
    # z^w at Re z = 0 to first order: z itself for w = 1, constant for w = 0 and for w > 1,
    # infinitely steep between 0 and 1.
    imaginary = np.where(base.imag == 0, 0, base.imag * np.inf)
    steep = (exponent.real > 0) & (exponent.real < 1)
    slope = np.where(exponent.real == 1, base.imag, np.where(steep, imaginary, 0))
    return _complex(np.power(np.zeros_like(base.real), exponent.real), slope)


def _plain(function: Callable[[Array], Any]) -> Callable[[Array], Array]:
    return lambda z: np.asarray(function(z))


#: Functions of one argument without options.
ELEMENTWISE: Mapping[str, Callable[[Array], Array]] = {
    "exp": _plain(np.exp),
    "expm1": expm1,
    "log": _log,
    "log1p": lambda z: _where_real(z.real > -1, log1p(z)) if is_complex(z) else log1p(z),
    "sqrt": sqrt,
    "abs": magnitude,
    "sign": _sign,
    "sin": _plain(np.sin),
    "cos": _plain(np.cos),
    "tan": _plain(np.tan),
    "arcsin": _arcsin,
    "arccos": _arccos,
    "arctan": _plain(np.arctan),
    "sinh": _plain(np.sinh),
    "cosh": _plain(np.cosh),
    "tanh": _plain(np.tanh),
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": _relu,
    "rsqrt": rsqrt,
}
