"""Formulas evaluated with numbers that hold infinitesimals, for their derivatives of any order.

Over the integers modulo a prime the derivative of a rational formula is exact; over mpmath's
numbers that of any formula has 30 digits. It shares no code with the package but the reader of
texts: an operation that is not listed here is computed from the definition in its record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from gradwright.notation.parser import parse
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from tests.suites.infinitesimals import (
    REAL,
    Dual,
    Residue,
    Undefined,
    constant,
    moving,
    standard,
)

DIGITS = 30


class Arithmetic:
    """A field, and how many infinitesimals its numbers hold."""

    def __init__(self, real: bool, order: int = 1) -> None:
        self.real = real
        self.order = order
        self.made: Callable[[Any], Any] = mpmath.mpf if real else Residue

    def number(self, value: Fraction) -> Dual:
        """A rational number."""
        if self.real:
            return constant(mpmath.mpf(value.numerator) / value.denominator, self.zero, self.order)
        return constant(Residue.of(value), self.zero, self.order)

    @property
    def zero(self) -> Any:
        return self.made(0)

    def given(
        self, value: np.ndarray, slopes: Sequence[np.ndarray | None], is_row: bool
    ) -> np.ndarray:
        """An input, a column or a row being a matrix, with the direction that it moves in.

        One direction for each infinitesimal; none where it stands still.
        """
        found = np.empty(np.shape(value), dtype=object)
        for place in np.ndindex(found.shape):
            along = [0 if slope is None else np.asarray(slope)[place] for slope in slopes]
            number = self.made(np.asarray(value)[place])
            found[place] = moving(number, list(map(self.made, along)), self.zero)
        if found.ndim == 1:
            return found[None, :] if is_row else found[:, None]
        return found

    def evaluate(
        self, tree: Tree, values: Mapping[str, np.ndarray], sizes: Mapping[str, int]
    ) -> np.ndarray:
        """The value of a tree, an array of dual numbers with no axis or two."""
        return _Evaluation(self, values, sizes).value(tree)


class _Evaluation:
    def __init__(
        self, field: Arithmetic, values: Mapping[str, np.ndarray], sizes: Mapping[str, int]
    ) -> None:
        self.field = field
        self.values = values
        self.sizes = sizes

    def value(self, tree: Tree) -> np.ndarray:
        match tree:
            case Number(value=value):
                return self._scalar(self.field.number(value))
            case Symbol(name=name):
                if name in self.values:
                    return self.values[name]
                return self._scalar(self.field.number(Fraction(self.sizes[name])))
            case Negate(operand=operand):
                return self._each(Dual.__neg__, self.value(operand))
            case Transpose(operand=operand):
                return self.value(operand).T
            case Binary(operator=operator, left=left, right=right):
                return self._binary(operator, left, right)
            case Call():
                return self._call(tree)
            case _:
                raise Undefined

    def _scalar(self, number: Dual) -> np.ndarray:
        made = np.empty((), dtype=object)
        made[()] = number
        return made

    def _each(self, function: Callable[..., Dual], *arrays: np.ndarray) -> np.ndarray:
        spread = np.broadcast_arrays(*arrays)
        found = np.empty(spread[0].shape, dtype=object)
        for place in np.ndindex(found.shape):
            found[place] = function(*(array[place] for array in spread))
        return found

    def _binary(self, operator: str, left: Tree, right: Tree) -> np.ndarray:
        squared = self._square_of_norm(operator, left, right)
        if squared is not None:
            return squared
        one = self.value(left)
        if operator in ("^", ".^"):
            return self._power(operator, one, right)
        other = self.value(right)
        match operator:
            case "+":
                return self._each(Dual.__add__, one, other)
            case "-":
                return self._each(Dual.__sub__, one, other)
            case "/" | "./":
                return self._each(Dual.__truediv__, one, other)
            case "*" if one.ndim and other.ndim:
                product = np.dot(one, other)
                return product.reshape(()) if product.shape == (1, 1) else product
            case "*" | ".*":
                return self._each(Dual.__mul__, one, other)
            case _:
                raise Undefined

    def _square_of_norm(self, operator: str, left: Tree, right: Tree) -> np.ndarray | None:
        """norm2(x)^2 is rational."""
        is_norm = isinstance(left, Call) and left.function == "norm2" and operator == "^"
        if not (is_norm and isinstance(right, Number) and right.value == 2):
            return None
        x = self.value(left.arguments[0])
        return self._sum(self._each(Dual.__mul__, x, x))

    def _power(self, operator: str, base: np.ndarray, exponent: Tree) -> np.ndarray:
        number = exponent.value if isinstance(exponent, Number) else None
        if isinstance(exponent, Negate) and isinstance(exponent.operand, Number):
            number = -exponent.operand.value
        if number is not None and number.denominator == 1:
            count = abs(number.numerator)
            whole = operator == "^" and base.ndim == 2
            result = base
            for _ in range(count - 1):
                result = np.dot(result, base) if whole else self._each(Dual.__mul__, result, base)
            if number > 0:
                return result
            if number < 0 and not whole:
                return self._each(lambda x: self.field.number(Fraction(1)) / x, result)
            raise Undefined
        logarithm = self._function("log", base)
        product = self._each(Dual.__mul__, self.value(exponent), logarithm)
        return self._function("exp", product)

    def _function(self, name: str, array: np.ndarray) -> np.ndarray:
        if not self.field.real:
            raise Undefined
        return self._each(REAL[name], array)

    def _call(self, tree: Call) -> np.ndarray:
        name, options = tree.function, dict(tree.options)
        if name in ("ones", "zeros", "eye", "commutation"):
            return self._constant(tree)
        arguments = [self.value(argument) for argument in tree.arguments]
        special = getattr(self, f"_{name}", None)
        if special is not None:
            return special(*arguments, **{k: v for k, v in options.items() if k == "axis"})
        if name in REAL and not options and len(arguments) == 1:
            return self._function(name, arguments[0])
        record = OPERATIONS.get(name)
        if not isinstance(record, Elementwise) or options or len(arguments) != record.arity:
            raise Undefined
        definition = parse(record.definition)

        def entry(*given: Dual) -> Dual:
            inner = {name: self._scalar(number) for name, number in zip("xy", given, strict=False)}
            return _Evaluation(self.field, inner, {}).value(definition)[()]

        return self._each(entry, *arguments)

    def _constant(self, tree: Call) -> np.ndarray:
        lengths = [
            self.sizes[part.name] if isinstance(part, Symbol) else int(part.value)  # type: ignore[attr-defined]
            for part in tree.arguments
        ]
        one, zero = self.field.number(Fraction(1)), self.field.number(Fraction(0))
        if tree.function in ("ones", "zeros"):
            shape = tuple(lengths) if len(lengths) == 2 else (lengths[0], 1)
            return np.full(shape, one if tree.function == "ones" else zero, dtype=object)
        if tree.function == "eye":
            shape, fits = (lengths[0], lengths[0]), lambda r, c: r == c
        else:
            rows, columns = lengths
            shape = (rows * columns, rows * columns)
            # vec(Aᵀ)[i·n + j] = A[i,j] = vec(A)[j·m + i] for A of m rows and n columns.
            fits = lambda r, c: r // columns == c % rows and r % columns == c // rows  # noqa: E731
        made = np.empty(shape, dtype=object)
        for place in np.ndindex(shape):
            made[place] = one if fits(*place) else zero
        return made

    # Functions of whole arrays ------------------------------------------------------------------

    def _sum(self, x: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        if axis is None:
            return np.asarray(np.sum(x.ravel()), dtype=object) if x.size else x
        return np.sum(x, axis=int(axis), keepdims=True)

    def _mean(self, x: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        count = x.size if axis is None else x.shape[int(axis)]
        share = self._scalar(self.field.number(Fraction(1, count)))
        return self._each(Dual.__mul__, share, self._sum(x, axis))

    def _norm1(self, x: np.ndarray) -> np.ndarray:
        return self._sum(self._function("abs", x))

    def _norm2(self, x: np.ndarray) -> np.ndarray:
        return self._function("sqrt", self._sum(self._each(Dual.__mul__, x, x)))

    def _tr(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(np.diagonal(x)), dtype=object)

    def _diag(self, x: np.ndarray) -> np.ndarray:
        if 1 not in x.shape:
            return np.diagonal(x)[:, None]
        made = np.full((x.size, x.size), self.field.number(Fraction(0)), dtype=object)
        for k, entry in enumerate(x.ravel()):
            made[k, k] = entry
        return made

    def _vec(self, x: np.ndarray) -> np.ndarray:
        return x.T.reshape(-1, 1)

    def _kron(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        made = self._each(Dual.__mul__, x[:, None, :, None], y[None, :, None, :])
        return made.reshape(x.shape[0] * y.shape[0], x.shape[1] * y.shape[1])

    def _outer(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._each(Dual.__mul__, x.reshape(-1, 1), y.reshape(1, -1))

    def _softmax(self, x: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        exponentials = self._function("exp", x)
        total = np.sum(exponentials, axis=self._along(x, axis), keepdims=True)
        return self._each(Dual.__truediv__, exponentials, total)

    def _logsumexp(self, x: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        total = np.sum(self._function("exp", x), axis=self._along(x, axis), keepdims=True)
        found = self._function("log", total)
        return found.reshape(()) if 1 in x.shape and axis is None else found

    def _along(self, x: np.ndarray, axis: Fraction | None) -> int:
        """Along each row unless said otherwise; the one axis of a column or a row."""
        if axis is not None:
            return int(axis)
        return 0 if x.shape[1] == 1 else 1

    def _max(self, *given: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        return self._extreme(lambda a, b: a if standard(a) >= standard(b) else b, given, axis)

    def _min(self, *given: np.ndarray, axis: Fraction | None = None) -> np.ndarray:
        return self._extreme(lambda a, b: a if standard(a) <= standard(b) else b, given, axis)

    def _extreme(
        self, better: Callable[..., Dual], given: tuple[np.ndarray, ...], axis: Fraction | None
    ) -> np.ndarray:
        """Of two arrays entry by entry, or of the entries of one."""
        if not self.field.real:
            raise Undefined
        if len(given) == 2:
            return self._each(better, *given)
        pairwise = np.frompyfunc(better, 2, 1)
        if axis is None:
            return self._scalar(pairwise.reduce(given[0].ravel()))
        return pairwise.reduce(given[0], axis=int(axis), keepdims=True)

    def _det(self, x: np.ndarray) -> np.ndarray:
        return self._scalar(self._eliminated(x)[0])

    def _logdet(self, x: np.ndarray) -> np.ndarray:
        return self._function("log", self._function("abs", self._det(x)))

    def _inv(self, x: np.ndarray) -> np.ndarray:
        return self._eliminated(x)[1]

    def _solve(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.dot(self._inv(x), y)

    def _eliminated(self, x: np.ndarray) -> tuple[Dual, np.ndarray]:
        """Determinant and inverse by Gauss and Jordan."""
        n = len(x)
        one, zero = self.field.number(Fraction(1)), self.field.number(Fraction(0))
        identity = [[one if r == c else zero for c in range(n)] for r in range(n)]
        rows = [[*x[r], *identity[r]] for r in range(n)]
        determinant = one
        for k in range(n):
            pivot = max(range(k, n), key=[self._weight(row[k]) for row in rows].__getitem__)
            if not rows[pivot][k]:
                raise Undefined
            if pivot != k:
                rows[k], rows[pivot] = rows[pivot], rows[k]
                determinant = -determinant
            head = rows[k][k]
            determinant = determinant * head
            rows[k] = [entry / head for entry in rows[k]]
            for r in range(n):
                if r != k:
                    factor = rows[r][k]
                    rows[r] = [a - factor * b for a, b in zip(rows[r], rows[k], strict=True)]
        inverse = np.empty((n, n), dtype=object)
        for r in range(n):
            for c in range(n):
                inverse[r, c] = rows[r][n + c]
        return determinant, inverse

    def _weight(self, entry: Dual) -> Any:
        """The largest pivot is taken, or any that is not zero."""
        return abs(standard(entry)) if self.field.real else bool(entry)
