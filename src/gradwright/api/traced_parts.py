"""Traced code that moves entries: indexing, slices, reshapes, arrays behind each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from gradwright.api.traced import (
    Traced,
    along,
    as_matrix,
    elementwise,
    joined,
    over,
    place_of,
    shaped,
    transpose,
    turned,
)
from gradwright.core.sizes import Size, is_compound, minus, plus, times
from gradwright.errors import GradwrightError, ShapeError, UnsupportedError
from gradwright.notation.blocks import block
from gradwright.notation.places import parted
from gradwright.notation.ranges import Place, Range
from gradwright.notation.size_text import as_size, size_tree
from gradwright.notation.tree import Call, Entry, Part, Transpose, Tree
from gradwright.render.plain import plain_text

#: The dimensions that arrays of NumPy have for values of the notation with orientation.
ORIENTED = ("row", "column", "indices")


def _refused(value: Traced, fact: str, instead: str) -> GradwrightError:
    return UnsupportedError("tracing a function", f"{plain_text(value.tree)}{fact}", instead)


def part(value: Traced, place: Any) -> Traced:
    """`value[place]`: whole numbers, slices of step 1, `...`, or a symbol that holds indices.

    Places count from 0 as in NumPy; those from the end need no number for the size.

    Raises:
        UnsupportedError: any other place.
        ShapeError: more places than axes, or an empty part.
    """
    if isinstance(place, Traced) and place.form == "indices":
        return taken(value, place, 0)
    places = list(place) if isinstance(place, tuple) else [place]
    dots = [k for k, given in enumerate(places) if given is Ellipsis]
    if dots:
        missing = value.ndim - len(places) + 1
        places[dots[0] : dots[0] + 1] = [slice(None)] * missing
    if value.form in ORIENTED or value.ndim == 0:
        raise _refused(value, f" is a {value.form} and a part of it is taken", "take it before")
    if len(places) > value.ndim:
        clash = f"{len(places)} places are given and {plain_text(value.tree)} has {value.ndim} axes"
        raise ShapeError("tracing a function", clash, "leave places out")
    chosen: list[Range | Place | int] = []
    axes: list[Size] = []
    single: list[int] = []
    for given, size in zip(places, value.axes, strict=False):
        found, length, alone = _place(value, given, size)
        chosen.append(found)
        if isinstance(found, Range):
            single += [len(axes)] if alone else []
            axes.append(length)
    axes += value.axes[len(places) :]
    if not axes:
        base, taken_of = parted(value.tree, tuple(chosen))
        return shaped(
            Entry(base, tuple(p for p in taken_of if isinstance(p, int))), (), value.symbols
        )
    if not any(isinstance(p, Range) for p in chosen):
        chosen.append(Range())
    tree: Tree = value.tree
    if any(p != Range() for p in chosen):
        base, taken_of = parted(tree, tuple(chosen))
        tree = Part(base, tuple(p for p in taken_of if isinstance(p, int | Range)))
    is_row = value.ndim == 2 and not isinstance(chosen[0], Range)
    made = shaped(Transpose(tree) if is_row else tree, axes, value.symbols)
    for axis in reversed(single):
        made = along("sum", made, axis)
    return made


def _place(value: Traced, given: Any, size: Size) -> tuple[Range | Place | int, Size, bool]:
    """A place from 1 or a range of them, its length, and whether it is a range of one place."""
    if isinstance(given, slice):
        if given.step not in (None, 1):
            raise _refused(value, f" is cut with step {given.step}", "use slices of step 1")
        if given.start is None and given.stop is None:
            return Range(), size, False
        start = 0 if given.start is None else _bound(value, given.start, size)
        stop = size if given.stop is None else _bound(value, given.stop, size)
        if isinstance(size, int):
            # Slices that go on before the first or behind the last place end there.
            start, stop = (max(0, min(s, size)) if isinstance(s, int) else s for s in (start, stop))
        length = minus(stop, start)
        if isinstance(length, int) and length < 1:
            clash = f"the places {start} to {stop} of {plain_text(value.tree)} are none"
            raise ShapeError("tracing a function", clash, "take at least one place")
        first = None if start == 0 else plus(start, 1)
        return Range(first, None if stop == size else stop), length, False
    if isinstance(given, Traced) and given.form == "scalar":
        behind = plus(_bound(value, given, size), 1)
        return (
            (Place(behind), 1, False) if is_compound(behind) else (Range(behind, behind), 1, True)
        )
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        shown = type(given).__name__
        instead = "use whole numbers, slices, or a symbol declared as indices"
        raise _refused(value, f" is indexed by a {shown}", instead)
    index = given.__index__()
    if index < 0 and not isinstance(size, int):
        last = plus(size, index + 1)
        return (Place(last), 1, False) if is_compound(last) else (Range(last, last), 1, True)
    place = index + 1 if index >= 0 else size + index + 1
    if place < 1 or (isinstance(size, int) and place > size):
        clash = f"place {index} is read of an axis of {size} places of {plain_text(value.tree)}"
        raise ShapeError("tracing a function", clash, "read a place that there is")
    return place, 1, False


def _bound(value: Traced, given: Any, size: Size) -> Size:
    if isinstance(given, Traced):
        found = as_size(given.tree)
        if found is None:
            raise _refused(value, " is cut at a place that is no size", "use x.shape and numbers")
        return found
    number = int(given.__index__())
    return plus(size, number) if number < 0 else number


def taken(value: Traced, chosen: Any, axis: int | None = None) -> Traced:
    """`np.take(value, t, axis=0)` for a symbol t that holds indices.

    Raises:
        UnsupportedError: what chooses is no such symbol, or another axis is asked for.
    """
    if not isinstance(chosen, Traced) or chosen.form != "indices":
        instead = 'declare the symbol as t="indices n v" and give it whole numbers'
        raise _refused(value, " is indexed by what does not hold indices", instead)
    if value.form in (*ORIENTED, "scalar") or axis not in ((0, None) if value.ndim == 1 else (0,)):
        raise _refused(value, f" is taken from along axis {axis}", "take along axis=0")
    tree = Call("gather", (value.tree, chosen.tree))
    return shaped(tree, (*chosen.axes, *value.axes[1:]), joined(value, chosen))


def reshape(value: Traced, shape: Any, *, order: str = "C") -> Traced:
    """The same entries in another shape, the last index running fastest.

    Raises:
        UnsupportedError: another order, or a length -1 that is no whole number of entries.
        ShapeError: the product of the sizes is another one.
    """
    if order != "C":
        raise _refused(value, f" is reshaped in order {order!r}", "use order 'C'")
    given = shape if isinstance(shape, tuple | list) else (shape,)
    sizes = [s if isinstance(s, str) else _bound(value, s, 0) for s in given]
    whole = times(*value.shape)
    if -1 in sizes:
        others = times(*(s for s in sizes if s != -1))
        sizes[sizes.index(-1)] = _quotient(value, whole, others)
    if times(*sizes) != whole:
        clash = (
            f"{plain_text(value.tree)} has {whole} entries and the shape {tuple(sizes)} has "
            f"{times(*sizes)}"
        )
        raise ShapeError("tracing a function", clash, "give sizes with the same product")
    if tuple(sizes) == value.axes:
        return value
    if not sizes or value.form in ("row", "column", "scalar"):
        raise _refused(value, f" is a {value.form} and is reshaped", "index it instead")
    tree = Call("reshape", (value.tree, *map(size_tree, sizes)))
    return shaped(tree, sizes, value.symbols)


def _quotient(value: Traced, whole: Size, others: Size) -> Size:
    """whole/others, both products."""
    for candidate in (*value.axes, whole, 1, *_products(value.axes)):
        if times(candidate, others) == whole:
            return candidate
    if isinstance(whole, int) and isinstance(others, int) and whole % others == 0:
        return whole // others
    raise _refused(value, f" has {whole} entries, and -1 stands for {whole}/({others})", "name it")


def _products(axes: Sequence[Size]) -> list[Size]:
    """Products of neighbouring axes."""
    count = len(axes)
    return [times(*axes[i:j]) for i in range(count) for j in range(i + 1, count + 1)]


def flat(value: Traced, order: str = "C") -> Traced:
    """`np.ravel`."""
    return reshape(value, (times(*value.shape),), order=order)


def swapped(value: Traced, axis1: int, axis2: int) -> Traced:
    """`np.swapaxes`."""
    order = list(range(value.ndim))
    one, other = place_of(axis1, value.ndim), place_of(axis2, value.ndim)
    order[one], order[other] = order[other], order[one]
    return transpose(value, order)


def moved(value: Traced, source: int, destination: int) -> Traced:
    """`np.moveaxis` of one axis."""
    order = list(range(value.ndim))
    axis = order.pop(place_of(source, value.ndim))
    order.insert(place_of(destination, value.ndim), axis)
    return transpose(value, order)


def widened(value: Traced, axis: int) -> Traced:
    """`np.expand_dims`: an axis of length 1 at this place."""
    place = place_of(axis, value.ndim + 1)
    if value.form in ("scalar", *ORIENTED):
        raise _refused(value, f" is a {value.form} and gets an axis at {axis}", "index it instead")
    if value.form == "vector":
        return as_matrix(value, "column" if place else "row")
    return reshape(value, (*value.axes[:place], 1, *value.axes[place:]))


def differences(value: Traced, *, axis: int = -1) -> Traced:
    """`np.diff`: entries less those before them."""
    front = (slice(None),) * place_of(axis, value.ndim)
    later, earlier = (part(value, (*front, s)) for s in (slice(1, None), slice(None, -1)))
    return elementwise("-", later, earlier)


# Arrays behind each other -------------------------------------------------------------------------


def concatenated(values: Sequence[Traced], axis: int = 0) -> Traced:
    """`np.concatenate`.

    Raises:
        ShapeError: arrays of different orders, other axes of different sizes, or no such axis.
    """
    first = values[0]
    for value in values:
        if value.form in (*ORIENTED, "scalar") or value.ndim != first.ndim:
            clash = f"a {first.form} and a {value.form} are concatenated"
            raise ShapeError("tracing a function", clash, "give arrays with as many axes")
    place = place_of(axis, first.ndim)
    for value in values:
        rest = [(*v.axes[:place], *v.axes[place + 1 :]) for v in (first, value)]
        if rest[0] != rest[1]:
            clash = f"the axes besides axis {place} are {rest[0]} and {rest[1]}"
            raise ShapeError("tracing a function", clash, "give equal sizes")
    total = plus(*(value.axes[place] for value in values))
    axes = (*first.axes[:place], total, *first.axes[place + 1 :])
    options = (("axis", Fraction(place)),) if place else ()
    tree = Call("concat", tuple(value.tree for value in values), options)
    return shaped(tree, axes, _symbols(values))


def vstacked(values: Sequence[Traced]) -> Traced:
    """`np.vstack`: vectors are rows of a matrix, other arrays stand below each other."""
    return stacked(values) if values[0].ndim == 1 else concatenated(values)


def hstacked(values: Sequence[Traced]) -> Traced:
    """`np.hstack`: vectors behind each other, other arrays along their second axis."""
    return concatenated(values, min(1, max(0, values[0].ndim - 1)))


def stacked(values: Sequence[Traced], axis: int = 0) -> Traced:
    """`np.stack` of vectors, as rows or with axis=1 as columns.

    Raises:
        UnsupportedError: other arrays.
    """
    for value in values:
        if value.form != "vector" or axis not in (0, 1, -1):
            raise _refused(value, f" is a {value.form} and is stacked", "use np.concatenate")
        if value.axes != values[0].axes:
            clash = f"vectors of {values[0].axes[0]} and of {value.axes[0]} entries are stacked"
            raise ShapeError("tracing a function", clash, "give equal sizes")
    if len(values) == 1:
        return as_matrix(values[0], "column" if axis else "row")
    trees = [turned(value.tree) if axis == 0 else value.tree for value in values]
    tree = block(trees, 1 if axis == 0 else len(trees))
    size, count = values[0].axes[0], len(values)
    axes: tuple[Size, ...] = (count, size) if axis == 0 else (size, count)
    return shaped(tree, axes, _symbols(values))


def beside(values: Sequence[Traced]) -> Traced:
    """`np.column_stack`: vectors are columns of a matrix, and stand beside matrices as such."""
    kinds = {value.form for value in values}
    if len(kinds) == 1 or not kinds <= {"vector", "matrix"}:
        return stacked(values, axis=1) if kinds == {"vector"} else concatenated(values, 1)
    rows = {value.axes[0] for value in values}
    if len(rows) > 1:
        clash = f"arrays of {' and '.join(map(str, rows))} rows stand beside each other"
        raise ShapeError("tracing np.column_stack", clash, "give equal sizes")
    count = plus(*(1 if value.form == "vector" else value.axes[1] for value in values))
    tree = block([value.tree for value in values], len(values))
    return shaped(tree, (rows.pop(), count), _symbols(values))


def block_matrix(rows: Sequence[Sequence[Traced]]) -> Traced:
    """`np.block` of matrices.

    Raises:
        ShapeError: rows with different numbers of them.
        UnsupportedError: other arrays, or anything but rows of them.
    """
    plain = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    values = [value for row in rows for value in row] if plain else []
    if not values or any(not isinstance(v, Traced) or v.form != "matrix" for v in values):
        raise UnsupportedError(
            "tracing np.block",
            "it is asked for other things than rows of matrices",
            "give lists of matrices, or use np.concatenate, np.vstack or np.hstack",
        )
    beside = [concatenated(list(row), 1) for row in rows]
    if len({len(row) for row in rows}) > 1:
        clash = f"rows of {len(rows[0])} and of other numbers of blocks"
        raise ShapeError("tracing np.block", clash, "give every row as many blocks")
    whole = concatenated(beside)
    parts = [value.tree for row in rows for value in row]
    return over(block(parts, len(rows[0])), whole) if len(parts) > 1 else whole


def _symbols(values: Sequence[Traced]) -> Any:
    whole = values[0]
    for value in values:
        whole = Traced(whole.tree, "scalar", (), joined(whole, value))
    return whole.symbols
