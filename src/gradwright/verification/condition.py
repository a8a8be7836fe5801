"""The error measure, and how large an error may be.

The measure of a block is max |a - b| / max |b| over the block. Its tolerance follows from the
condition of the derivative at the point: κ = max(1, r/u), with r the largest relative change of the
oracle's derivative under 16 perturbations of every input by one unit in the last place, and
u = 2**-53. The derivative under test widens its own tolerance at most to `OWN_ROUNDING_LIMIT`.
"""

from __future__ import annotations

import math
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
#: How far the rounding of the derivative under test may widen its tolerance. A right formula can
#: lose digits (1 - tanh(z)**2 near saturation); a fault of 1e-10 must not hide behind that.
OWN_ROUNDING_LIMIT = 5e-11
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


def roughness(
    derivative: Callable[[Point], Array], point: Point, generator: np.random.Generator
) -> float:
    """The rounding in the values of `derivative`: how far they are from a smooth curve.

    From the table of differences at nine points along a random line through the point, as in Moré
    and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011). The k-th difference
    of a smooth curve falls with the k-th power of the spacing, and what stays is noise. Perturbing
    inputs in the last place is not enough here: where tanh(z) is near 1 it does not move.

    Returns:
        The largest noise of any entry; 0 where a value on the line is not finite.
    """
    line = {
        name: 1e-3 * np.max(np.abs(value)) * generator.choice([-1.0, 1.0], value.shape)
        for name, value in point.items()
        if value.dtype.kind == "f" and value.size
    }
    values = []
    for k in range(-4, 5):
        moved = {name: point[name] + k * offset for name, offset in line.items()}
        values.append(derivative({**point, **moved}))
    table = np.stack(values)
    if not np.isfinite(table).all():
        return 0.0
    found = []
    for order in (6, 7, 8):
        # Independent noise of variance v has k-th differences of variance v·(2k)!/(k!)².
        square = np.mean(np.diff(table, order, axis=0) ** 2, axis=0) / math.comb(2 * order, order)
        found.append(math.sqrt(float(np.max(square, initial=0.0))))
    return min(found)


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
