"""Linear maps made of others: Kronecker products, and maps one after the other.

A Kronecker product acts on stacked columns, (L ⊗ R) vec(X) = vec(R X Lᵀ), so neither it nor its
inverse is ever formed.

Formulas: Golub and Van Loan, Matrix Computations, 4th edition (2013), section 12.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from gradwright.run.linear_map import Array, LinearMap
from gradwright.run.structured_maps import Dense, Diagonal, Permutation, enclosed


class Kronecker(LinearMap):
    """`left ⊗ right` on stacked columns."""

    def __init__(self, left: LinearMap, right: LinearMap) -> None:
        self.left, self.right = left, right
        self.shape = (left.shape[0] * right.shape[0], left.shape[1] * right.shape[1])

    def _structure(self) -> str:
        return f"({enclosed(self.left)} ⊗ {enclosed(self.right)})"

    def _type(self) -> Any:
        return np.result_type(self.left.dtype, self.right.dtype)

    def _transposed(self) -> LinearMap:
        return Kronecker(self.left.T, self.right.T)

    def _apply(self, columns: Array) -> Array:
        sides = (self.left.shape, self.right.shape)
        left_first, right_first = self._orders()
        if right_first < left_first:
            return acting(self.left._apply, self.right._apply, *sides, columns, left_first=False)
        return acting(self.left._apply, self.right._apply, *sides, columns)

    def _orders(self) -> tuple[int, int]:
        """What it costs to apply the left factor first, and the right one first."""
        left, right = self.left._product_cost(), self.right._product_cost()
        (rows, columns), (inner_rows, inner_columns) = self.left.shape, self.right.shape
        return left * inner_columns + right * rows, right * columns + left * inner_rows

    def _diagonal(self) -> Array:
        if self.is_square_by_square:
            return np.kron(self.left._diagonal(), self.right._diagonal())
        return super()._diagonal()

    def _entries(self, rows: Array, columns: Array) -> Array:
        (inner_rows, inner_columns) = self.right.shape
        outer = self.left._entries(rows // inner_rows, columns // inner_columns)
        return outer * self.right._entries(rows % inner_rows, columns % inner_columns)

    @property
    def is_square_by_square(self) -> bool:
        """Whether both factors are square."""
        sides = (self.left.shape, self.right.shape)
        return all(rows == columns for rows, columns in sides)

    def _dense(self) -> Array:
        return np.kron(self.left._dense(), self.right._dense())

    def _logdet(self) -> float:
        if not self.is_square_by_square:
            return super()._logdet()
        rows, columns = self.left.shape[0], self.right.shape[0]
        return columns * self.left._logdet() + rows * self.right._logdet()

    def _inverse(self, columns: Array) -> Array:
        if not self.is_square_by_square:
            return super()._inverse(columns)
        sides = (self.left._inverse, self.right._inverse)
        return acting(*sides, self.left.shape, self.right.shape, columns)

    def _growth(self) -> float:
        if not self.is_square_by_square:
            return super()._growth()
        return self.left._growth() * self.right._growth()

    def _singular_values(self) -> Array:
        values = np.multiply.outer(self.left._singular_values(), self.right._singular_values())
        found = np.sort(values.ravel())[::-1]
        # Of a wide times a tall factor some are zero that no pair of values shows.
        return np.concatenate([found, np.zeros(min(self.shape) - len(found))])

    def _product_cost(self) -> int:
        return min(self._orders())

    def _form_cost(self) -> int:
        return self.left._form_cost() + self.right._form_cost() + self.shape[0] * self.shape[1]

    def _solve_cost(self, columns: int = 1) -> int:
        if not self.is_square_by_square:
            return super()._solve_cost(columns)
        rows, inner = self.left.shape[0], self.right.shape[0]
        return self.left._solve_cost(inner * columns) + self.right._solve_cost(rows * columns)


def acting(
    left: Callable[[Array], Array],
    right: Callable[[Array], Array],
    outer: tuple[int, int],
    inner: tuple[int, int],
    columns: Array,
    left_first: bool = True,
) -> Array:
    """`left` on the outer index and `right` on the inner one of stacked columns."""
    count = columns.shape[1]
    blocks = columns.reshape(outer[1], inner[1], count)

    def on_outer(blocks: Array) -> Array:
        return left(blocks.reshape(outer[1], -1)).reshape(outer[0], -1, count)

    def on_inner(blocks: Array) -> Array:
        turned = blocks.transpose(1, 0, 2)
        found = right(turned.reshape(inner[1], -1)).reshape(inner[0], -1, count)
        return found.transpose(1, 0, 2)

    found = on_inner(on_outer(blocks)) if left_first else on_outer(on_inner(blocks))
    return found.reshape(outer[0] * inner[0], count)


class Product(LinearMap):
    """Maps one after the other, the last first."""

    compound = True

    def __init__(self, factors: Sequence[LinearMap]) -> None:
        self.factors = tuple(factors)
        self.shape = (self.factors[0].shape[0], self.factors[-1].shape[1])

    def _structure(self) -> str:
        return " · ".join(enclosed(factor) for factor in self.factors)

    def _type(self) -> Any:
        return np.result_type(*(factor.dtype for factor in self.factors))

    def _transposed(self) -> LinearMap:
        return Product([factor.T for factor in reversed(self.factors)])

    def _apply(self, columns: Array) -> Array:
        return reduce(lambda found, factor: factor._apply(found), reversed(self.factors), columns)

    def _dense(self) -> Array:
        root = self._root
        if root is not None:
            # NumPy computes half of the entries of SᵀS, and they are symmetric.
            return root.T @ root
        # From the side that has fewer columns to carry.
        if self.shape[0] < self.shape[1]:
            return self.T._apply(np.eye(self.shape[0], dtype=self.dtype)).T
        return self._apply(np.eye(self.shape[1], dtype=self.dtype))

    @property
    def _root(self) -> Array | None:
        """S with XᵀDX = SᵀS, where the product is that and D is not negative."""
        if len(self.factors) not in (2, 3):
            return None
        first, *middle, last = self.factors
        if not (isinstance(first, Dense) and isinstance(last, Dense)):
            return None
        if first.shape != last.shape[::-1] or not np.array_equal(first.array, last.array.T):
            return None
        if not middle:
            return last.array
        (inner,) = middle
        if isinstance(inner, Diagonal) and np.all(inner.entries >= 0):
            return np.sqrt(inner.entries)[:, None] * last.array
        return None

    def _diagonal(self) -> Array:
        first, *others = self.factors
        if not others:
            return first._diagonal()
        rest = Product(others) if others[1:] else others[0]
        if isinstance(first, Diagonal) and self.shape[0] <= self.shape[1]:
            return first.entries * rest._diagonal()
        if isinstance(self.factors[-1], Permutation):
            # Column order[k] of the product with a permutation is column k without it.
            order = self.factors[-1].order
            whole = Product(self.factors[:-1]) if self.factors[2:] else first
            places = np.flatnonzero(order < self.shape[0])
            found = np.zeros(min(self.shape), self.dtype)
            found[order[places]] = whole._entries(order[places], places)
            return found
        if isinstance(first, Dense):
            # diag(A B)_i = Σ_k A_ik B_ki, without the product.
            size = min(self.shape)
            return np.sum(first.array[:size] * rest._array()[:, :size].T, axis=1)
        return super()._diagonal()

    def _entries(self, rows: Array, columns: Array) -> Array:
        first, *others = self.factors
        if isinstance(first, Diagonal) and others:
            rest = Product(others) if others[1:] else others[0]
            return first.entries[rows] * rest._entries(rows, columns)
        return super()._entries(rows, columns)

    @property
    def _is_square_throughout(self) -> bool:
        return all(rows == columns for rows, columns in (f.shape for f in self.factors))

    def _logdet(self) -> float:
        if not self._is_square_throughout:
            return super()._logdet()
        return sum(factor._logdet() for factor in self.factors)

    def _inverse(self, columns: Array) -> Array:
        if not self._is_square_throughout:
            return super()._inverse(columns)
        return reduce(lambda found, factor: factor._inverse(found), self.factors, columns)

    def _growth(self) -> float:
        if not self._is_square_throughout:
            return super()._growth()
        found, exact = 1.0, True
        for factor in self.factors:
            grown = factor._growth()
            if isinstance(factor, Diagonal) and not exact and np.isfinite(grown):
                # Behind another factor it stretches the errors that this one made.
                sizes = np.abs(factor.entries)
                grown = float(np.max(sizes, initial=0) / np.min(sizes, initial=np.inf))
            exact = exact and isinstance(factor, Diagonal | Permutation)
            found *= grown
        return found

    def _singular_values(self) -> Array:
        *others, last = self.factors
        if others and isinstance(last, Kronecker) and last.left.shape[0] == 1:
            # (rᵀ ⊗ I)(rᵀ ⊗ I)ᵀ = ‖r‖² I: the rows are orthogonal and of one length.
            row, inner = last.left, last.right
            if isinstance(inner, Diagonal) and inner.is_identity:
                return float(np.linalg.norm(row.dense())) * Product(others)._singular_values()
        return super()._singular_values() if others else last._singular_values()

    def _product_cost(self) -> int:
        return sum(factor._product_cost() for factor in self.factors)

    def _solve_cost(self, columns: int = 1) -> int:
        if self._is_square_throughout:
            return sum(factor._solve_cost(columns) for factor in self.factors)
        return super()._solve_cost(columns)

    def _form_cost(self) -> int:
        root = self._root
        if root is not None:
            # Half of the entries, and the scaled rows.
            rows, columns = map(int, root.shape)
            return rows * columns * (columns + 1) // 2 + rows * columns * (len(self.factors) - 2)
        rows, columns = self.shape
        return self._product_cost() * min(rows, columns)
