"""Declared facts against given values: what does not hold is an error that says by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradwright.core.arrays import plain_array
from gradwright.errors import DomainError, ShapeError
from gradwright.notation.declarations import Declaration

Array = Any

#: Tolerance relative to the largest entry, for rounding in how the values were made.
TOLERANCE = 1e-8

#: For numbers with fewer digits than float64, this many of their last places.
LAST_PLACES = 100


def verify(declared: Declaration, array: Array, asked: str) -> None:
    """Compare a value with the facts declared of its symbol.

    A value that is not finite is left to the formula.

    Raises:
        DomainError: a fact does not hold; the message says by how much and where.
    """
    checked = declared.facts & VIOLATIONS.keys()
    if not checked or not np.all(np.isfinite(array)):
        return
    array = np.asarray(array, dtype=np.result_type(array, np.float32))
    tolerance = max(TOLERANCE, LAST_PLACES * float(np.finfo(array.dtype).eps))
    for fact in sorted(checked):
        found = VIOLATIONS[fact](array, tolerance)
        if found is not None:
            raise DomainError(
                asked,
                f"{declared.name} is declared {fact} and the value is not: {found}",
                f"give a value that is {fact}, declare {declared.name} without it, or use "
                "f.unverified() for the formula f",
            )


def verify_all(symbols: Mapping[str, Declaration], values: Mapping[str, Any], asked: str) -> None:
    """`verify` for every value that has the axes of its symbol; shapes are checked elsewhere."""
    for name, declared in symbols.items():
        if name not in values:
            continue
        array = plain_array(values[name], name, asked, ShapeError)
        if array.ndim != len(declared.sizes) or array.dtype.kind not in "biuf":
            continue
        if len(set(declared.sizes)) == 1 and len(set(array.shape)) > 1:
            continue
        verify(declared, array, asked)


def _beyond(deviation: Array, allowed: float) -> tuple[float, str] | None:
    """The largest entry by size where that is more than allowed, and its place, from 0 on."""
    size = np.abs(deviation)
    largest = float(np.max(size, initial=0.0))
    if largest <= allowed:
        return None
    place = np.unravel_index(int(np.argmax(size)), size.shape)
    shown = ", ".join(str(int(k)) for k in place)
    return largest, f"[{shown}]" if place else ""


def _scale(array: Array) -> float:
    return max(1.0, float(np.max(np.abs(array), initial=0.0)))


def _symmetric(array: Array, tolerance: float) -> str | None:
    found = _beyond(array - array.T, tolerance * _scale(array))
    return None if found is None else f"|A - Aᵀ| is {found[0]:.3g} at {found[1]}"


def _diagonal(array: Array, tolerance: float) -> str | None:
    found = _beyond(array - np.diag(np.diagonal(array)), tolerance * _scale(array))
    return None if found is None else f"beside the diagonal stands {found[0]:.3g} at {found[1]}"


def _posdef(array: Array, tolerance: float) -> str | None:
    """By Cholesky; eigenvalues are computed for the message alone."""
    wide = array.astype(np.float64)
    try:
        np.linalg.cholesky((wide + wide.T) / 2)
    except np.linalg.LinAlgError:
        lowest = float(np.linalg.eigvalsh((wide + wide.T) / 2)[0])
        return f"its smallest eigenvalue is {lowest:.3g}"
    return _symmetric(array, tolerance)


def _orthogonal(array: Array, tolerance: float) -> str | None:
    # A sum of n rounded products.
    allowed = tolerance * max(1, len(array))
    found = _beyond(array.T @ array - np.eye(len(array)), allowed)
    return None if found is None else f"|QᵀQ - I| is {found[0]:.3g} at {found[1]}"


def _invertible(array: Array, tolerance: float) -> str | None:
    """By the condition number in the 1-norm: one factorisation."""
    wide = array.astype(np.float64)
    try:
        condition = float(np.linalg.cond(wide, 1))
    except np.linalg.LinAlgError:
        condition = np.inf
    limit = 1 / float(np.finfo(array.dtype).eps)
    return None if condition < limit else f"its condition number is {condition:.3g}"


def _sum1(array: Array, tolerance: float) -> str | None:
    found = _beyond(np.sum(array, axis=-1) - 1, tolerance * max(1, array.shape[-1]))
    if found is None:
        return None
    where = f" of row {found[1]}" if found[1] else ""
    return f"the sum{where} differs from 1 by {found[0]:.3g}"


def _columns_sum1(array: Array, tolerance: float) -> str | None:
    found = _sum1(array.T, tolerance)
    return None if found is None else found.replace("row", "column")


def _binary(array: Array, tolerance: float) -> str | None:
    found = _beyond(np.minimum(np.abs(array), np.abs(array - 1)), 0.0)
    return None if found is None else f"the entry at {found[1]} is {found[0]:.3g} from 0 and 1"


def _onehot(array: Array, tolerance: float) -> str | None:
    found = _binary(array, tolerance)
    return _sum1(array, 0.0) if found is None else found


def _signs(array: Array, tolerance: float) -> str | None:
    found = _beyond(np.abs(array) - 1, 0.0)
    return None if found is None else f"the entry at {found[1]} is {found[0]:.3g} from 1 and -1"


def _positive(array: Array, tolerance: float) -> str | None:
    if np.all(array > 0):
        return None
    place = np.unravel_index(int(np.argmin(array)), array.shape)
    shown = ", ".join(str(int(k)) for k in place)
    where = f" at [{shown}]" if place else ""
    return f"its smallest entry is {float(np.min(array)):.3g}{where}"


#: What is wrong with a value, by fact, or None; "unit" only says how samples are drawn.
VIOLATIONS: Mapping[str, Callable[[Array, float], str | None]] = {
    "symmetric": _symmetric,
    "posdef": _posdef,
    "diagonal": _diagonal,
    "orthogonal": _orthogonal,
    "invertible": _invertible,
    "onehot": _onehot,
    "sum1": _sum1,
    "columns_sum1": _columns_sum1,
    "binary": _binary,
    "signs": _signs,
    "positive": _positive,
}
