"""Values for the symbols of a formula: shapes, sizes, dtypes and declared facts are checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.api.facts import verify
from gradwright.core.arrays import plain_array
from gradwright.core.sizes import Lengths, is_compound, names_in
from gradwright.errors import DomainError, ShapeError, SymbolError
from gradwright.notation.declarations import Declaration
from gradwright.notation.function_values import supplied
from gradwright.notation.given import check_indices
from gradwright.notation.shapes import Scope


class Binding:
    """Takes values for the symbols of a formula, for its sizes and its abstract functions."""

    def __init__(self, scope: Scope, sizes: Sequence[str], asked: str) -> None:
        self._scope = scope
        self._sizes = sizes
        self._asked = asked
        self._names = sorted(scope.symbols)
        self._wanted = {*scope.symbols, *sizes, *scope.functions}
        chosen = any(declared.among is not None for declared in scope.symbols.values())
        self._arrays_alone = not (sizes or scope.functions or chosen)
        #: Type and shapes of arrays that fit, of the last call: most calls have the same again.
        self._fitting: tuple[Any, ...] | None = None

    def __call__(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Arrays of one floating dtype for every symbol, whole numbers for sizes, functions.

        Integers and booleans become float64; Python numbers do not take part in the promotion.

        Raises:
            SymbolError: a value is missing, or given for an unknown name.
            ShapeError: a value has the wrong order, or two values disagree about a size.
            DomainError: a declared fact does not hold.
        """
        if values.keys() != self._wanted:
            raise SymbolError(
                self._asked,
                f"values are given for {_listed(values)} and it needs {_listed(self._wanted)}",
                f"give one value for each of {_listed(self._wanted)}",
            )
        shapes = _shapes([values[name] for name in self._names]) if self._arrays_alone else None
        if shapes is None or shapes != self._fitting:
            found = _bound(self._scope, self._sizes, values, self._asked)
            self._fitting = shapes
            return found
        arrays: dict[str, Any] = {name: values[name] for name in self._names}
        if self._scope.verify_facts:
            for name, array in arrays.items():
                verify(self._scope.symbols[name], array, self._asked)
        return arrays


def _shapes(values: Sequence[object]) -> tuple[Any, ...] | None:
    """The floating dtype of arrays, and their shapes; None for values that are no such arrays."""
    found: list[Any] = []
    for value in values:
        if type(value) is not np.ndarray or value.dtype.kind != "f" or not value.dtype.isnative:
            return None
        if found and value.dtype != found[0]:
            return None
        found += [value.dtype, value.shape]
    return tuple(found)


def _bound(
    scope: Scope, sizes: Sequence[str], values: Mapping[str, object], asked: str
) -> dict[str, Any]:
    given = {name: _array(name, values[name], asked) for name in sorted(scope.symbols)}
    chosen = {name for name, declared in scope.symbols.items() if declared.among is not None}
    dtype = _dtype({name: array for name, array in given.items() if name not in chosen}, values)
    arrays = {
        name: array if name in chosen else np.asarray(array, dtype=dtype)
        for name, array in given.items()
    }
    lengths: dict[str, tuple[int, str]] = {}
    for name, array in arrays.items():
        _check_shape(scope.symbols[name], array, lengths, asked)
        if scope.verify_facts:
            verify(scope.symbols[name], given[name], asked)
    lengths_given = {name: _length(name, values[name], asked) for name in sizes}
    shown = {size: length for size, (length, _) in lengths.items()}
    known = Lengths({n: length for n, length in shown.items() if not is_compound(n)})
    known.update(lengths_given)
    _check_lengths(scope, shown, known, asked)
    for name in sorted(chosen):
        among = scope.symbols[name].among
        assert among is not None
        count = known.length(among)
        check_indices(scope.symbols[name], arrays[name], count, asked)
    functions = {
        name: supplied(declared, values[name], asked) for name, declared in scope.functions.items()
    }
    return arrays | lengths_given | functions


def require_fitting(
    out: object, shape: tuple[int, ...], arguments: Sequence[Any], asked: str
) -> None:
    """Fail unless `out` is an array that a result of this shape can be written into.

    Raises:
        ShapeError: it has another shape or dtype, or is no array.
        DomainError: it cannot be written to, or shares memory with a value.
    """
    arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
    dtype = np.result_type(*arrays) if arrays else np.dtype(np.float64)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype or not shape:
        kind = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ShapeError(
            f"{asked} written into out",
            f"out is {kind} and the result is {dtype} {shape}",
            f"give out=np.empty({shape}, np.{dtype})" if shape else "leave out=... away",
        )
    shared = any(np.may_share_memory(out, array) for array in arrays)
    if shared or not out.flags.writeable:
        why = "shares memory with a value" if shared else "is read-only"
        raise DomainError(
            f"{asked} written into out",
            f"out {why} and the result overwrites it",
            "give an array of its own",
        )


def _check_lengths(scope: Scope, shown: Mapping[str, int], known: Lengths, asked: str) -> None:
    """The lengths that the formula asks for: of sums of sizes, of parts, of numbers as indices."""
    _check_compound(shown, known, asked)
    for one, other in scope.ordered:
        told = names_in((one, other)) <= set(known)
        if told and known.length(one) > known.length(other) and one == 1:
            raise ShapeError(
                asked,
                f"the formula has the place or size {other}, which is {known.length(other)}, and "
                "these count from 1",
                "give values that are long enough",
            )
        if told and known.length(one) > known.length(other):
            raise ShapeError(
                asked,
                f"the formula has places up to {one}, which is {known.length(one)}, of "
                f"{other}, which is {known.length(other)}",
                "give values whose sizes have these places",
            )
    for size, least in scope.least.items():
        if known.get(size, least) < least:
            raise ShapeError(
                asked,
                f"the formula has the index {least} and the size {size} is {known[size]}",
                "give longer values, or use a smaller index",
            )


def _check_compound(shown: Mapping[str, int], known: Lengths, asked: str) -> None:
    """The lengths of axes that are made of others, against those of the others."""
    for size, length in shown.items():
        told = is_compound(size) and names_in((size,)) <= set(known)
        if told and known.length(size) != length:
            raise ShapeError(
                asked,
                f"an axis has {length} places and is {size}, which is {known.length(size)}",
                "give values whose sizes agree",
            )


def _length(name: str, value: object, asked: str) -> int:
    array = plain_array(value, name, asked, ShapeError)
    if array.ndim or array.dtype.kind not in "iu" or array < 1:
        raise ShapeError(
            asked,
            f"the size {name} is given as {value!r} and a size is a whole number from 1",
            f"give {name} such a number",
        )
    return int(array)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _array(name: str, value: object, asked: str) -> np.ndarray:
    array: np.ndarray = plain_array(value, name, asked, ShapeError)
    if array.dtype.kind not in "biuf":
        raise ShapeError(
            asked,
            f"{name} has dtype {array.dtype} and a formula takes real numbers",
            f"convert {name} to floating point",
        )
    return array


def _dtype(arrays: Mapping[str, np.ndarray], values: Mapping[str, object]) -> Any:
    kinds = [
        array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        for name, array in arrays.items()
        if not isinstance(values[name], int | float)
    ]
    return np.result_type(*kinds) if kinds else np.dtype(np.float64)


def _check_shape(
    declared: Declaration, array: np.ndarray, sizes: dict[str, tuple[int, str]], asked: str
) -> None:
    if array.ndim != len(declared.sizes):
        raise ShapeError(
            asked,
            f"{declared.name} is declared as a {declared.kind} and the value has shape "
            f"{array.shape}",
            f"give {declared.name} an array with {len(declared.sizes)} axes",
        )
    for size, length in zip(declared.sizes, array.shape, strict=True):
        expected, by = (
            (size, "its declaration")
            if isinstance(size, int)
            else sizes.setdefault(size, (length, declared.name))
        )
        if expected != length:
            named = "" if isinstance(size, int) else f"{size} = "
            raise ShapeError(
                asked,
                f"{declared.name} has shape {array.shape}, so {named}{length}, and {by} says "
                f"{named}{expected}",
                "give values whose sizes agree",
            )
