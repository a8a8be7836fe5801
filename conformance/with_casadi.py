"""CasADi: its matrix expressions, with numbers for the sizes, differentiated as they stand.

A vector is a column; derivatives are Jacobians of entries by entries, stacked by columns. They have
no formula in matrix notation, so that numbers alone are judged, as for JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import casadi as ca
import numpy as np

from conformance.rows import CannotExpress, Derived, Point, Row
from conformance.walking import evaluated, length
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree

VERSION = ca.__version__

ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": ca.exp, "log": ca.log, "sqrt": ca.sqrt, "abs": ca.fabs, "sign": ca.sign,
    "sin": ca.sin, "cos": ca.cos, "tan": ca.tan, "tanh": ca.tanh, "cosh": ca.cosh,
    "sinh": ca.sinh, "arccos": ca.acos, "sigmoid": lambda z: 1 / (1 + ca.exp(-z)),
    "relu": lambda z: ca.fmax(z, 0), "softplus": lambda z: ca.log1p(ca.exp(z)),
    "step": lambda z: z > 0,
}  # fmt: skip


def derive(row: Row) -> Derived:
    """The derivative by CasADi, a function of numbers at the sizes of a point."""

    def value(point: Point) -> np.ndarray:
        values = {name: np.asarray(held, dtype=float) for name, held in point.items()}
        symbols = {name: ca.MX.sym(name, *shape(held)) for name, held in values.items()}
        sizes = row.sizes(point)
        made = evaluated(row.tree, lambda tree, parts: node(tree, parts, symbols, sizes))
        wrt = symbols[row.wrt]
        if row.kind in ("hessian", "vechess"):
            found = ca.hessian(made, wrt)[0]
        else:
            found = ca.jacobian(ca.vec(made), wrt)
        function = ca.Function("derivative", list(symbols.values()), [found])
        array = np.array(function(*(held.reshape(shape(held)) for held in values.values())))
        if row.kind == "gradient":
            # Of a scalar by a matrix, or of a matrix by a scalar: the axes of the one with axes.
            like = values[row.wrt].shape or tuple(made.shape)
            return array.reshape(like, order="F")
        return array

    value(row.point(0))
    return Derived(value)


def shape(value: np.ndarray) -> tuple[int, int]:
    """Rows and columns of a value, a vector as a column."""
    rows, columns = (*value.shape, 1, 1)[:2]
    return rows, columns


def node(tree: Tree, parts: Sequence[Any], symbols: dict[str, Any], sizes: dict[str, int]) -> Any:
    """One node of the formula."""
    match tree:
        case Number(number):
            return ca.MX(float(number))
        case Symbol(name):
            return symbols[name] if name in symbols else ca.MX(sizes[name])
        case Negate():
            return -parts[0]
        case Transpose():
            return parts[0].T
        case Binary("*", _, _):
            # mtimes multiplies by a number too.
            return ca.mtimes(*parts)
        case Binary("^", _, _) if not parts[0].is_scalar():
            return ca.mpower(*parts)
        case Binary(operator, _, _):
            return OPERATORS[operator](*parts)
        case Call("eye", arguments, _):
            return ca.MX.eye(length(arguments[0], sizes))
        case Call("ones", arguments, _):
            return ca.MX.ones(*[length(argument, sizes) for argument in arguments])
        case Call(function, _, _):
            return called(function, parts)
    raise CannotExpress(type(tree).__name__)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, ".*": lambda a, b: a * b,
    "./": lambda a, b: a / b, "/": lambda a, b: a / b, ".^": lambda a, b: a**b,
    "^": lambda a, b: a**b,
}  # fmt: skip


def total(value: Any) -> Any:
    """The sum of all entries."""
    return ca.sum1(ca.sum2(value))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": total, "tr": ca.trace, "det": ca.det, "logdet": lambda A: ca.log(ca.det(A)),
    "inv": ca.inv, "norm1": lambda x: total(ca.fabs(x)), "norm2": ca.norm_fro, "diag": ca.diag,
    "kron": ca.kron, "softmax": lambda z: ca.exp(z - ca.logsumexp(z)),
}  # fmt: skip


def called(function: str, parts: Sequence[Any]) -> Any:
    """A function of the notation."""
    if function in ELEMENTWISE:
        return ELEMENTWISE[function](parts[0])
    if function in FUNCTIONS:
        return FUNCTIONS[function](*parts)
    raise CannotExpress(f"{function} is not written for CasADi here")
