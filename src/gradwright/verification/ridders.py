"""Ridders' method: central differences extrapolated to step zero, with an error estimate.

C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software
4 (1982) 75-76. For functions that cannot take complex numbers. Deviations: the rounding of the
function and of the inputs is added to the estimate (two equal values at a tiny step would otherwise
claim an exact zero), and a start that is too wide is followed by narrower ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from msgspec import Struct

from gradwright.errors import DomainError
from gradwright.verification.points import (
    Array,
    Function,
    Point,
    moved,
    real_value,
    unit_directions,
)

CONTRACTION = 1.4
ROWS = 10
STARTS = 6
#: A relative estimate that ends the search for a better start.
GOOD = 1e-10
ROUNDING = float(np.finfo(np.float64).eps)


class Estimate(Struct, frozen=True):
    """Derivatives and, of the same shape, how far they may be off."""

    values: Array
    errors: Array


def jacobian(
    function: Function, point: Point, block: str, coordinates: Sequence[int] | None = None
) -> Estimate:
    """The derivative with respect to one block, x.

    Returns:
        Arrays of shape `y.shape + x.shape`; with flat coordinates of x (C order), only those
        columns: `y.shape + (len(coordinates),)`.

    Raises:
        DomainError: the function is not finite at the point, or nowhere near it.
    """
    shape = np.shape(point[block])
    chosen = range(int(np.prod(shape))) if coordinates is None else coordinates
    found = along(function, point, block, unit_directions(shape, chosen))
    if coordinates is not None:
        return found
    full = found.values.shape[:-1] + shape
    return Estimate(found.values.reshape(full), found.errors.reshape(full))


def along(function: Function, point: Point, block: str, directions: Iterable[Array]) -> Estimate:
    """The derivatives along directions of the shape of the block, as `y.shape + (directions,)`.

    Raises:
        DomainError: the function is not finite at the point, or nowhere near it.
    """
    value = real_value(function, point)
    found = [central(function, point, block, direction) for direction in directions]
    if not found:
        empty = np.zeros((*value.shape, 0))
        return Estimate(empty, empty)
    values = np.stack([one.values for one in found], axis=-1)
    return Estimate(values, np.stack([one.errors for one in found], axis=-1))


def central(function: Function, point: Point, block: str, direction: Array) -> Estimate:
    """The two-sided derivative along one direction, with the shape of y."""
    reach = _reach(point[block], direction)

    def quotient(step: float) -> Estimate:
        above = _at(function, point, block, step * direction)
        below = _at(function, point, block, -step * direction)
        slope = (above - below) / (2 * step)
        size = np.maximum(np.abs(above), np.abs(below))
        return Estimate(slope, ROUNDING * (size + np.abs(slope) * reach) / step)

    return _best_start(quotient, 0.1 * reach, 2, block)


def one_sided(function: Function, point: Point, block: str, direction: Array) -> Estimate:
    """The slope on the side that `direction` points to, with the shape of y.

    The error of a one-sided quotient has every power of the step, not only the even ones.
    """
    reach = _reach(point[block], direction)
    here = real_value(function, point)

    def quotient(step: float) -> Estimate:
        there = _at(function, point, block, step * direction)
        slope = (there - here) / step
        size = np.maximum(np.abs(there), np.abs(here))
        return Estimate(slope, 2 * ROUNDING * (size + np.abs(slope) * reach) / step)

    return _best_start(quotient, 0.1 * reach, 1, block)


def _reach(value: Array, direction: Array) -> float:
    """A step length at which the largest moved entry changes by about its own size."""
    largest = float(np.max(np.abs(value[direction != 0]), initial=0.0)) or 1.0
    return largest / (float(np.max(np.abs(direction), initial=0.0)) or 1.0)


def _at(function: Function, point: Point, block: str, offset: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(function(moved(point, block, offset)), dtype=np.float64)


def _best_start(
    quotient: Callable[[float], Estimate], start: float, powers: int, block: str
) -> Estimate:
    """The entry by entry best of several starts, each below the last step of the one before."""
    best: Estimate | None = None
    for turn in range(STARTS):
        found = _extrapolated(quotient, start / CONTRACTION ** (turn * ROWS), powers)
        if best is None:
            best = found
        else:
            better = found.errors < best.errors
            best = Estimate(
                np.where(better, found.values, best.values),
                np.where(better, found.errors, best.errors),
            )
        scale = float(np.max(np.abs(best.values), initial=0.0))
        # Exact zeros twice in a row: the function does not depend on the direction.
        if np.all(best.errors <= GOOD * scale) or (turn > 0 and scale == 0.0):
            break
    if best is None or not np.isfinite(best.errors).all():
        raise DomainError(
            f"the finite differences with respect to {block}",
            f"the function is not finite next to the point at any of {STARTS} step lengths",
            "choose a point inside the domain of the function",
        )
    return best


def _extrapolated(quotient: Callable[[float], Estimate], start: float, powers: int) -> Estimate:
    """Neville's tableau of quotients at `start / CONTRACTION**i`, read at step zero."""
    first = quotient(start)
    previous = [first.values]
    best = first.values
    errors = np.full(best.shape, np.inf)
    # Once the diagonal moves away, later rows hold rounding and may agree by accident.
    active = np.ones(best.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for i in range(1, ROWS):
            entry = quotient(start / CONTRACTION**i)
            row = [entry.values]
            for j in range(1, i + 1):
                factor = CONTRACTION ** (powers * j)
                row.append((factor * row[j - 1] - previous[j - 1]) / (factor - 1))
                distance = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - previous[j - 1]))
                distance = np.maximum(distance, entry.errors)
                better = active & (distance < errors)
                best = np.where(better, row[j], best)
                errors = np.where(better, distance, errors)
            away = np.abs(row[i] - previous[i - 1]) >= 2 * errors
            active &= ~away
            previous = row
            if not active.any():
                break
    return Estimate(best, errors)
