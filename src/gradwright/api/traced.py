"""What NumPy code computes, as a tree of the notation.

Values follow NumPy: a vector has one axis and no orientation, and beside a matrix it is a row. In
the tree vectors are columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.core.sizes import names_in
from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration, Size
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Index,
    IndexArray,
    IndexSum,
    Negate,
    Symbol,
    Transpose,
    Tree,
)
from gradwright.render.plain import plain_text

#: Axes of each form; a row or column is a matrix with one axis of length 1.
ORDER = {"scalar": 0, "vector": 1, "row": 2, "column": 2, "matrix": 2}
#: Operators of single entries, by those of arrays.
_OF_ENTRIES = {".*": "*", "./": "/", ".^": "^"}


class Traced(Struct, frozen=True):
    """A value of traced code.

    `form` is "scalar", "vector", "matrix", "row" (1 × n), "column" (m × 1), "tensor" or "indices",
    `axes` its sizes, for rows and columns without those of length 1, `symbols` the declarations of
    the symbols in it.
    """

    tree: Tree
    form: str
    axes: tuple[Size, ...] = ()
    symbols: Mapping[str, Declaration] = {}

    def __str__(self) -> str:
        return f"{self.form} {plain_text(self.tree)}"

    @property
    def ndim(self) -> int:
        """How many axes NumPy sees."""
        return ORDER.get(self.form, len(self.axes))

    @property
    def shape(self) -> tuple[Size, ...]:
        """The sizes that NumPy sees."""
        return {"row": (1, *self.axes), "column": (*self.axes, 1)}.get(self.form, self.axes)


def shaped(tree: Tree, axes: Sequence[Size], symbols: Mapping[str, Declaration]) -> Traced:
    """A tree with these axes: a scalar, a vector, a matrix or a tensor."""
    form = {0: "scalar", 1: "vector", 2: "matrix"}.get(len(axes), "tensor")
    return Traced(tree, form, tuple(axes), symbols)


def over(tree: Tree, like: Traced) -> Traced:
    """A tree of the form of a value."""
    return Traced(tree, like.form, like.axes, like.symbols)


def joined(one: Traced, other: Traced) -> dict[str, Declaration]:
    """The symbols of both, which must agree about a name."""
    for name in one.symbols.keys() & other.symbols.keys():
        if one.symbols[name] != other.symbols[name]:
            raise SymbolError(
                f"an expression with the symbol {name}",
                f"one {name} is declared as {one.symbols[name]} and another as "
                f"{other.symbols[name]}",
                "use one declaration for each name",
            )
    return {**one.symbols, **other.symbols}


def negated(value: Traced) -> Traced:
    """`-value`."""
    return over(Negate(value.tree), value)


# Elementwise --------------------------------------------------------------------------------------


def elementwise(operator: str, one: Traced, other: Traced) -> Traced:
    """`one operator other`, repeated to a common shape as NumPy does."""
    if "tensor" in (one.form, other.form):
        plain = (other.form == "scalar" and operator != ".^") or (one.form, operator) == (
            "scalar",
            ".*",
        )
        return _together(
            one, other, lambda a, b, whole: Binary(_spelled(operator, whole and not plain), a, b)
        )
    left, right, form, axes = _broadcast(one, other, outer=operator == ".*")
    symbols = joined(one, other)
    if {"row", "column"} == {left.form, right.form}:
        column, row = (left, right) if left.form == "column" else (right, left)
        return Traced(Binary("*", column.tree, row.tree), form, axes, symbols)
    if operator == ".*" and "scalar" in (left.form, right.form):
        operator = "*"
    if operator == "./" and right.form == "scalar":
        operator = "/"
    if operator == ".^" and left.form == right.form == "scalar":
        operator = "^"
    return Traced(Binary(operator, left.tree, right.tree), form, axes, symbols)


def paired(function: str) -> Callable[[Traced, Traced], Traced]:
    """A function of two arguments, entry by entry."""

    def made(one: Traced, other: Traced) -> Traced:
        if "tensor" in (one.form, other.form):
            return _together(one, other, lambda a, b, whole: Call(function, (a, b)))
        left, right, form, axes = _broadcast(one, other)
        call = Call(function, (left.tree, right.tree))
        return Traced(call, form, axes, joined(one, other))

    return made


def _spelled(operator: str, whole: bool) -> str:
    return operator if whole else _OF_ENTRIES.get(operator, operator)


def _together(one: Traced, other: Traced, made: Callable[[Tree, Tree, bool], Tree]) -> Traced:
    """Two values of which one is a tensor: as they are, else entry by entry, as NumPy repeats.

    `made` is told whether it is given whole arrays.
    """
    symbols = joined(one, other)
    _with_numbers(one, other)
    if one.axes == other.axes or "scalar" in (one.form, other.form):
        wide = one if one.form == "tensor" else other
        return shaped(made(one.tree, other.tree, True), wide.axes, symbols)
    axes = common_axes(one, other, one.shape, other.shape)
    names = indices(len(axes), one, other)
    left, right = (entry(value, names, axes) for value in (one, other))
    return shaped(IndexArray(names, made(left, right, False)), axes, symbols)


def _with_numbers(*values: Traced) -> None:
    for value in values:
        if value.form == "indices":
            shown = plain_text(value.tree)
            raise UnsupportedError(
                "tracing a function",
                f"{shown} holds indices, which choose places and are no numbers to compute with",
                f"write E[{shown}] or np.take(E, {shown}, axis=0)",
            )


def common_axes(
    one: Traced, other: Traced, first: Sequence[Size], second: Sequence[Size]
) -> tuple[Size, ...]:
    """The axes that two lists of sizes have together, the last axes beside each other.

    Raises:
        ShapeError: two sizes differ, and none of them is 1.
    """
    count = max(len(first), len(second))
    axes: list[Size] = []
    for left, right in zip(
        (1,) * (count - len(first)) + tuple(first),
        (1,) * (count - len(second)) + tuple(second),
        strict=True,
    ):
        if left != right and 1 not in (left, right):
            shapes = [f"{plain_text(v.tree)} of shape {_shown(v.shape)}" for v in (one, other)]
            raise ShapeError(
                "tracing a function",
                f"{shapes[0]} meets {shapes[1]}, and {left} is not {right}",
                "give axes equal sizes; sizes are compared by their names",
            )
        axes.append(right if left == 1 else left)
    return tuple(axes)


def _shown(sizes: Sequence[Size]) -> str:
    return f"({', '.join(map(str, sizes))})"


def indices(count: int, *values: Traced) -> tuple[str, ...]:
    """Names for indices that no symbol and no size has."""
    taken = {name for value in values for name in value.symbols}
    declared = [d for value in values for d in value.symbols.values()]
    taken |= names_in(size for d in declared for size in (*d.sizes, d.among))
    free = (x for x in "ijklpqrstuvwxyzabcdefgh" if x not in taken)
    return tuple(next(free) for _ in range(count))


def entry(value: Traced, names: Sequence[str], axes: Sequence[Size]) -> Tree:
    """An entry of a value that is repeated to the axes with these indices."""
    if value.form == "scalar":
        return value.tree
    places: list[Index] = []
    behind = zip(names[-value.ndim :], value.shape, axes[-value.ndim :], strict=True)
    for name, own, whole in behind:
        places.append(1 if own == 1 and whole != 1 else name)
    kept = {"row": places[1:], "column": places[:1]}.get(value.form, places)
    return Entry(value.tree, tuple(kept))


def _broadcast(
    one: Traced, other: Traced, outer: bool = False
) -> tuple[Traced, Traced, str, tuple[Size, ...]]:
    """Both sides, the form of the result and its axes.

    Beside two axes a vector is a row. A row with a column repeats to a matrix; with `outer` it
    stays as it is, for their product is the matrix product.
    """
    _with_numbers(one, other)
    one, other = _narrow(one, other), _narrow(other, one)
    two = 2 in (one.ndim, other.ndim)
    left, right = (
        as_matrix(side, "row") if two and side.form == "vector" else side for side in (one, other)
    )
    if {left.form, right.form} == {"row", "column"}:
        column, row = (left, right) if left.form == "column" else (right, left)
        axes = (*column.axes, *row.axes)
        if not outer:
            left, right = (_repeated(side, axes) for side in (left, right))
        return left, right, "matrix", axes
    form = max((left.form, right.form), key=lambda f: (ORDER[f], f == "matrix"))
    wide = left if left.form == form else right
    return left, right, form, wide.axes


def as_matrix(value: Traced, form: str) -> Traced:
    """A vector as a matrix with one row or one column."""
    tree = turned(value.tree) if form == "row" else value.tree
    return Traced(tree, form, value.axes, value.symbols)


def _narrow(value: Traced, beside: Traced) -> Traced:
    """A matrix that is 1 wide or high, as a column or a row where it is repeated."""
    if value.form != "matrix" or 1 not in value.axes or beside.axes in ((), value.axes):
        return value
    form = "column" if value.axes[1] == 1 else "row"
    length = value.axes[0] if form == "column" else value.axes[1]
    vector: Tree = Call("reshape", (value.tree, size_tree(length)))
    match value.tree:
        case Call("reshape", (Symbol(name) as base, *_)) if len(value.symbols[name].sizes) == 1:
            vector = base
    return as_matrix(Traced(vector, "vector", (length,), value.symbols), form)


def _repeated(value: Traced, axes: tuple[Size, ...]) -> Traced:
    rows, columns = (_ones(size) for size in axes)
    tree = (
        Binary("*", value.tree, Transpose(columns))
        if value.form == "column"
        else Binary("*", rows, value.tree)
    )
    return Traced(tree, "matrix", axes, value.symbols)


def _ones(size: Size) -> Tree:
    return Call("ones", (size_tree(size),))


def mapped(function: str) -> Callable[[Traced], Traced]:
    """A function of one argument, entry by entry."""
    return lambda value: over(Call(function, (value.tree,)), value)


# Products and sums --------------------------------------------------------------------------------


def matmul(one: Traced, other: Traced) -> Traced:
    """The matrix product of NumPy's `@`."""
    _with_numbers(one, other)
    symbols = joined(one, other)
    if "tensor" in (one.form, other.form) and "scalar" not in (one.form, other.form):
        return _batched(one, other)
    left, right = one.tree, other.tree
    match one.form, other.form:
        case "vector", "vector":
            return Traced(Binary("*", turned(left), right), "scalar", (), symbols)
        case "matrix", "vector" | "column":
            return Traced(Binary("*", left, right), other.form, one.axes[:1], symbols)
        case "vector", "matrix":
            tree = Transpose(Binary("*", turned(left), right))
            return Traced(tree, "vector", other.axes[1:], symbols)
        case "row", "matrix":
            return Traced(Binary("*", left, right), "row", other.axes[1:], symbols)
        case "matrix", "matrix":
            axes = (*one.axes[:1], *other.axes[1:])
            return Traced(Binary("*", left, right), "matrix", axes, symbols)
        case "column", "row":
            axes = (*one.axes, *other.axes)
            return Traced(Binary("*", left, right), "matrix", axes, symbols)
    raise ShapeError(
        "tracing a function",
        f"@ has a {one.form} on its left and a {other.form} on its right",
        "multiply vectors and matrices; a number multiplies with *",
    )


def _batched(one: Traced, other: Traced) -> Traced:
    """The product of the last two axes, for each of the axes in front."""
    first = (1, *one.shape) if one.ndim == 1 else one.shape
    second = (*other.shape, 1) if other.ndim == 1 else other.shape
    front = common_axes(one, other, first[:-2], second[:-2])
    common_axes(one, other, first[-1:], second[-2:-1])
    *batch, row, inner, column = indices(len(front) + 3, one, other)
    left_names = [*batch, inner] if one.ndim == 1 else [*batch, row, inner]
    right_names = [*batch, inner] if other.ndim == 1 else [*batch, inner, column]
    left = entry(one, left_names, [*front, *one.shape[-2:]])
    right = entry(other, right_names, [*front, *other.shape[-2:]])
    kept = [(row, first[-2])] * (one.ndim > 1) + [(column, second[-1])] * (other.ndim > 1)
    names = (*batch, *(name for name, _ in kept))
    axes = (*front, *(size for _, size in kept))
    tree = IndexArray(names, IndexSum((inner,), Binary("*", left, right)))
    return shaped(tree, axes, joined(one, other))


def place_of(axis: Any, count: int, asked: str = "axis") -> int:
    """An axis among `count`, counted from 0.

    Raises:
        ShapeError: no whole number, or no such axis.
    """
    whole = isinstance(axis, int | np.integer) and not isinstance(axis, bool)
    if not whole or not -count <= axis < count:
        raise ShapeError(
            "tracing a function",
            f"{asked} {axis!r} is asked for, of a value with {count} axes",
            "name an axis that there is",
        )
    return int(axis) % count


def along(function: str, value: Traced, axis: int) -> Traced:
    """A function over one axis of a vector, a matrix or a tensor."""
    axes = (*value.axes[:axis], *value.axes[axis + 1 :])
    if value.ndim == 1:
        return shaped(Call(function, (value.tree,)), axes, value.symbols)
    tree: Tree = Call(function, (value.tree,), (("axis", Fraction(axis)),))
    # Down the rows of a matrix a row is left, and a vector is a column.
    return shaped(Transpose(tree) if (value.ndim, axis) == (2, 0) else tree, axes, value.symbols)


def turned(tree: Tree) -> Tree:
    """A transpose; turned twice, a tree is itself."""
    return tree.operand if isinstance(tree, Transpose) else Transpose(tree)


def transpose(value: Traced, axes: Sequence[int] | None = None) -> Traced:
    """The axes in another order, the reverse unless it is given; a vector is its own."""
    if value.ndim < 2:
        return value
    order = tuple(range(value.ndim))[::-1] if axes is None else _places(value, axes)
    if value.form == "tensor":
        names = indices(value.ndim, value)
        tree = IndexArray(tuple(names[k] for k in order), Entry(value.tree, names))
        return shaped(tree, [value.axes[k] for k in order], value.symbols)
    if order == (0, 1):
        return value
    form = {"row": "column", "column": "row"}.get(value.form, value.form)
    return Traced(turned(value.tree), form, value.axes[::-1], value.symbols)


def _places(value: Traced, axes: Sequence[int]) -> tuple[int, ...]:
    order = tuple(place_of(axis, value.ndim) for axis in axes)
    if sorted(order) != list(range(value.ndim)):
        clash = f"the axes {order} are asked for, of a value with {value.ndim} axes"
        raise ShapeError("tracing a function", clash, "name each axis once")
    return order
