"""Sums, means, variances, norms and the largest entries of traced arrays."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradwright.api.numpy_refusals import refused
from gradwright.api.traced import Traced, along, as_matrix, elementwise, mapped, place_of
from gradwright.api.traced_constants import number, size
from gradwright.api.traced_parts import reshape
from gradwright.core.sizes import minus, times
from gradwright.errors import ShapeError
from gradwright.notation.tree import Call

Axis = int | tuple[int, ...] | None


def reduction(function: str, value: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    """A sum, mean, or the like over one axis, several or all."""
    if value.form == "scalar" and axis in (None, ()):
        return value
    if isinstance(axis, tuple):
        asked = f"the {function} over axis"
        places = sorted((place_of(k, value.ndim, asked) for k in axis), reverse=True)
        if len(set(places)) < len(places):
            raise ShapeError(
                "tracing a function",
                f"the {function} over the axes {axis} is asked for, one of them twice",
                "name each axis once",
            )
        for each in places:
            value = reduction(function, value, each, keepdims=keepdims)
        return value
    place = None if axis is None else place_of(axis, value.ndim, f"the {function} over axis")
    if place is None or value.form == "vector":
        if keepdims:
            raise refused("keepdims without two axes")
        return Traced(Call(function, (value.tree,)), "scalar", (), value.symbols)
    if value.form not in ("matrix", "tensor"):
        raise refused(f"the {function} over axis {axis} of a {value.form}")
    found = along(function, value, place)
    if keepdims and value.form == "tensor":
        return reshape(found, (*value.axes[:place], 1, *value.axes[place + 1 :]))
    return as_matrix(found, "column" if place else "row") if keepdims else found


total = partial(reduction, "sum")
mean = partial(reduction, "mean")
largest = partial(reduction, "max")
smallest = partial(reduction, "min")


def variance(
    value: Traced, axis: int | None = None, *, ddof: int = 0, keepdims: bool = False
) -> Traced:
    """The mean of squared differences from the mean, or their sum over the count less `ddof`."""
    along = axis is not None and value.ndim > 1
    centre = mean(value, axis, keepdims=along)
    squares = elementwise(".^", elementwise("-", value, centre), number(2))
    if not ddof:
        return mean(squares, axis, keepdims=keepdims)
    counted = value.shape if axis is None else [value.shape[place_of(axis, value.ndim)]]
    left = minus(times(*counted), ddof)
    if isinstance(left, int) and left < 1:
        raise refused(f"ddof={ddof} for a variance of {left + ddof} numbers")
    return elementwise("./", total(squares, axis, keepdims=keepdims), size(left))


def deviation(
    value: Traced, axis: int | None = None, *, ddof: int = 0, keepdims: bool = False
) -> Traced:
    """The square root of the variance."""
    return mapped("sqrt")(variance(value, axis, ddof=ddof, keepdims=keepdims))


def average(value: Traced, axis: Axis = None, weights: Any = None) -> Traced:
    """The mean, or with weights of all entries the sum of the products over that of the weights."""
    if weights is None:
        return mean(value, axis)
    if not isinstance(weights, Traced) or weights.shape != value.shape:
        raise refused("np.average with weights that are no symbols of the same shape")
    products = elementwise(".*", value, weights)
    return elementwise("./", total(products, axis), total(weights, axis))


def spread(value: Traced, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    """`np.ptp`: the largest entry less the smallest."""
    ends = (part(value, axis, keepdims=keepdims) for part in (largest, smallest))
    return elementwise("-", *ends)


def norm(value: Traced, ord: Any = None, axis: Axis = None, *, keepdims: bool = False) -> Traced:
    """`np.linalg.norm`: the root of the sum of squares, or with `ord=1` the sum of sizes.

    Raises:
        UnsupportedError: another order, or one of matrices that has singular values.
    """
    if isinstance(axis, tuple) and ord is not None:
        raise refused(f"np.linalg.norm with ord={ord!r} over two axes")
    plain = ord is None or (ord == 2 and (value.form == "vector" or axis is not None))
    if axis is not None and (plain or ord == 1):
        if plain:
            squares = total(elementwise(".^", value, number(2)), axis, keepdims=keepdims)
            return mapped("sqrt")(squares)
        return total(mapped("abs")(value), axis, keepdims=keepdims)
    if axis is None and not keepdims:
        if plain or ord == "fro":
            return whole("norm2", value)
        if ord == 1 and value.form == "vector":
            return whole("norm1", value)
    place = "" if axis is None else f" along axis {axis}"
    raise refused(f"np.linalg.norm with ord={ord!r}, keepdims={keepdims} of a {value.form}{place}")


def whole(function: str, value: Traced) -> Traced:
    """A function of the whole value, to a number."""
    return Traced(Call(function, (value.tree,)), "scalar", (), value.symbols)
