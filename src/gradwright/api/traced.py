"""What NumPy code computes, as a tree of the notation.

Values follow NumPy: a vector has one axis and no orientation, and beside a matrix it is a row. In
the tree vectors are columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
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


def refused(what: str) -> UnsupportedError:
    """The error for what traced code cannot do."""
    return UnsupportedError(
        "tracing a function",
        f"{what} is used, and traced functions use arithmetic, @ and "
        f"{', '.join(f'np.{name}' for name in sorted({*UFUNCS, *FUNCTIONS}))}",
        "write it with those, or write the formula as text",
    )


def size(name: str) -> Traced:
    """A named size as a number."""
    return Traced(Symbol(name), "scalar")


def _over(tree: Tree, like: Traced) -> Traced:
    return Traced(tree, like.form, like.axes, like.symbols)


def _joined(one: Traced, other: Traced) -> dict[str, Declaration]:
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
    return _over(Negate(value.tree), value)


# Elementwise --------------------------------------------------------------------------------------


def elementwise(operator: str, one: Traced, other: Traced) -> Traced:
    """`one operator other`, repeated to a common shape as NumPy does."""
    left, right, form, axes = _broadcast(one, other, outer=operator == ".*")
    symbols = _joined(one, other)
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


def _pair(function: str) -> Callable[[Traced, Traced], Traced]:
    def made(one: Traced, other: Traced) -> Traced:
        left, right, form, axes = _broadcast(one, other)
        call = Call(function, (left.tree, right.tree))
        return Traced(call, form, axes, _joined(one, other))

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
    tree = _turned(value.tree) if form == "row" else value.tree
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


def _mapped(function: str) -> Callable[[Traced], Traced]:
    return lambda value: _over(Call(function, (value.tree,)), value)


# Products and sums --------------------------------------------------------------------------------


def matmul(one: Traced, other: Traced) -> Traced:
    """The matrix product of NumPy's `@`."""
    symbols = _joined(one, other)
    left, right = one.tree, other.tree
    match one.form, other.form:
        case "vector", "vector":
            return Traced(Binary("*", _turned(left), right), "scalar", (), symbols)
        case "matrix", "vector" | "column":
            return Traced(Binary("*", left, right), other.form, one.axes[:1], symbols)
        case "vector", "matrix":
            tree = Transpose(Binary("*", _turned(left), right))
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


def _turned(tree: Tree) -> Tree:
    """A transpose; turned twice, a tree is itself."""
    return tree.operand if isinstance(tree, Transpose) else Transpose(tree)


def dot(one: Traced, other: Traced) -> Traced:
    """`np.dot`, which multiplies by a number as `*` does."""
    plain = "scalar" in (one.form, other.form)
    return elementwise(".*", one, other) if plain else matmul(one, other)


def _outer(one: Traced, other: Traced) -> Traced:
    tree = Binary("*", one.tree, _turned(other.tree))
    return Traced(tree, "matrix", (*one.axes, *other.axes), _joined(one, other))


def transpose(value: Traced) -> Traced:
    """The transpose; a vector is its own."""
    if value.ndim < 2:
        return value
    form = {"row": "column", "column": "row"}.get(value.form, value.form)
    return Traced(_turned(value.tree), form, value.axes[::-1], value.symbols)


def total(value: Traced, axis: int | None = None, keepdims: bool = False) -> Traced:
    """The sum over one axis or all."""
    if value.form == "scalar":
        return value
    if axis is None or (value.form == "vector" and axis in (0, -1)):
        if keepdims:
            raise refused("keepdims without two axes")
        return Traced(Call("sum", (value.tree,)), "scalar", (), value.symbols)
    if value.form != "matrix" or axis not in (0, 1, -1, -2):
        raise ShapeError(
            "tracing a function",
            f"the sum over axis {axis} is asked for, of a {value.form} with {value.ndim} axes",
            "name an axis that there is",
        )
    rows, columns = value.axes
    if axis in (1, -1):
        tree: Tree = Binary("*", value.tree, _ones(columns))
        return Traced(tree, "column" if keepdims else "vector", (rows,), value.symbols)
    if keepdims:
        tree = Binary("*", Transpose(_ones(rows)), value.tree)
        return Traced(tree, "row", (columns,), value.symbols)
    tree = Binary("*", Transpose(value.tree), _ones(rows))
    return Traced(tree, "vector", (columns,), value.symbols)


def mean(value: Traced, axis: int | None = None, keepdims: bool = False) -> Traced:
    """The mean over one axis or all."""
    found = total(value, axis, keepdims)
    for length in value.axes if axis is None or value.ndim < 2 else (value.axes[axis],):
        count = number(length) if isinstance(length, int) else size(length)
        found = elementwise("./", found, count)
    return found


def reduced(function: str, value: Traced, form: str = "scalar") -> Traced:
    """A function of the whole value, to a number or to a value of the same axes."""
    axes = value.axes if form == value.form else ()
    return Traced(Call(function, (value.tree,)), form, axes, value.symbols)


def _diag(value: Traced) -> Traced:
    form = "matrix" if value.form == "vector" else "vector"
    axes = value.axes * 2 if form == "matrix" else value.axes[:1]
    return Traced(Call("diag", (value.tree,)), form, axes, value.symbols)


def _solve(one: Traced, other: Traced) -> Traced:
    return matmul(reduced("inv", one, "matrix"), other)


def _norm(value: Traced, ord: Any = None) -> Traced:
    if ord is None or ord == "fro" or (ord == 2 and value.form == "vector"):
        return reduced("norm2", value)
    if ord == 1 and value.form == "vector":
        return reduced("norm1", value)
    raise refused(f"np.linalg.norm with ord={ord!r} of a {value.form}")


def _slogdet(value: Traced) -> tuple[Traced, Traced]:
    return _mapped("sign")(reduced("det", value)), reduced("logdet", value)


def _logaddexp(one: Traced, other: Traced) -> Traced:
    for constant, rest in ((one, other), (other, one)):
        if constant.tree == Number(Fraction(0)):
            return _mapped("softplus")(rest)
    exp = _mapped("exp")
    return _mapped("log")(elementwise("+", exp(one), exp(other)))


ELEMENTWISE = (
    "exp",
    "log",
    "sqrt",
    "sign",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
)

#: NumPy's elementwise functions, by name.
UFUNCS: dict[str, Callable[..., Traced]] = {
    **{name: _mapped(name) for name in ELEMENTWISE},
    "absolute": _mapped("abs"),
    "negative": negated,
    "square": lambda value: elementwise(".^", value, number(2)),
    "reciprocal": lambda value: elementwise("./", number(1), value),
    "log1p": lambda value: _mapped("log")(elementwise("+", number(1), value)),
    "expm1": lambda value: elementwise("-", _mapped("exp")(value), number(1)),
    "add": partial(elementwise, "+"),
    "subtract": partial(elementwise, "-"),
    "multiply": partial(elementwise, ".*"),
    "divide": partial(elementwise, "./"),
    "power": partial(elementwise, ".^"),
    "maximum": _pair("max"),
    "minimum": _pair("min"),
    "logaddexp": _logaddexp,
    "matmul": matmul,
}

#: NumPy's other functions, by module and name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": total,
    "mean": mean,
    "trace": partial(reduced, "tr"),
    "dot": dot,
    "outer": _outer,
    "transpose": transpose,
    "diag": _diag,
    "linalg.inv": partial(reduced, "inv", form="matrix"),
    "linalg.det": partial(reduced, "det"),
    "linalg.slogdet": _slogdet,
    "linalg.solve": _solve,
    "linalg.norm": _norm,
}
