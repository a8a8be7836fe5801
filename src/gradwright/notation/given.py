"""The values given for a formula: arrays in one dtype, the sizes that they fix."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from gradwright.core.arrays import plain_array
from gradwright.core.sizes import Lengths, Size, is_compound, names_in
from gradwright.core.work import require_entries
from gradwright.errors import GradwrightError, ShapeError, SymbolError
from gradwright.notation.analytic import Array
from gradwright.notation.declarations import Declaration
from gradwright.notation.shapes import Scope
from gradwright.notation.summation import Indexed


class Value(Struct, frozen=True):
    """A two-dimensional array, and which of its axes the notation knows of.

    With `free` indices, or as a tensor, an array with as many axes as it has.
    """

    array: Array
    rows: bool
    columns: bool
    free: tuple[str, ...] = ()

    @property
    def is_scalar(self) -> bool:
        """Whether it has no axis."""
        return not (self.rows or self.columns)

    @property
    def indexed(self) -> Indexed:
        """A scalar, or an array with its free indices."""
        return (self.array, self.free) if self.free else (self.array[0, 0], ())

    @property
    def axes(self) -> Array:
        """The array with only the axes that the notation knows of."""
        if self.array.ndim > 2 or (self.rows and self.columns):
            return self.array
        return self.array.reshape(-1) if self.rows or self.columns else self.array[0, 0]


def of_array(array: Array) -> Value:
    """An array of one axis is a column, one of more axes a matrix or a tensor."""
    if array.ndim == 1:
        return Value(array.reshape(-1, 1), True, False)
    return Value(array, array.ndim > 0, array.ndim > 1)


class Values:
    """The given arrays in one dtype, and the sizes that they fix."""

    def __init__(self, given: Mapping[str, ArrayLike], scope: Scope) -> None:
        unknown = sorted(set(given) - set(scope.symbols) - scope.sizes)
        if unknown:
            known = ", ".join(sorted({*scope.symbols, *scope.sizes})) or "none"
            raise evaluation_error(
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
        numbers = {n: a for n, a in self.arrays.items() if scope.symbols[n].among is None}
        self.dtype = _dtype(numbers, given)
        self.sizes: dict[str, tuple[int, str]] = {}
        for name, value in given.items():
            if name not in scope.symbols:
                self.sizes[name] = (_whole(name, value), f"the value given for {name}")
        self.entries = sum(array.size for array in self.arrays.values())
        self.sums: list[tuple[Declaration, tuple[int, ...], Size, int]] = []
        for name, array in self.arrays.items():
            self._bind(scope.symbols[name], array.shape)
        for declared, shape, size, length in self.sums:
            if names_in((size,)) <= set(self.sizes) and self.length(size) != length:
                raise evaluation_error(
                    ShapeError,
                    f"{declared.name} has shape {shape}, so {size} is {length} there, and by the "
                    f"other values it is {self.length(size)}",
                    "give values whose sizes agree",
                )

    def _bind(self, declared: Declaration, shape: tuple[int, ...]) -> None:
        for size, length in zip(declared.sizes, shape, strict=True):
            if is_compound(size):
                self.sums.append((declared, shape, size, length))
                continue
            expected, source = (size, "its declaration") if isinstance(size, int) else (0, "")
            if isinstance(size, str):
                expected, source = self.sizes.setdefault(size, (length, declared.name))
            if expected != length:
                source = source if source == "its declaration" else f"the size {size} of {source}"
                raise evaluation_error(
                    ShapeError,
                    f"{declared.name} has shape {shape}, so {size} is {length} there, and "
                    f"{source} is {expected}",
                    "give values whose sizes agree",
                )

    def room(self, *lengths: int) -> None:
        """Refuse an array that is much larger than those that are given.

        Raises:
            LimitError: it is.
        """
        require_entries("evaluating the formula", lengths, 4 * self.entries)

    def symbol(self, name: str) -> Value:
        """The value of a symbol, or of a size used as a number."""
        if name in self.arrays:
            array = self.arrays[name].astype(self.dtype)
            if self.symbols[name].kind == "row":
                return Value(array.reshape(1, -1), False, True)
            shape = {0: (1, 1), 1: (-1, 1)}.get(array.ndim, array.shape)
            return Value(array.reshape(shape), array.ndim > 0, array.ndim > 1)
        if name in self.symbols:
            raise evaluation_error(
                SymbolError,
                f"{name} is a symbol of the formula and has no value",
                f"give a value for {name}",
            )
        return Value(np.full((1, 1), self.size(name), self.dtype), False, False)

    def indices(self, name: str) -> tuple[Array, int]:
        """Whole numbers from 0, and how many places they choose from.

        Raises:
            SymbolError: there is no value.
            ShapeError: a number is none of these places.
        """
        among = self.symbols[name].among
        assert among is not None
        if name not in self.arrays:
            fact = f"{name} is a symbol of the formula and has no value"
            raise evaluation_error(SymbolError, fact, f"give a value for {name}")
        count = self.length(among)
        array = self.arrays[name]
        check_indices(self.symbols[name], array, count, "evaluating the formula")
        return array, count

    def size(self, name: str) -> int:
        """The value of a size."""
        if name not in self.sizes:
            raise evaluation_error(
                SymbolError,
                f"the size {name} is used, and no value that is given has that size",
                f"give a value for {name}",
            )
        return self.sizes[name][0]

    def length(self, size: Size) -> int:
        """The value of a size that may be made of others."""
        return Lengths({name: self.size(name) for name in names_in((size,))}).length(size)

    def number(self, value: Fraction) -> Array:
        """A rational in the working precision, (1, 1)."""
        real = np.zeros((), self.dtype).real.dtype
        if real.itemsize > 8:
            # As a quotient it has all the digits of the wider type; a double would cut them.
            top, bottom = real.type(str(value.numerator)), real.type(str(value.denominator))
            if np.isfinite(top) and np.isfinite(bottom):
                return np.full((1, 1), top / bottom, self.dtype)
        return np.full((1, 1), float(value), self.dtype)


def evaluation_error(kind: type[GradwrightError], clash: str, instead: str) -> GradwrightError:
    """An error about values."""
    return kind("evaluating the formula", clash, instead)


def check_indices(declared: Declaration, array: Array, count: int, asked: str) -> None:
    """Whole numbers from 0 to count - 1.

    Raises:
        ShapeError: the value has other numbers.
    """
    if array.dtype.kind not in "iu":
        raise ShapeError(
            asked,
            f"{declared.name} is declared as {declared} and its value has dtype {array.dtype}",
            "give whole numbers, as an array of integers",
        )
    low, high = int(np.min(array, initial=0)), int(np.max(array, initial=0))
    if low < 0 or high >= count:
        raise ShapeError(
            asked,
            f"{declared.name} holds {low if low < 0 else high}, and it chooses among {count} "
            f"places, from 0 to {count - 1}",
            "give indices of these places; they count from 0",
        )


def _array(declared: Declaration, value: ArrayLike) -> Array:
    array: Array = plain_array(value, declared.name, "evaluating the formula", ShapeError)
    if array.dtype.kind not in "biufc":
        raise evaluation_error(
            ShapeError,
            f"{declared.name} has dtype {array.dtype} and a formula takes numbers",
            f"convert {declared.name} to floating point",
        )
    if array.ndim != len(declared.sizes):
        raise evaluation_error(
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
        raise evaluation_error(
            ShapeError,
            f"the size {name} is given as {value!r} and sizes are whole numbers from 1",
            f"give a whole number for {name}",
        )
    return int(array)
