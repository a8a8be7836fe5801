"""The error measure, and how large an error may be.

The measure of a block is max |a - b| / max |b| over the block. Its tolerance follows from the
condition of the derivative at the point: κ = max(1, r/u), with r the largest relative change of the
oracle's derivative (never of the derivative under test, which could widen its own tolerance) under
16 perturbations of every input by one unit in the last place, and u = 2**-53.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradwright.verification.points import Array, Point

UNIT = 2.0**-53
PERTURBATIONS = 16
#: The smallest tolerance of the complex step. Measured on compositions of tanh and softmax, the
#: complex step and a gradient written by hand differ by up to 4e-14: rounding accumulates along the
#: depth, which a perturbation of the inputs alone does not show.
COMPLEX_STEP_FLOOR = 1e-12
#: The smallest tolerance of Ridders' method, whose worst measured error is 6e-12.
RIDDERS_FLOOR = 1e-10
#: A tolerance beyond this judges nothing.
NOT_JUDGED = 1e-6


def block_error(ours: Array, oracle: Array) -> float:
    """max |a - b| / max |b| over the block; infinite where b is all zero and a is not.

    A value of `ours` that is not finite makes the error infinite. An empty block has error 0.
    """
    return relative_size(ours - oracle, oracle)


def relative_size(gap: Array, oracle: Array) -> float:
    """max |gap| / max |b| over the block: the measure for differences already taken."""
    largest = float(np.max(np.abs(gap), initial=0.0))
    if largest == 0.0:
        return 0.0
    scale = float(np.max(np.abs(oracle)))
    return largest / scale if scale > 0 and np.isfinite(largest) else float("inf")


def perturbed(point: Point, generator: np.random.Generator) -> dict[str, Array]:
    """The point with every floating entry moved by one unit in the last place, up or down.

    Zeros stay: their last place is the smallest subnormal number, which says nothing.
    """
    changed = dict(point)
    for name, value in point.items():
        if value.dtype.kind == "f":
            towards = np.where(generator.random(value.shape) < 0.5, -np.inf, np.inf)
            changed[name] = np.where(value == 0, value, np.nextafter(value, towards))
    return changed


def noise(
    derivative: Callable[[Point], Array], point: Point, generator: np.random.Generator
) -> float:
    """The largest change of any entry of `derivative` under the 16 perturbations."""
    here = derivative(point)
    largest = 0.0
    for _ in range(PERTURBATIONS):
        change = np.abs(derivative(perturbed(point, generator)) - here)
        largest = max(largest, float(np.max(change, initial=0.0)))
    return largest


def condition(change: float, scale: float) -> float:
    """κ from the largest change and the largest entry of the block; 1 for a block of zeros."""
    return max(1.0, change / scale / UNIT) if scale > 0 else 1.0


def complex_step_tolerance(kappa: float) -> float:
    """32·u·κ, at least `COMPLEX_STEP_FLOOR`."""
    return max(COMPLEX_STEP_FLOOR, 32 * UNIT * kappa)


def ridders_tolerance(errors: Array, values: Array) -> float:
    """Four times the largest estimated error over the largest entry, at least `RIDDERS_FLOOR`."""
    largest = float(np.max(errors, initial=0.0))
    scale = float(np.max(np.abs(values), initial=0.0))
    if scale == 0.0:
        return RIDDERS_FLOOR
    return max(RIDDERS_FLOOR, 4 * largest / scale)
