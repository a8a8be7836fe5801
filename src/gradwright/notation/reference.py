"""The notation's own evaluator: every operation on explicit two-dimensional arrays.

It shares no code with lowering or with the emitted programs, so it can be compared with both. It
takes real numbers of any floating dtype, and complex ones as an analytic extension: imaginary parts
of 1e-30 come out as exact derivatives (`analytic` says how).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradwright.errors import GradwrightError, ShapeError, SymbolError
from gradwright.notation import matrices
from gradwright.notation.analytic import ELEMENTWISE, Array, larger, leaky_relu, power, step
from gradwright.notation.declarations import Declaration
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.lexer import canonical_name
from gradwright.notation.shapes import Scope
from gradwright.notation.supplied import Supplied, supplied_value
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    literal,
)

#: Slope of leaky_relu unless it is given; its derivative at 0 is the slope unless it is given.
SLOPE = Fraction(1, 10)


def evaluate(tree: Tree, values: Mapping[str, ArrayLike | Supplied], scope: Scope) -> Any:
    """The value of a tree: a NumPy scalar, or an array of one axis (row or column) or two.

    `values` has an array for every symbol of the tree: no axis for a scalar, one for a vector, two
    for a matrix. A name of a size may have a value too, and needs one if no array has that size.
    An abstract function has a `Supplied`. The dtype is the promotion of the floating inputs;
    integers and booleans count as float64, Python numbers do not count. Outside the domain of a
    function the result is nan or infinite.

    Raises:
        SymbolError: a value is missing, or given for a name that is not in the scope.
        ShapeError: the shapes of values disagree with their kinds or with each other.
        DomainError: the inverse of a singular matrix.
    """
    given: dict[str, Any] = {canonical_name(name): value for name, value in values.items()}
    functions = {name: given.pop(name) for name in scope.functions if name in given}
    bound = _Values(given, scope)
    evaluator = _Evaluator(bound, scope, functions)
    with np.errstate(all="ignore"):
        value = evaluator.value(tree)
    if value.rows and value.columns:
        return value.array
    return value.array.reshape(-1) if value.rows or value.columns else value.array[0, 0]


@dataclass(frozen=True, slots=True)
class _Value:
    """A two-dimensional array, and which of its axes the notation knows of."""

    array: Array
    rows: bool
    columns: bool

    @property
    def is_scalar(self) -> bool:
        return not (self.rows or self.columns)


class _Values:
    """The given arrays in one dtype, and the sizes that they fix."""

    def __init__(self, given: Mapping[str, ArrayLike], scope: Scope) -> None:
        unknown = sorted(set(given) - set(scope.symbols) - scope.sizes)
        if unknown:
            known = ", ".join(sorted({*scope.symbols, *scope.sizes})) or "none"
            raise _error(
                SymbolError,
                f"{unknown[0]} has a value and the formula's symbols and sizes are: {known}",
                f"leave {unknown[0]} out",
            )
        self.symbols = scope.symbols
        self.arrays = {
            name: _array(scope.symbols[name], value)
            for name, value in given.items()
            if name in scope.symbols
        }
        self.dtype = _dtype(self.arrays, given)
        self.sizes: dict[str, tuple[int, str]] = {}
        for name, value in given.items():
            if name not in scope.symbols:
                self.sizes[name] = (_whole(name, value), f"the value given for {name}")
        for name, array in self.arrays.items():
            self._bind(scope.symbols[name], array.shape)

    def _bind(self, declared: Declaration, shape: tuple[int, ...]) -> None:
        for size, length in zip(declared.sizes, shape, strict=True):
            expected, source = (size, "its declaration") if isinstance(size, int) else (0, "")
            if isinstance(size, str):
                expected, source = self.sizes.setdefault(size, (length, declared.name))
            if expected != length:
                source = source if source == "its declaration" else f"the size {size} of {source}"
                raise _error(
                    ShapeError,
                    f"{declared.name} has shape {shape}, so {size} is {length} there, and "
                    f"{source} is {expected}",
                    "give values whose sizes agree",
                )

    def symbol(self, name: str) -> _Value:
        """The value of a symbol, or of a size used as a number."""
        if name in self.arrays:
            array = self.arrays[name].astype(self.dtype)
            shape = {0: (1, 1), 1: (-1, 1)}.get(array.ndim, array.shape)
            return _Value(array.reshape(shape), array.ndim > 0, array.ndim > 1)
        if name in self.symbols:
            raise _error(
                SymbolError,
                f"{name} is a symbol of the formula and has no value",
                f"give a value for {name}",
            )
        return _Value(np.full((1, 1), self.size(name), self.dtype), False, False)

    def size(self, name: str) -> int:
        """The value of a size."""
        if name not in self.sizes:
            raise _error(
                SymbolError,
                f"the size {name} is used, and no value that is given has that size",
                f"give a value for {name}",
            )
        return self.sizes[name][0]

    def number(self, value: Fraction) -> Array:
        """A rational in the working precision, (1, 1)."""
        real = np.zeros((), self.dtype).real.dtype
        if real.itemsize > 8:
            # As a quotient it has all the digits of the wider type; a double would cut them.
            top, bottom = real.type(str(value.numerator)), real.type(str(value.denominator))
            if np.isfinite(top) and np.isfinite(bottom):
                return np.full((1, 1), top / bottom, self.dtype)
        return np.full((1, 1), float(value), self.dtype)


def _error(kind: type[GradwrightError], clash: str, instead: str) -> GradwrightError:
    return kind("evaluating the formula", clash, instead)


def _array(declared: Declaration, value: ArrayLike) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _error(
            ShapeError, f"{declared.name} is no array: {error}", "give rows of equal length"
        ) from error
    if array.dtype.kind not in "biufc":
        raise _error(
            ShapeError,
            f"{declared.name} has dtype {array.dtype} and a formula takes numbers",
            f"convert {declared.name} to floating point",
        )
    if array.ndim != len(declared.sizes):
        raise _error(
            ShapeError,
            f"{declared.name} is a {declared} with {len(declared.sizes)} axes and its value has "
            f"shape {array.shape}",
            f"give {declared.name} an array with {len(declared.sizes)} axes",
        )
    return array


def _dtype(arrays: Mapping[str, Array], given: Mapping[str, ArrayLike]) -> Any:
    found = [
        array.dtype if array.dtype.kind in "fc" else np.dtype(np.float64)
        for name, array in arrays.items()
        if type(given[name]) not in (int, float, bool, complex)
    ]
    # A Python complex number decides only that the result is complex, not how wide it is.
    found = found or [np.dtype(np.float64)]
    if any(type(given[name]) is complex for name in arrays):
        found.append(np.dtype(np.complex64))
    return np.result_type(*found)


def _whole(name: str, value: ArrayLike) -> int:
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "iuf" or array != np.floor(array) or array < 1:
        raise _error(
            ShapeError,
            f"the size {name} is given as {value!r} and sizes are whole numbers from 1",
            f"give a whole number for {name}",
        )
    return int(array)


class _Evaluator:
    def __init__(self, values: _Values, scope: Scope, functions: Mapping[str, Supplied]) -> None:
        self.values = values
        self.scope = scope
        self.functions = functions

    def value(self, tree: Tree) -> _Value:
        """The value of a tree, each node after its children."""
        done: dict[int, _Value] = {}
        stack: list[tuple[Tree, bool]] = [(tree, False)]
        while stack:
            node, ready = stack.pop()
            sizes_only = isinstance(node, Call) and node.function in CONSTANTS
            parts = () if sizes_only else children(node)
            if ready:
                done[id(node)] = self._node(node, [done[id(part)] for part in parts])
            elif id(node) not in done:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed(parts))
        return done[id(tree)]

    def _node(self, tree: Tree, parts: list[_Value]) -> _Value:
        match tree:
            case Number(value):
                return _Value(self.values.number(value), False, False)
            case Symbol(name):
                return self.values.symbol(name)
            case Negate():
                return _Value(-parts[0].array, parts[0].rows, parts[0].columns)
            case Transpose():
                return _Value(parts[0].array.T, parts[0].columns, parts[0].rows)
            case Binary("*"):
                return self._times(*parts)
            case Binary("^") if not parts[0].is_scalar:
                return self._matrix_power(tree, parts[0])
            case Binary(operator):
                return self._entrywise(operator, *parts)
            case Call():
                return self._call(tree, parts)

    def _times(self, one: _Value, other: _Value) -> _Value:
        if one.is_scalar or other.is_scalar:
            return _spread(np.multiply, one, other)
        if one.array.shape[1] != other.array.shape[0]:
            raise _disagree("*", one, other)
        return _Value(one.array @ other.array, one.rows, other.columns)

    def _entrywise(self, operator: str, one: _Value, other: _Value) -> _Value:
        functions = {
            "+": np.add,
            "-": np.subtract,
            ".*": np.multiply,
            "./": np.divide,
            "/": np.divide,
        }
        return _spread(functions.get(operator, power), one, other)

    def _matrix_power(self, tree: Binary, base: _Value) -> _Value:
        exponent = literal(tree.right)
        assert exponent is not None and exponent.denominator == 1
        array = matrices.matrix_power(base.array, int(exponent), "of a power")
        return _Value(array, base.rows, base.columns)

    # Functions --------------------------------------------------------------------------------

    def _call(self, tree: Call, parts: list[_Value]) -> _Value:
        if tree.function in CONSTANTS:
            return self._constant(tree)
        value = parts[0]
        array = value.array
        if tree.function not in FUNCTIONS:
            arrays = [part.array for part in parts]
            axes = (value.rows, value.columns)
            return _Value(*supplied_value(tree, self.scope.functions, self.functions, arrays, axes))
        match tree.function:
            case "leaky_relu" | "step":
                return _Value(self._with_options(tree, array), value.rows, value.columns)
            case "max" | "min":
                return self._larger(tree, *parts)
            case "sum":
                return _Value(matrices.total(array), False, False)
            case "norm1":
                return _Value(matrices.norm1(array), False, False)
            case "norm2":
                return _Value(matrices.norm2(array), False, False)
            case "tr":
                return _Value(np.trace(array).reshape(1, 1), False, False)
            case "det":
                return _Value(matrices.determinant(array), False, False)
            case "logdet":
                return _Value(matrices.log_determinant(array), False, False)
            case "inv":
                return _Value(matrices.inverse(array, "inv(…)"), True, True)
            case "diag":
                return self._diagonal(value)
            case "vec":
                return _Value(array.T.reshape(-1, 1), True, False)
            case "kron":
                other = parts[1]
                rows, columns = value.rows or other.rows, value.columns or other.columns
                return _Value(np.kron(array, other.array), rows, columns)
            case "softmax":
                axis = 1 if value.columns else 0
                return _Value(matrices.softmax(array, axis), value.rows, value.columns)
            case "logsumexp":
                axis = 1 if value.columns else 0
                return _Value(matrices.logsumexp(array, axis), value.rows and axis == 1, False)
        return _Value(ELEMENTWISE[tree.function](array), value.rows, value.columns)

    def _constant(self, tree: Call) -> _Value:
        sizes = []
        for argument in tree.arguments:
            if isinstance(argument, Symbol):
                sizes.append(self.values.size(argument.name))
            else:
                assert isinstance(argument, Number)
                sizes.append(int(argument.value))
        if tree.function == "eye":
            return _Value(np.eye(sizes[0], dtype=self.values.dtype), True, True)
        if tree.function == "commutation":
            return _Value(matrices.commutation(*sizes).astype(self.values.dtype), True, True)
        shape = (sizes[0], sizes[1] if len(sizes) == 2 else 1)
        return _Value(np.ones(shape, self.values.dtype), True, len(sizes) == 2)

    def _with_options(self, tree: Call, array: Array) -> Array:
        options = dict(tree.options)
        for name, argument in zip(("slope", "kink"), tree.arguments[1:], strict=False):
            value = literal(argument)
            assert value is not None
            options[name] = value
        if tree.function == "step":
            return step(array, float(options.get("kink", 0)))
        slope = options.get("slope", SLOPE)
        return leaky_relu(array, float(slope), float(options.get("kink", slope)))

    def _larger(self, tree: Call, one: _Value, other: _Value) -> _Value:
        constant = None
        for argument, value in zip(tree.arguments, (one, other), strict=True):
            if literal(argument) is not None:
                constant = value.array
        if tree.function == "max":
            return _spread(lambda a, b: larger(a, b, constant), one, other)
        turned = None if constant is None else -constant
        return _spread(lambda a, b: -larger(-a, -b, turned), one, other)

    def _diagonal(self, value: _Value) -> _Value:
        if value.rows and value.columns:
            return _Value(np.diagonal(value.array).reshape(-1, 1), True, False)
        return _Value(np.diag(value.array.reshape(-1)), True, True)


def _spread(function: Any, one: _Value, other: _Value) -> _Value:
    """An elementwise operation; axes that only one side has are spread over."""
    for axis, both in enumerate((one.rows and other.rows, one.columns and other.columns)):
        if both and one.array.shape[axis] != other.array.shape[axis]:
            raise _disagree("an elementwise operation", one, other)
    array = np.asarray(function(one.array, other.array))
    return _Value(array, one.rows or other.rows, one.columns or other.columns)


def _disagree(operation: str, one: _Value, other: _Value) -> GradwrightError:
    return _error(
        ShapeError,
        f"the sides of {operation} have shapes {one.array.shape} and {other.array.shape}",
        "give values whose sizes agree",
    )
