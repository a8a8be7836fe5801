"""Numbers in traced code: single ones, sizes, and the arrays of numbers that have a formula."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

from gradwright.api.traced import Traced, elementwise, shaped
from gradwright.errors import SymbolError, UnsupportedError
from gradwright.notation.declarations import Size
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Call, Negate, Number, Tree


def number(value: Any) -> Traced:
    """A single number.

    Raises:
        SymbolError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise SymbolError(
            "tracing a function",
            f"{value!r} meets a symbol and is no finite real number",
            "use numbers and symbols",
        )
    exact = Fraction(value) if isinstance(value, int | Fraction) else Fraction(repr(float(value)))
    size = Number(abs(exact))
    return Traced(Negate(size) if exact < 0 else size, "scalar")


def size(given: Size) -> Traced:
    """A size as a number."""
    return Traced(size_tree(given), "scalar")


def constant(value: Any) -> Traced:
    """A number, a multiple of an identity matrix, or a vector or matrix of equal numbers.

    Raises:
        UnsupportedError: another array of numbers.
        SymbolError: anything else.
    """
    if not isinstance(value, np.ndarray):
        return number(value)
    if not value.ndim:
        return number(value.item())
    if value.size and value.ndim <= 2 and value.dtype.kind in "iuf":
        first = value.flat[0]
        sizes = tuple(map(size_tree, value.shape))
        if np.array_equal(value, np.full_like(value, first)):
            return _multiple(first, Call("ones", sizes), value.shape)
        if value.ndim == 2 and np.array_equal(value, first * np.eye(len(value))):
            return _multiple(first, Call("eye", sizes[:1]), value.shape)
    raise UnsupportedError(
        "tracing a function",
        f"an array of shape {value.shape} meets a symbol, and a formula holds symbols, single "
        "numbers, identity matrices and arrays of equal numbers",
        "declare the array as a symbol and give it when the derivative is called",
    )


def _multiple(factor: Any, tree: Tree, shape: tuple[int, ...]) -> Traced:
    whole = shaped(tree, shape, {})
    return whole if factor == 1 else elementwise(".*", number(factor.item()), whole)
