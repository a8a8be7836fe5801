"""Activations and the normal distribution, right for real and for complex numbers as `analytic`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gradwright.notation.analytic import ELEMENTWISE, Array, magnitude, sigmoid, softplus

#: From here on Φ comes from its tail; nearer to 0, where 1/2 + … loses no digits, from a series.
EDGE = 1.2

#: Steps of the continued fraction for the tail; from `EDGE` on its error is below exp(-50).
FRACTION_STEPS = 250

#: Terms of the series for Φ - 1/2; for |z| up to 2, as `erf` takes it, 2^(2k+1)/(2k+1)!! is small.
SERIES_TERMS = 40


def _rising(z: Array, value: Array) -> Array:
    """A product that tends to 0 far below, where z is -inf and its other factor 0."""
    return np.asarray(np.where(z.real == -np.inf, 0, value), z.dtype)


def silu(z: Array) -> Array:
    """z σ(z)."""
    return _rising(z, z * sigmoid(z))


def normpdf(z: Array) -> Array:
    """exp(-z²/2)/√(2π), in the precision of z."""
    pi = 4 * np.arctan(np.ones((), z.real.dtype))
    return np.asarray(np.exp(-z * z / 2) / np.sqrt(2 * pi))


def _centre(z: Array) -> Array:
    """Φ(z) - 1/2 = φ(z) (z + z³/3 + z⁵/15 + …), for |z| up to 2 (NIST DLMF 7.6.2)."""
    term = total = z
    for k in range(1, SERIES_TERMS):
        term = term * z * z / (2 * k + 1)
        total = total + term
    return np.asarray(normpdf(z) * total)


def _tail(z: Array) -> Array:
    """Φ(-z) = φ(z)/(z + 1/(z + 2/(z + 3/…))) for Re z from `EDGE` on (NIST DLMF 7.9.1)."""
    bottom = z
    for k in range(FRACTION_STEPS, 0, -1):
        bottom = z + k / bottom
    return np.asarray(normpdf(z) / bottom)


def normcdf(z: Array) -> Array:
    """The integral of `normpdf` up to z."""
    z = np.asarray(z)
    value = z.copy()
    for there, formula in (
        (np.abs(z.real) < EDGE, lambda x: 0.5 + _centre(x)),
        (z.real <= -EDGE, lambda x: _tail(-x)),
        (z.real >= EDGE, lambda x: 1 - _tail(x)),
    ):
        # Both series take many steps, whether there is an entry for them or not.
        if np.any(there):
            value[there] = formula(z[there])
    return value


def erf(z: Array) -> Array:
    """2 Φ(√2 z) - 1, which near 0 is twice what the series gives."""
    scaled = np.sqrt(np.asarray(2, z.real.dtype)) * z
    middle = np.abs(scaled.real) < 2
    return np.asarray(
        np.where(middle, 2 * _centre(np.where(middle, scaled, 0)), 2 * normcdf(scaled) - 1), z.dtype
    )


def gelu(z: Array) -> Array:
    """z Φ(z)."""
    return _rising(z, z * normcdf(z))


def gelu_tanh(z: Array) -> Array:
    """The tanh form of gelu, (1 + tanh(u))/2 as sigmoid(2u), which keeps its digits below 0."""
    slope, cube = (np.asarray(v, z.real.dtype) for v in (1.5957691216057308, 0.044715))
    return _rising(z, z * sigmoid(slope * (z + cube * z * z * z)))


def mish(z: Array) -> Array:
    """z tanh(softplus(z))."""
    return _rising(z, z * np.tanh(softplus(z)))


def elu(z: Array, alpha: float = 1.0) -> Array:
    """z above 0, alpha (exp(z) - 1) up to 0."""
    below = np.asarray(alpha, z.real.dtype) * np.expm1(np.where(z.real > 0, 0, z))
    return np.asarray(np.where(z.real > 0, z, below), z.dtype)


def selu(z: Array) -> Array:
    """A multiple of elu that keeps mean 0 and variance 1."""
    return np.asarray(
        np.asarray(1.0507009873554805, z.real.dtype) * elu(z, 1.6732632423543772), z.dtype
    )


def hard_tanh(z: Array) -> Array:
    """z between -1 and 1, those beyond; constant at both ends."""
    inside = np.abs(z.real) < 1
    return np.asarray(np.where(inside, z, np.where(np.isnan(z.real), z, np.sign(z.real))), z.dtype)


def huber(z: Array, delta: float = 1.0) -> Array:
    """z²/2 up to |z| = delta, its tangent beyond."""
    size, half = magnitude(z), np.asarray(0.5, z.real.dtype)
    limit = np.asarray(delta, z.real.dtype)
    near = size.real < limit
    squared = half * np.where(near, size, 0) ** 2
    return np.asarray(np.where(near, squared, limit * (size - half * limit)), z.dtype)


def softsign(z: Array) -> Array:
    """z/(1 + |z|), which tends to -1 and 1."""
    return np.asarray(np.where(np.isinf(z.real), np.sign(z.real), z / (1 + magnitude(z))), z.dtype)


#: All functions of single entries of one argument, with the options that go without saying.
EACH_ENTRY: Mapping[str, Callable[[Array], Array]] = {
    **ELEMENTWISE,
    "silu": silu,
    "normpdf": normpdf,
    "normcdf": normcdf,
    "erf": erf,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "mish": mish,
    "elu": elu,
    "huber": huber,
    "selu": selu,
    "hard_tanh": hard_tanh,
    "softsign": softsign,
}
