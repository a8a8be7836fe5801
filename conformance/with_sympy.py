"""SymPy: its matrix expressions, differentiated by `diff`, with symbolic sizes.

A product of a row and a column is written as a trace, functions of entries by `applyfunc`, products
of entries by `HadamardProduct`: SymPy has no other words for them. Values are what the derivative
gives when matrices of numbers are put in the place of its symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from conformance.rows import CannotExpress, Derived, Point, Row
from conformance.walking import evaluated, number_of
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree, literal

VERSION = sp.__version__

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": sp.exp, "log": sp.log, "sqrt": sp.sqrt, "abs": sp.Abs, "sign": sp.sign,
    "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "tanh": sp.tanh, "cosh": sp.cosh,
    "sinh": sp.sinh, "arccos": sp.acos, "sigmoid": lambda z: 1 / (1 + sp.exp(-z)),
    "relu": lambda z: sp.Max(0, z), "softplus": lambda z: sp.log(1 + sp.exp(z)),
    "step": lambda z: sp.Heaviside(z, 0),
}  # fmt: skip
ENTRY = sp.Dummy("z", real=True)


def derive(row: Row) -> Derived:
    """The derivative by SymPy's `diff`."""
    symbols = {name: symbol(name, d.sizes) for name, d in row.scope.symbols.items()}
    made = evaluated(row.tree, lambda tree, parts: node(tree, parts, symbols))
    wrt = symbols[row.wrt]
    found = made.diff(wrt)
    if row.kind in ("hessian", "vechess"):
        found = found.diff(wrt)
    if found.has(sp.Derivative):
        raise ArithmeticError(f"left unevaluated: {found}"[:120])
    turned = row.kind == "jacobian" and isinstance(found, MatrixExpr)

    def value(point: Point) -> np.ndarray:
        array = numbers(found, symbols, point, row.sizes(point))
        # ∂y_i/∂x_j stands at [j, i] in SymPy's derivative, the variable's axes first.
        if array.ndim == 4:
            return array.transpose(2, 3, 0, 1)
        return array.T if turned and array.ndim == 2 else array

    return Derived(value, str(found), count(found))


def symbol(name: str, sizes: Sequence[Any]) -> Any:
    """A scalar, or a matrix; a vector is a column."""
    if not sizes:
        return sp.Symbol(name, real=True)
    rows, columns = (*map(size, sizes), 1)[:2]
    return sp.MatrixSymbol(name, rows, columns)


def size(given: int | str) -> Any:
    """A size as SymPy has it."""
    return given if isinstance(given, int) else sp.Symbol(given, integer=True, positive=True)


def node(tree: Tree, parts: Sequence[Any], symbols: dict[str, Any]) -> Any:
    """One node of the formula."""
    match tree:
        case Number(number):
            return sp.Rational(number.numerator, number.denominator)
        case Symbol(name):
            return symbols[name] if name in symbols else size(name)
        case Negate():
            return -parts[0]
        case Transpose():
            return parts[0].T if is_matrix(parts[0]) else parts[0]
        case Binary(operator, _, right):
            return binary(operator, parts[0], parts[1], literal(right))
        case Call(function, arguments, _) if function in ("ones", "eye"):
            sizes = [size(a.name if isinstance(a, Symbol) else number_of(a)) for a in arguments]
            return sp.Identity(sizes[0]) if function == "eye" else sp.OneMatrix(*(*sizes, 1)[:2])
        case Call(function, _, _):
            return called(function, *parts)
    raise CannotExpress(type(tree).__name__)


def is_matrix(value: Any) -> bool:
    """Whether a value has rows and columns."""
    return isinstance(value, MatrixExpr)


def binary(operator: str, one: Any, other: Any, number: Fraction | None) -> Any:
    """An operator of the notation."""
    both = is_matrix(one) and is_matrix(other)
    if operator == "*" and both:
        made = one * other
        return sp.Trace(made) if made.shape == (1, 1) else made
    if operator == ".*" and both:
        return sp.HadamardProduct(one, other)
    if operator == "./" and both:
        return sp.HadamardProduct(one, sp.HadamardPower(other, -1))
    if operator == ".^" and is_matrix(one):
        assert number is not None
        return sp.HadamardPower(one, sp.Rational(number.numerator, number.denominator))
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*" | ".*":
            return one * other
        case "/" | "./":
            return one / other
        case _:
            return one**other


def called(function: str, one: Any, other: Any = None) -> Any:
    """A function of the notation."""
    if function in FUNCTIONS:
        if not is_matrix(one):
            return FUNCTIONS[function](one)
        return one.applyfunc(sp.Lambda(ENTRY, FUNCTIONS[function](ENTRY)))
    match function:
        case "sum":
            return total(one)
        case "tr":
            return sp.Trace(one)
        case "det":
            return sp.Determinant(one)
        case "logdet":
            return sp.log(sp.Determinant(one))
        case "inv":
            return sp.Inverse(one)
        case "norm1":
            return total(one.applyfunc(sp.Lambda(ENTRY, sp.Abs(ENTRY))))
        case "norm2":
            return sp.sqrt(sp.Trace(one.T * one))
        case "diag":
            return sp.DiagMatrix(one)
        case "kron":
            return sp.KroneckerProduct(one, other)
        case "softmax":
            weights = called("exp", one)
            return weights / total(weights)
    raise CannotExpress(f"{function} has no word in SymPy")


def total(matrix: Any) -> Any:
    """The sum of all entries, as a trace."""
    rows, columns = matrix.shape
    return sp.Trace(sp.OneMatrix(columns, rows) * matrix)


def numbers(found: Any, symbols: dict[str, Any], point: Point, sizes: dict[str, int]) -> np.ndarray:
    """The value of a derivative with matrices of numbers in it."""
    made = found.subs({size(name): length for name, length in sizes.items()})
    put = {}
    for name, held in symbols.items():
        value = point[name]
        if not value.ndim:
            put[held] = sp.Float(float(value), 20)
            continue
        matrix = value.reshape(len(value), -1)
        put[sp.MatrixSymbol(name, *matrix.shape)] = sp.ImmutableDenseMatrix(
            [[sp.Float(float(entry), 20) for entry in line] for line in matrix]
        )
    made = made.xreplace(put).doit()
    if hasattr(made, "as_explicit"):
        made = made.as_explicit()
    made = made.doit().evalf() if hasattr(made, "evalf") else made
    return np.squeeze(np.array(made.tolist() if hasattr(made, "tolist") else made, dtype=float))


def count(found: Any) -> int:
    """Leaves plus operators of what is printed: a sum of three terms has two."""
    if not found.args or isinstance(found, sp.MatrixSymbol):
        return 1
    if isinstance(found, sp.Add | sp.Mul | sp.MatAdd | sp.MatMul | sp.HadamardProduct):
        return sum(map(count, found.args)) + len(found.args) - 1
    if isinstance(found, sp.Lambda):
        return count(found.expr)
    return 1 + sum(count(part) for part in found.args if hasattr(part, "args"))
