"""What NumPy code computes, as a tree of the notation.

Values follow NumPy: a vector has one axis and no orientation, and beside a matrix it is a row. In
the tree vectors are columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration, Size
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree
from gradwright.render.plain import plain_text

#: Axes of each form; a row or column is a matrix with one axis of length 1.
ORDER = {"scalar": 0, "vector": 1, "row": 2, "column": 2, "matrix": 2}


@dataclass(frozen=True, slots=True)
class Traced:
    """A value of traced code.

    `form` is "scalar", "vector", "matrix", "row" (1 × n) or "column" (m × 1), `axes` its sizes
    without those of length 1, `symbols` the declarations of the symbols in it.
    """

    tree: Tree
    form: str
    axes: tuple[Size, ...] = ()
    symbols: Mapping[str, Declaration] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.form} {plain_text(self.tree)}"

    @property
    def ndim(self) -> int:
        """How many axes NumPy sees."""
        return ORDER[self.form]


def number(value: Any) -> Traced:
    """A single number.

    Raises:
        UnsupportedError: an array of numbers.
        SymbolError: anything else.
    """
    if isinstance(value, np.ndarray) and value.ndim:
        raise UnsupportedError(
            "tracing a function",
            f"an array of shape {value.shape} meets a symbol, and a formula holds symbols and "
            "single numbers",
            "declare the array as a symbol and give it when the derivative is called",
        )
    if isinstance(value, np.ndarray):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise SymbolError(
            "tracing a function",
            f"{value!r} meets a symbol and is no finite real number",
            "use numbers and symbols",
        )
    exact = Fraction(value) if isinstance(value, int | Fraction) else Fraction(repr(float(value)))
    size = Number(abs(exact))
    return Traced(Negate(size) if exact < 0 else size, "scalar")


def size(name: str) -> Traced:
    """A named size as a number."""
    return Traced(Symbol(name), "scalar")


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
        left, right, form, axes = _broadcast(one, other)
        call = Call(function, (left.tree, right.tree))
        return Traced(call, form, axes, joined(one, other))

    return made


def _broadcast(
    one: Traced, other: Traced, outer: bool = False
) -> tuple[Traced, Traced, str, tuple[Size, ...]]:
    """Both sides, the form of the result and its axes.

    Beside two axes a vector is a row. A row with a column repeats to a matrix; with `outer` it
    stays as it is, for their product is the matrix product.
    """
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


def _repeated(value: Traced, axes: tuple[Size, ...]) -> Traced:
    rows, columns = (_ones(size) for size in axes)
    tree = (
        Binary("*", value.tree, Transpose(columns))
        if value.form == "column"
        else Binary("*", rows, value.tree)
    )
    return Traced(tree, "matrix", axes, value.symbols)


def _ones(size: Size) -> Tree:
    return Call("ones", (Number(Fraction(size)) if isinstance(size, int) else Symbol(size),))


def mapped(function: str) -> Callable[[Traced], Traced]:
    """A function of one argument, entry by entry."""
    return lambda value: over(Call(function, (value.tree,)), value)


# Products and sums --------------------------------------------------------------------------------


def matmul(one: Traced, other: Traced) -> Traced:
    """The matrix product of NumPy's `@`."""
    symbols = joined(one, other)
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


def turned(tree: Tree) -> Tree:
    """A transpose; turned twice, a tree is itself."""
    return tree.operand if isinstance(tree, Transpose) else Transpose(tree)


def transpose(value: Traced) -> Traced:
    """The transpose; a vector is its own."""
    if value.ndim < 2:
        return value
    form = {"row": "column", "column": "row"}.get(value.form, value.form)
    return Traced(turned(value.tree), form, value.axes[::-1], value.symbols)
