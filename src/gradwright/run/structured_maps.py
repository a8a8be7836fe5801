"""Linear maps that are made of numbers: an array, a diagonal, a permutation, a low rank."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from gradwright.run.linear_map import Array, LinearMap

#: Right sides of random signs that the condition of an array is estimated from.
PROBES = 5


def enclosed(part: LinearMap) -> str:
    """The structure of a part, in parentheses where it is a sum or a product."""
    return f"({part.structure})" if part.compound else part.structure


@lru_cache(maxsize=4)
def signs(rows: int, kind: Any) -> Array:
    """The same random signs each time, (rows, PROBES)."""
    bits = np.random.default_rng(0).integers(2, size=(rows, PROBES))
    return (2 * bits - 1).astype(kind)


class Dense(LinearMap):
    """An array."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape

    def _structure(self) -> str:
        return "dense"

    def _type(self) -> Any:
        return np.result_type(self.array.dtype, np.float32)

    def _transposed(self) -> LinearMap:
        return Dense(self.array.T)

    def _apply(self, columns: Array) -> Array:
        return self.array @ columns

    def _dense(self) -> Array:
        return self.array

    def _form_cost(self) -> int:
        return 0

    def _inverse(self, columns: Array) -> Array:
        """By Gaussian elimination of the array with its rows and columns scaled by powers of 2."""
        by_rows, by_columns, scaled = self._scaled
        count = columns.shape[1]
        right = np.hstack([by_rows[:, None] * columns, signs(len(scaled), scaled.dtype)])
        found = np.linalg.solve(scaled, right)
        # ‖A⁻¹ r‖² has the mean ‖A⁻¹‖² over random signs r, in the Frobenius norm.
        inverse = np.linalg.norm(found[:, count:]) / np.sqrt(PROBES)
        sizes = np.abs(scaled)
        largest = np.max(sizes.sum(axis=0), initial=0) * np.max(sizes.sum(axis=1), initial=0)
        self._found_growth = float(np.sqrt(largest) * inverse)
        return by_columns[:, None] * found[:, :count]

    @cached_property
    def _scaled(self) -> tuple[Array, Array, Array]:
        """Factors for the rows and for the columns, and the array with them."""
        kind = self.dtype
        array = self.array.astype(kind, copy=False)
        by_rows = _powers(np.max(np.abs(array), axis=1, initial=0)).astype(kind)
        array = by_rows[:, None] * array
        by_columns = _powers(np.max(np.abs(array), axis=0, initial=0)).astype(kind)
        return by_rows, by_columns, array * by_columns

    def _growth(self) -> float:
        """The condition number of the scaled array, estimated while solving."""
        if not hasattr(self, "_found_growth"):
            self._inverse(np.zeros((self.shape[0], 0), self.dtype))
        return self._found_growth


def _powers(sizes: Array) -> Array:
    """Powers of 2 that bring sizes to about 1; 1 for what is 0 or not finite."""
    plain = np.isfinite(sizes) & (sizes > 0)
    exponents = np.frexp(np.where(plain, sizes, 1.0))[1] - 1
    return np.ldexp(1.0, -exponents)


class Diagonal(LinearMap):
    """A diagonal of entries; an identity is one of ones."""

    def __init__(self, entries: Array) -> None:
        self.entries = entries
        self.shape = (len(entries), len(entries))

    @cached_property
    def is_identity(self) -> bool:
        """Whether all entries are 1."""
        return bool(np.all(self.entries == 1))

    def _structure(self) -> str:
        return "identity" if self.is_identity else "diagonal"

    def _type(self) -> Any:
        return np.result_type(self.entries.dtype, np.float32)

    def _transposed(self) -> LinearMap:
        return self

    def _apply(self, columns: Array) -> Array:
        return self.entries[:, None] * columns

    def _diagonal(self) -> Array:
        return self.entries.copy()

    def _entries(self, rows: Array, columns: Array) -> Array:
        return np.where(rows == columns, self.entries[rows], 0)

    def _dense(self) -> Array:
        return np.diag(self.entries)

    def _logdet(self) -> float:
        with np.errstate(divide="ignore"):
            return float(np.sum(np.log(np.abs(self.entries))))

    def _inverse(self, columns: Array) -> Array:
        return columns if self.is_identity else columns / self.entries[:, None]

    def _growth(self) -> float:
        # Each entry is divided by itself: nothing grows, however different they are.
        return 1.0 if np.all(self.entries != 0) else np.inf

    def _singular_values(self) -> Array:
        return np.sort(np.abs(self.entries))[::-1]

    def _product_cost(self) -> int:
        return 0 if self.is_identity else self.shape[0]

    def _form_cost(self) -> int:
        return 0

    def _solve_cost(self, columns: int = 1) -> int:
        return self._product_cost() * columns


class Permutation(LinearMap):
    """Entry k of the result is entry `order[k]` of the vector."""

    def __init__(self, order: Array, kind: Any = np.float64) -> None:
        self.order = order
        self.shape = (len(order), len(order))
        self._kind = np.dtype(kind)

    def _structure(self) -> str:
        return "permutation"

    def _type(self) -> Any:
        return self._kind

    def _transposed(self) -> LinearMap:
        return Permutation(np.argsort(self.order), self._kind)

    def _apply(self, columns: Array) -> Array:
        return columns[self.order]

    def _diagonal(self) -> Array:
        return (self.order == np.arange(len(self.order))).astype(self._kind)

    def _logdet(self) -> float:
        return 0.0

    def _inverse(self, columns: Array) -> Array:
        return columns[np.argsort(self.order)]

    def _growth(self) -> float:
        return 1.0

    def _singular_values(self) -> Array:
        return np.ones(len(self.order), self._kind)

    def _product_cost(self) -> int:
        return 0

    def _form_cost(self) -> int:
        return 0

    def _solve_cost(self, columns: int = 1) -> int:
        return 0


class Outer(LinearMap):
    """`left rightᵀ`, of as many terms as the two arrays have columns."""

    def __init__(self, left: Array, right: Array) -> None:
        self.left, self.right = left, right
        self.shape = (len(left), len(right))

    def _structure(self) -> str:
        return f"rank {self.left.shape[1]}"

    def _type(self) -> Any:
        return np.result_type(self.left.dtype, self.right.dtype, np.float32)

    def _transposed(self) -> LinearMap:
        return Outer(self.right, self.left)

    def _apply(self, columns: Array) -> Array:
        return self.left @ (self.right.T @ columns)

    def _dense(self) -> Array:
        return self.left @ self.right.T

    def _diagonal(self) -> Array:
        size = min(self.shape)
        return np.sum(self.left[:size] * self.right[:size], axis=1)

    def _product_cost(self) -> int:
        rows, columns = self.shape
        return int(self.left.shape[1]) * (rows + columns)

    def _form_cost(self) -> int:
        return int(self.left.size) * self.shape[1]
