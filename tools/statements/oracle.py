"""The independent side: NumPy from the mathematics, and derivatives by a complex step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any

#: So small that its square vanishes beside 1: the derivative is exact to rounding.
STEP = 1e-30


def complex_step(f: Callable[[Array], Array], x: Array) -> Array:
    """∂f/∂x with axes `f.shape + x.shape`, from Im f(x + i h)/h.

    f takes complex numbers and may branch on real parts alone. (Squire and Trapp, SIAM Review 40,
    1998.)
    """
    x = np.asarray(x, dtype=float)
    columns = []
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * STEP
        columns.append(np.imag(np.asarray(f(moved))) / STEP)
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *x.shape))


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(−z))."""
    return 1 / (1 + np.exp(-z))


def relu(z: Array) -> Array:
    """max(z, 0), the real part deciding."""
    return np.where(np.real(z) > 0, z, 0)


def softmax(z: Array) -> Array:
    """exp(z)/Σ exp(z) along the last axis."""
    powers = np.exp(z - np.max(np.real(z), axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def norm(v: Array) -> Array:
    """The Euclidean length, analytic in the entries."""
    return np.sqrt(np.sum(v * v))
