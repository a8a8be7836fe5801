"""Arrays of mean 0 or length 1 along an axis, right for real and for complex numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gradwright.notation.analytic import Array, sqrt


def _mean(z: Array, axis: int) -> Array:
    return np.asarray(np.sum(z, axis=axis, keepdims=True) / z.shape[axis])


def std(z: Array, axis: int, eps: float = 0.0) -> Array:
    """√(mean((z - mean z)²) + eps), with the axis kept."""
    return rms(z - _mean(z, axis), axis, eps)


def rms(z: Array, axis: int, eps: float = 0.0) -> Array:
    """√(mean(z²) + eps), with the axis kept."""
    return sqrt(_mean(z * z, axis) + np.asarray(eps, z.real.dtype))


def layernorm(z: Array, axis: int, eps: float = 1e-5) -> Array:
    """(z - mean z)/std z."""
    return np.asarray((z - _mean(z, axis)) / std(z, axis, eps))


def rmsnorm(z: Array, axis: int, eps: float = 1e-6) -> Array:
    """z/rms z."""
    return np.asarray(z / rms(z, axis, eps))


LENGTHS: Mapping[str, Callable[..., Array]] = {"std": std, "rms": rms}
STANDARDISED: Mapping[str, Callable[..., Array]] = {
    "layernorm": layernorm,
    "rmsnorm": rmsnorm,
    "batchnorm": layernorm,
}
