"""Index notation in the notation's own evaluator: entries, sums over indices, identities.

A value with free indices is an array with one axis for each of them. What is summed is a product,
so its factors are contracted by `numpy.einsum`, two at a time, and never multiplied out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.core.work import require_entries
from gradwright.errors import ShapeError
from gradwright.notation.tree import Binary, Index, IndexSum, Negate, Tree

Array = Any

#: A value and the free index of each of its axes; a scalar has no axis.
Indexed = tuple[Array, tuple[str, ...]]


def factors(tree: IndexSum, free: Mapping[int, frozenset[str]]) -> tuple[int, list[Tree]]:
    """The sign and the factors of what a sum adds, those with free indices taken apart."""
    sign, found, stack = 1, list[Tree](), [tree.body]
    while stack:
        part = stack.pop()
        if isinstance(part, Binary) and part.operator in ("*", ".*") and free[id(part)]:
            stack += [part.right, part.left]
        elif isinstance(part, Negate) and free[id(part)]:
            sign = -sign
            stack.append(part.operand)
        else:
            found.append(part)
    return sign, found


def total(sign: int, values: Sequence[Indexed], bound: Sequence[str]) -> Indexed:
    """The sum of the product of some values over the indices `bound`."""
    number: dict[str, int] = {}
    operands: list[Any] = []
    lengths: dict[str, int] = {}
    for array, names in values:
        operands += [array, [number.setdefault(name, len(number)) for name in names]]
        lengths |= _lengths(names, array)
    free = tuple(name for name in number if name not in bound)
    _check_size([lengths[name] for name in free])
    made = np.einsum(*operands, [number[name] for name in free], optimize="greedy")
    return sign * np.asarray(made), free


def taken(array: Array, indices: Sequence[Index]) -> Indexed:
    """The entries of an array at indices: an index twice is a diagonal, a number one entry."""
    for axis in reversed(range(len(indices))):
        index = indices[axis]
        if isinstance(index, int):
            if index > array.shape[axis]:
                raise ShapeError(
                    "evaluating the formula",
                    f"the index {index} is beyond the size {array.shape[axis]}, and indices "
                    "count from 1",
                    f"write 1 to {array.shape[axis]}, or give longer values",
                )
            array = np.take(array, index - 1, axis=axis)
    names = [index for index in indices if isinstance(index, str)]
    free = tuple(dict.fromkeys(names))
    places = [free.index(name) for name in names]
    lengths: dict[str, int] = {}
    for name, length in zip(names, array.shape, strict=True):
        if lengths.setdefault(name, length) != length:
            raise ShapeError(
                "evaluating the formula",
                f"the index {name} takes {lengths[name]} values and {length} at these values",
                "give values whose sizes agree",
            )
    return np.einsum(array, places, list(range(len(free)))), free


def together(function: Callable[..., Array], values: Sequence[Indexed]) -> Indexed:
    """A function of single entries at all values of the free indices of its arguments."""
    lengths: dict[str, int] = {}
    for array, names in values:
        lengths |= _lengths(names, array)
    free = tuple(lengths)
    _check_size(list(lengths.values()))
    laid = [_laid(array, names, free) for array, names in values]
    shape = tuple(lengths.values())
    return np.broadcast_to(np.asarray(function(*laid)), shape), free


def arranged(value: Indexed, indices: Sequence[str]) -> Array:
    """A value with its axes in the order of `indices`."""
    array, names = value
    return np.transpose(array, [names.index(index) for index in indices])


def _laid(array: Array, names: tuple[str, ...], free: tuple[str, ...]) -> Array:
    """An array with an axis for each free index, of length 1 where it has none."""
    order = sorted(range(len(names)), key=lambda axis: free.index(names[axis]))
    turned = np.transpose(array, order)
    place = {names[axis]: k for k, axis in enumerate(order)}
    return turned.reshape([turned.shape[place[n]] if n in place else 1 for n in free])


def _lengths(names: Sequence[str], array: Array) -> dict[str, int]:
    return dict(zip(names, array.shape, strict=True))


def _check_size(lengths: Sequence[int]) -> None:
    require_entries("evaluating the formula", lengths)
