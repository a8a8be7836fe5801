"""Points and plain callables: what every oracle sees of the thing it checks.

A point is a dictionary of named arrays, the *blocks*; a function takes a point and returns a number
or an array `y`. Shapes of derivatives follow the rest of the library: `y.shape + x.shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwright.errors import DomainError, SymbolError

Array = NDArray[Any]
Point = Mapping[str, Array]
Function = Callable[[dict[str, Array]], Any]


def prepared(point: Mapping[str, Any], blocks: Sequence[str]) -> dict[str, Array]:
    """The point in double precision: floating blocks, and every block of `blocks`, as float64.

    Other integer and boolean arrays, such as class indices, stay as they are.

    Raises:
        SymbolError: a block of `blocks` is not in the point.
        DomainError: a value is complex, or not finite.
    """
    for name in blocks:
        if name not in point:
            raise SymbolError(
                f"the derivative with respect to {name}",
                f"the point has the blocks {', '.join(point)}, and {name} is not among them",
                "name a block of the point",
            )
    return {name: _real(name, value, name in blocks) for name, value in point.items()}


def _real(name: str, value: Any, differentiated: bool) -> Array:
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise DomainError(
            f"the value of {name}",
            f"it has the dtype {array.dtype}, and only real inputs have a derivative here",
            f"give {name} as real numbers",
        )
    if differentiated or array.dtype.kind == "f":
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            count = int(array.size - np.isfinite(array).sum())
            raise DomainError(
                f"the value of {name}",
                f"{count} of its {array.size} entries are not finite",
                f"give {name} finite values",
            )
    return array


def moved(point: Point, block: str, offset: Array) -> dict[str, Array]:
    """The point with `offset` (the shape of the block, real or complex) added to one block."""
    changed = dict(point)
    changed[block] = point[block] + offset
    return changed


def real_value(function: Function, point: Point) -> Array:
    """The value of the function at a real point, as a float64 array.

    Raises:
        DomainError: the value is complex or not finite.
    """
    with np.errstate(all="ignore"):
        value = np.asarray(function(dict(point)))
    if value.dtype.kind == "c":
        raise DomainError(
            "the value of the function",
            f"it has the dtype {value.dtype} at a real point",
            "check a function that is real for real inputs",
        )
    value = value.astype(np.float64)
    if not np.isfinite(value).all():
        count = int(value.size - np.isfinite(value).sum())
        raise DomainError(
            "the value of the function",
            f"{count} of its {value.size} entries are not finite at this point",
            "choose a point inside the domain of the function",
        )
    return value


def unit_directions(shape: tuple[int, ...], coordinates: Iterable[int]) -> Iterator[Array]:
    """For each flat coordinate (C order) the array of `shape` that is 1 there and 0 elsewhere."""
    for coordinate in coordinates:
        direction = np.zeros(shape)
        direction.flat[coordinate] = 1.0
        yield direction
