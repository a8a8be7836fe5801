"""What parts, concatenations, reshapes and gathered rows are, in the notation's own evaluator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwright.errors import ShapeError
from gradwright.notation.blocks import BLOCKS, columns_of, is_zero
from gradwright.notation.given import Value, Values, evaluation_error, of_array
from gradwright.notation.ranges import Range
from gradwright.notation.rearranging import bounds
from gradwright.notation.selecting import BY_INDICES
from gradwright.notation.size_text import as_size
from gradwright.notation.tree import Call, Symbol


def part_value(values: Values, places: Sequence[Range | int], value: Value) -> Value:
    """`base[2:n,:]`, with places counted from 1."""
    array = value.axes
    chosen: list[slice | int] = []
    for place, length in zip(places, array.shape, strict=False):
        if isinstance(place, int):
            first = last = place
            chosen.append(place - 1)
        else:
            first, last = map(values.length, bounds(place, length))
            chosen.append(slice(first - 1, last))
        if not 1 <= first <= last <= length:
            raise evaluation_error(
                ShapeError,
                f"the places {first} to {last} are read of an axis of {length} places",
                "give values whose sizes have these places",
            )
    found = np.asarray(array[tuple(chosen)])
    is_row = found.ndim == 1 and (not value.rows or isinstance(chosen[0], int))
    return Value(found.reshape(1, -1), False, True) if is_row else of_array(found)


def moved_value(values: Values, tree: Call, parts: list[Value]) -> Value:
    """`concat(x, y)`, `[A, B; C, D]`, `reshape(T, m, n)`, `gather(E, t)`, `onehot(t)`."""
    if tree.function in BY_INDICES:
        return _chosen_value(values, tree, parts)
    if tree.function == "reshape":
        sizes = [as_size(argument) for argument in tree.arguments[1:]]
        shape = [values.length(size) for size in sizes if size is not None]
        return of_array(parts[0].axes.reshape(shape))
    if tree.function == BLOCKS:
        return _block_value(tree, parts)
    axis = int(dict(tree.options).get("axis", 0))
    found = np.concatenate([part.axes for part in parts], axis)
    return of_array(found) if parts[0].rows else Value(found.reshape(1, -1), False, True)


def _block_value(tree: Call, parts: list[Value]) -> Value:
    """`[A, B; C, D]`, with a part 0 as large as its neighbours."""
    columns = columns_of(tree)
    filled = [is_zero(argument) for argument in tree.arguments]
    known = [None if zero else p.array for zero, p in zip(filled, parts, strict=True)]
    rows = [known[k : k + columns] for k in range(0, len(known), columns)]
    heights = [max((a.shape[0] for a in row if a is not None), default=1) for row in rows]
    widths = [
        max((a.shape[1] for a in known[k::columns] if a is not None), default=1)
        for k in range(columns)
    ]
    whole = [
        [np.zeros((h, w)) if a is None else a for a, w in zip(row, widths, strict=True)]
        for row, h in zip(rows, heights, strict=True)
    ]
    tall, wide = len(rows) > 1, columns > 1
    has_rows = tall or any(part.rows for part in parts)
    return Value(np.block(whole), has_rows, wide or any(part.columns for part in parts))


def _chosen_value(values: Values, tree: Call, parts: list[Value]) -> Value:
    """`gather(E, t)`, `onehot(t)`."""
    named = tree.arguments[BY_INDICES[tree.function]]
    assert isinstance(named, Symbol)
    indices, count = values.indices(named.name)
    if tree.function == "gather":
        return of_array(parts[0].axes[indices])
    return of_array(np.eye(count, dtype=values.dtype)[indices])
