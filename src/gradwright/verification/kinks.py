"""Points on a kink: any value between the two one-sided slopes is accepted, and reported as such.

At a kink there is no derivative to be right about; a convention such as relu'(0) = 0 picks a value
between the slope on the left and the slope on the right. The conventions themselves are tested
where the operations are; here only the interval is known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from gradwright.verification.points import Array, Function, Point, unit_directions
from gradwright.verification.ridders import one_sided

#: Points closer than this to a kink are redrawn.
NEAR = 1e-6
#: How often a point is redrawn before the check goes on with the last one.
REDRAWS = 100


class Settled(Struct, frozen=True):
    """A point to check at, how many were thrown away, and whether it is still on a kink."""

    point: Point
    redrawn: int
    on_kink: bool


def settle(
    point: Point, distance: Callable[[Point], float] | None, redraw: Callable[[], Point] | None
) -> Settled:
    """Redraw the point until its distance to the nearest kink is at least `NEAR`."""
    if distance is None:
        return Settled(point, 0, False)
    redrawn = 0
    while distance(point) < NEAR:
        if redraw is None or redrawn == REDRAWS:
            return Settled(point, redrawn, True)
        point = redraw()
        redrawn += 1
    return Settled(point, redrawn, False)


def slope_interval(
    function: Function, point: Point, block: str, coordinate: int
) -> tuple[Array, Array]:
    """The interval of slopes along one flat coordinate, widened by the estimated errors.

    Returns:
        The lower and upper ends, each with the shape of y.
    """
    (direction,) = unit_directions(np.shape(point[block]), [coordinate])
    right = one_sided(function, point, block, direction)
    backward = one_sided(function, point, block, -direction)
    left = -backward.values
    margin = 4 * np.maximum(right.errors, backward.errors)
    return np.minimum(left, right.values) - margin, np.maximum(left, right.values) + margin
