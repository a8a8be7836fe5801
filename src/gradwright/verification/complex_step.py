"""Derivatives by the complex step: Im f(x + ih) / h.

For a real-analytic f the truncation error is of order h², and no difference is formed, so h can be
1e-30 and the result is right to rounding (Squire and Trapp, SIAM Review 40, 1998). The step never
crosses a kink. Two limits follow from h: a non-zero input below 1e-22 in magnitude is not resolved,
and a derivative below 1e-278 loses digits to underflow.

The function must be an *analytic extension*: `numpy.abs`, `norm`, `conj` and the like throw away
the imaginary part, and a derivative that is silently zero comes out. Hence `require_analytic`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gradwright.errors import DomainError, UnsupportedError
from gradwright.verification.points import (
    Array,
    Function,
    Point,
    moved,
    real_value,
    unit_directions,
)

STEP = 1e-30


def jacobian(
    function: Function, point: Point, block: str, coordinates: Sequence[int] | None = None
) -> Array:
    """The derivative with respect to one block, x.

    Returns:
        An array of shape `y.shape + x.shape`; with flat coordinates of x (C order), only those
        columns: `y.shape + (len(coordinates),)`.

    Raises:
        UnsupportedError: the function does not take complex numbers, or drops their imaginary part.
        DomainError: the function is not finite here.
    """
    shape = np.shape(point[block])
    chosen = range(int(np.prod(shape))) if coordinates is None else coordinates
    columns = along(function, point, block, unit_directions(shape, chosen))
    return columns if coordinates is not None else columns.reshape(columns.shape[:-1] + shape)


def along(function: Function, point: Point, block: str, directions: Iterable[Array]) -> Array:
    """The derivatives along directions of the shape of the block, as `y.shape + (directions,)`.

    Raises:
        UnsupportedError: the function does not take complex numbers, or drops their imaginary part.
        DomainError: the function is not finite here.
    """
    value = real_value(function, point)
    columns = [_one(function, point, block, direction, value) for direction in directions]
    return np.stack(columns, axis=-1) if columns else np.zeros((*value.shape, 0))


def _one(function: Function, point: Point, block: str, direction: Array, value: Array) -> Array:
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(function(moved(point, block, 1j * STEP * direction)))
    except TypeError as error:
        raise UnsupportedError(
            f"the complex step with respect to {block}",
            f"the function does not take complex numbers ({error})",
            'use oracle="ridders", or a function written with analytic operations',
        ) from error
    if result.dtype.kind != "c":
        # Either the function does not depend on the block, or it has dropped the imaginary part.
        if np.array_equal(real_value(function, moved(point, block, 1e-6 * direction)), value):
            return np.zeros(value.shape)
        raise _not_analytic(block, "it returns real numbers for complex inputs, yet it varies")
    if not np.isfinite(result).all():
        raise DomainError(
            f"the complex step with respect to {block}",
            "the function is finite at the real point and not finite at the complex one",
            'use oracle="ridders", or choose another point',
        )
    return result.imag / STEP


def require_analytic(function: Function, point: Point, block: str, direction: Array) -> None:
    """Compare the complex step with central differences along one direction, coarsely.

    This finds an operation without its analytic extension (an `abs` whose derivative comes out as
    zero); it does not judge digits. The direction should be drawn from a continuous distribution,
    so that what was dropped does not cancel along it. Differences at two steps must agree with each
    other to count: next to a kink or a pole they do not.

    Raises:
        UnsupportedError: the differences agree, and the complex step is another number in the first
            three digits.
    """
    claimed = along(function, point, block, [direction])[..., 0]
    if claimed.size == 0:
        return
    reach = max(1.0, float(np.max(np.abs(point[block]), initial=0.0)))
    wide, wide_noise = _difference(function, point, block, 1e-5 * reach, direction)
    narrow, narrow_noise = _difference(function, point, block, 1e-7 * reach, direction)
    doubt = 1e-3 * float(np.max(np.abs(narrow))) + wide_noise + narrow_noise
    gap = float(np.max(np.abs(claimed - wide)))
    if np.max(np.abs(wide - narrow)) <= doubt < gap:
        raise _not_analytic(block, f"it is off by {gap:.1e} from finite differences")


def _difference(
    function: Function, point: Point, block: str, step: float, direction: Array
) -> tuple[Array, float]:
    """A central difference, and the rounding of the values magnified by the division."""
    with np.errstate(all="ignore"):
        above = np.asarray(function(moved(point, block, step * direction)), dtype=np.float64)
        below = np.asarray(function(moved(point, block, -step * direction)), dtype=np.float64)
        return (above - below) / (2 * step), 1e-13 * float(np.max(np.abs([above, below]))) / step


def _not_analytic(block: str, fact: str) -> UnsupportedError:
    return UnsupportedError(
        f"the complex step with respect to {block}",
        f"the function is no analytic extension: {fact}",
        'use oracle="ridders", or replace abs, norm, conj and the like by analytic operations',
    )
