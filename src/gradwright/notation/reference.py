"""The notation's own evaluator: every operation on explicit two-dimensional arrays.

It shares no code with lowering or with the emitted programs, so it can be compared with both. It
takes real numbers of any floating dtype, and complex ones as an analytic extension: imaginary parts
of 1e-30 come out as exact derivatives (`analytic` says how).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradwright.core.work import spend
from gradwright.errors import DomainError, GradwrightError, ShapeError
from gradwright.notation import matrices, summation
from gradwright.notation.activations import EACH_ENTRY, elu, huber
from gradwright.notation.analytic import Array, larger, leaky_relu, power, step
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.given import Value, Values, evaluation_error, of_array
from gradwright.notation.lexer import canonical_name
from gradwright.notation.moved_values import moved_value, part_value
from gradwright.notation.operands import operands_of
from gradwright.notation.rearranging import MOVING
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.reduced_values import axis_of, eps_of, reduced
from gradwright.notation.selecting import BY_INDICES
from gradwright.notation.shapes import Scope, identity_sizes
from gradwright.notation.size_text import as_size
from gradwright.notation.standardised import STANDARDISED
from gradwright.notation.supplied import Supplied, supplied_value
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    IndexArray,
    IndexSum,
    Negate,
    Number,
    Part,
    Symbol,
    Transpose,
    Tree,
    free_indices,
    literal,
)

#: The operators that act entry by entry; the others are powers.
OPERATORS: Mapping[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    ".*": np.multiply,
    "./": np.divide,
    "/": np.divide,
}

#: Functions of a whole array whose value is a number.
SCALARS: Mapping[str, Any] = {
    "norm1": matrices.norm1,
    "norm2": matrices.norm2,
    "tr": lambda array: np.trace(array).reshape(1, 1),
    "det": matrices.determinant,
    "logdet": matrices.log_determinant,
}

#: Slope of leaky_relu unless it is given; its derivative at 0 is the slope unless it is given.
SLOPE = Fraction(1, 10)


def evaluate(tree: Tree, values: Mapping[str, ArrayLike | Supplied], scope: Scope) -> Any:
    """The value of a tree at one point, as `Evaluator` gives it.

    Raises:
        SymbolError, ShapeError, DomainError: as an `Evaluator`.
    """
    return Evaluator(tree, scope)(values)


class Evaluator:
    """A tree, ready to be evaluated at many points."""

    def __init__(self, tree: Tree, scope: Scope) -> None:
        self.scope = scope
        tree = rebuilt(tree, _complement)
        self.free = free_indices(tree)
        self.identities = identity_sizes(tree, scope)
        #: Every node behind those that it is computed from, whose places stand beside it.
        self.order: list[tuple[Tree, tuple[int, ...]]] = []
        places: dict[int, int] = {}
        stack: list[tuple[Tree, bool]] = [(tree, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in places:
                continue
            parts = self._operands(node)
            if ready:
                places[id(node)] = len(self.order)
                self.order.append((node, tuple(places[id(part)] for part in parts)))
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed(parts))

    def __call__(self, values: Mapping[str, ArrayLike | Supplied]) -> Any:
        """The value: a NumPy scalar, or an array, with one axis for a row or column, else more.

        `values` has an array for every symbol of the tree: no axis for a scalar, one for a vector,
        two for a matrix. A name of a size may have a value too, and needs one if no array has that
        size. An abstract function has a `Supplied`. The dtype is the promotion of the floating
        inputs; integers and booleans count as float64, Python numbers do not count. Outside the
        domain of a function the result is nan or infinite.

        Raises:
            SymbolError: a value is missing, or given for a name that is not in the scope.
            ShapeError: the shapes of values disagree with their kinds or with each other.
            DomainError: the inverse of a singular matrix, the largest of no entries.
        """
        given: dict[str, Any] = {canonical_name(name): value for name, value in values.items()}
        functions = {name: given.pop(name) for name in self.scope.functions if name in given}
        known = Values(given, self.scope)
        try:
            with np.errstate(all="ignore"):
                return _Evaluation(self, known, functions).value().axes
        except ValueError as error:
            if all(array.size for array in known.arrays.values()):
                raise
            clash = f"an axis of the values has no entries, and a largest one is taken ({error})"
            raise evaluation_error(DomainError, clash, "give values with entries") from error

    def _operands(self, tree: Tree) -> Sequence[Tree]:
        """What a node is computed from: sizes are not evaluated, and a sum is of a product."""
        if isinstance(tree, IndexSum):
            return summation.factors(tree, self.free)[1]
        return operands_of(tree)


def _complement(tree: Tree) -> Tree:
    """sigmoid(-u) for 1 - sigmoid(u), a difference that loses the digits far above 0."""
    match tree:
        case Binary("-", Number(value=1), Call("sigmoid", (argument,))):
            return Call("sigmoid", (Negate(argument, argument.span),), span=tree.span)
    return tree


class _Evaluation:
    """The value of a tree at one point."""

    def __init__(
        self, evaluator: Evaluator, values: Values, functions: Mapping[str, Supplied]
    ) -> None:
        self.order = evaluator.order
        self.scope = evaluator.scope
        self.free = evaluator.free
        self.identities = evaluator.identities
        self.values = values
        self.functions = functions

    def value(self) -> Value:
        """The value of the last node, each being computed behind its operands."""
        done: list[Value] = []
        for node, places in self.order:
            found = [done[place] for place in places]
            self._room(node, found)
            done.append(self._node(node, found))
        return done[-1]

    def _indexed(self, tree: Tree, parts: list[Value]) -> summation.Indexed:
        """The value of a node that has to do with indices."""
        match tree:
            case Entry(_, indices):
                return summation.taken(parts[0].axes, indices)
            case Identity((int(one), int(other))):
                return np.asarray(one == other, self.values.dtype), ()
            case Identity(indices):
                size = self.identities[id(tree)]
                length = self.values.length(size)
                self.values.room(length, length)
                return summation.taken(np.eye(length, dtype=self.values.dtype), indices)
            case IndexSum(indices, _):
                sign, _ = summation.factors(tree, self.free)
                return summation.total(sign, [part.indexed for part in parts], indices)

        return summation.together(
            lambda *arrays: self._each(tree, arrays), [part.indexed for part in parts]
        )

    def _each(self, tree: Tree, arrays: Sequence[Array]) -> Array:
        """An operation on scalars, at every entry of arrays of one shape."""
        match tree:
            case Negate():
                return np.negative(arrays[0])
            case Transpose():
                return arrays[0]
            case Binary(operator):
                return np.asarray(OPERATORS.get(operator, power)(*arrays))
            case Call("leaky_relu" | "step" | "elu" | "huber"):
                return self._with_options(tree, arrays[0])
            case Call("max" | "min"):
                return _larger(tree, *arrays)
            case Call(function) if function in FUNCTIONS:
                return EACH_ENTRY[function](arrays[0])
            case Call():
                given = (self.scope.functions, self.functions)
                return np.asarray(supplied_value(tree, *given, arrays, (True, False))[0])
        raise AssertionError(type(tree))

    def _node(self, tree: Tree, parts: list[Value]) -> Value:
        if isinstance(tree, IndexArray):
            return _arranged(parts[0], tree.indices)
        if isinstance(tree, Equation):
            return _arranged(parts[0], tree.left.indices) if tree.left.indices else parts[0]
        if isinstance(tree, Entry | IndexSum | Identity) or any(part.free for part in parts):
            array, free = self._indexed(tree, parts)
            return Value(array if free else np.reshape(array, (1, 1)), False, False, free)
        match tree:
            case Number(value):
                return Value(self.values.number(value), False, False)
            case Symbol(name):
                return self.values.symbol(name)
            case Negate():
                return Value(-parts[0].array, parts[0].rows, parts[0].columns)
            case Part(_, places):
                return part_value(self.values, places, parts[0])
            case Transpose():
                return Value(parts[0].array.T, parts[0].columns, parts[0].rows)
            case Binary("*"):
                return self._times(*parts)
            case Binary("^") if not parts[0].is_scalar:
                return self._matrix_power(tree, parts[0])
            case Binary(operator):
                return self._entrywise(operator, *parts)
            case Call() if tree.function in (*MOVING, *BY_INDICES):
                return moved_value(self.values, tree, parts)
            case Call():
                return self._call(tree, parts)
        raise AssertionError(type(tree))

    def _times(self, one: Value, other: Value) -> Value:
        if one.is_scalar or other.is_scalar:
            return _spread(np.multiply, one, other)
        if one.array.shape[1] != other.array.shape[0]:
            raise _disagree("*", one, other)
        return Value(one.array @ other.array, one.rows, other.columns)

    def _entrywise(self, operator: str, one: Value, other: Value) -> Value:
        return _spread(OPERATORS.get(operator, power), one, other)

    def _matrix_power(self, tree: Binary, base: Value) -> Value:
        exponent = literal(tree.right)
        assert exponent is not None and exponent.denominator == 1
        array = matrices.matrix_power(base.array, int(exponent), "of a power")
        return Value(array, base.rows, base.columns)

    def _room(self, tree: Tree, parts: Sequence[Value]) -> None:
        """Refuse an operation whose result is much larger than what is given."""
        shapes = [part.array.shape for part in parts]
        match tree:
            case Call("kron"):
                self.values.room(*shapes[0], *shapes[1])
            case Call("diag") if not (parts[0].rows and parts[0].columns):
                self.values.room(parts[0].array.size, parts[0].array.size)
            case Binary("*") if not (parts[0].is_scalar or parts[1].is_scalar):
                self.values.room(shapes[0][0], shapes[1][-1])
            case Binary() if len(shapes[0]) == len(shapes[1]):
                self.values.room(*map(max, *shapes))
            case _:
                spend(8)

    # Functions --------------------------------------------------------------------------------

    def _call(self, tree: Call, parts: list[Value]) -> Value:
        if tree.function in CONSTANTS:
            return self._constant(tree)
        value = parts[0]
        array = value.array
        if tree.function not in FUNCTIONS:
            arrays = [part.array for part in parts]
            axes = (value.rows, value.columns)
            return Value(*supplied_value(tree, self.scope.functions, self.functions, arrays, axes))
        match tree.function:
            case "leaky_relu" | "step" | "elu" | "huber":
                return Value(self._with_options(tree, array), value.rows, value.columns)
            case "max" | "min" if len(parts) == 1:
                return reduced(tree, value)
            case "max" | "min":
                return _spread(lambda a, b: _larger(tree, a, b), *parts)
            case "sum" | "mean" | "logsumexp" | "std" | "rms":
                return reduced(tree, value)
            case function if function in SCALARS:
                return Value(SCALARS[function](array), False, False)
            case "rows" | "columns":
                length = array.shape[0 if tree.function == "rows" else 1]
                return Value(np.full((1, 1), length, self.values.dtype), False, False)
            case "inv":
                return Value(matrices.inverse(array, "inv(…)"), True, True)
            case "diag":
                return self._diagonal(value)
            case "vec":
                return Value(array.T.reshape(-1, 1), True, False)
            case "kron":
                other = parts[1]
                rows, columns = value.rows or other.rows, value.columns or other.columns
                return Value(np.kron(array, other.array), rows, columns)
            case "softmax" | "hardmax":
                along = matrices.softmax if tree.function == "softmax" else matrices.hardmax
                found = along(array, axis_of(tree, -1 if value.columns else 0))
                return Value(found, value.rows, value.columns)
            case "layernorm" | "rmsnorm" | "batchnorm":
                axis = axis_of(tree, 0 if tree.function == "batchnorm" or not value.columns else -1)
                found = STANDARDISED[tree.function](array, axis, *eps_of(tree))
                return Value(found, value.rows, value.columns)
            case "outer":
                column, row = array.reshape(-1, 1), parts[1].array.reshape(1, -1)
                return Value(column * row, True, True)
            case "solve":
                found = matrices.solution(array, parts[1].array, "of solve(…)")
                return Value(found, True, parts[1].columns)
        return Value(EACH_ENTRY[tree.function](array), value.rows, value.columns)

    def _constant(self, tree: Call) -> Value:
        sizes = []
        for argument in tree.arguments:
            size = as_size(argument)
            assert size is not None
            sizes.append(self.values.length(size))
        self.values.room(*sizes, *(sizes if tree.function in ("eye", "commutation") else ()))
        if tree.function == "eye":
            return Value(np.eye(sizes[0], dtype=self.values.dtype), True, True)
        if tree.function == "commutation":
            return Value(matrices.commutation(*sizes).astype(self.values.dtype), True, True)
        shape = (sizes[0], sizes[1] if len(sizes) == 2 else 1)
        filled = np.full(shape, tree.function == "ones", self.values.dtype)
        return Value(filled, True, len(sizes) == 2)

    def _with_options(self, tree: Call, array: Array) -> Array:
        options = dict(tree.options)
        for name, argument in zip(("slope", "kink"), tree.arguments[1:], strict=False):
            value = literal(argument)
            assert value is not None
            options[name] = value
        if tree.function == "elu":
            return elu(array, float(options.get("alpha", 1)))
        if tree.function == "huber":
            return huber(array, float(options.get("delta", 1)))
        if tree.function == "step":
            return step(array, float(options.get("kink", 0)))
        slope = options.get("slope", SLOPE)
        return leaky_relu(array, float(slope), float(options.get("kink", slope)))

    def _diagonal(self, value: Value) -> Value:
        if value.rows and value.columns:
            return Value(np.diagonal(value.array).reshape(-1, 1), True, False)
        return Value(np.diag(value.array.reshape(-1)), True, True)


def _arranged(value: Value, indices: Sequence[str]) -> Value:
    """An array with the axes of these indices, from a value that has them free."""
    return of_array(summation.arranged(value.indexed, indices))


def _larger(tree: Call, one: Array, other: Array) -> Array:
    """max or min; of a variable and a constant, a tie has the derivative of the constant."""
    constant = None
    for argument, array in zip(tree.arguments, (one, other), strict=True):
        if literal(argument) is not None:
            constant = array
    if tree.function == "max":
        return larger(one, other, constant)
    return -larger(-one, -other, None if constant is None else -constant)


def _spread(function: Any, one: Value, other: Value) -> Value:
    """An elementwise operation; axes that only one side has are spread over."""
    tensors = one.array.ndim > 2 and other.array.ndim > 2
    if tensors and one.array.shape != other.array.shape:
        raise _disagree("an elementwise operation", one, other)
    for axis, both in enumerate((one.rows and other.rows, one.columns and other.columns)):
        if both and one.array.shape[axis] != other.array.shape[axis]:
            raise _disagree("an elementwise operation", one, other)
    array = np.asarray(function(one.array, other.array))
    return Value(array, one.rows or other.rows, one.columns or other.columns)


def _disagree(operation: str, one: Value, other: Value) -> GradwrightError:
    return evaluation_error(
        ShapeError,
        f"the sides of {operation} have shapes {one.array.shape} and {other.array.shape}",
        "give values whose sizes agree",
    )
