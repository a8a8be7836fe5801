"""The kinds of linear maps, each with what its structure saves.

A Kronecker product acts on stacked columns, (L ⊗ R) vec(X) = vec(R X Lᵀ), so neither it nor its
inverse is ever formed. A diagonal plus a low rank is solved with by Woodbury's formula, its
determinant by the determinant lemma.

Formulas: Golub and Van Loan, Matrix Computations, 4th edition (2013), sections 2.1.4 and 12.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from gradwright.run.linear_map import Array, LinearMap


def _enclosed(part: LinearMap, *kinds: type[LinearMap]) -> str:
    """The structure of a part, in parentheses where it is one of these kinds."""
    return f"({part.structure})" if isinstance(part, kinds) else part.structure


class Dense(LinearMap):
    """An array."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape

    def _structure(self) -> str:
        return "dense"

    def _transposed(self) -> LinearMap:
        return Dense(self.array.T)

    def _apply(self, columns: Array) -> Array:
        return self.array @ columns

    def _dense(self) -> Array:
        return self.array


class Diagonal(LinearMap):
    """A diagonal of entries; an identity is one of ones."""

    def __init__(self, entries: Array) -> None:
        self.entries = entries
        self.shape = (len(entries), len(entries))

    def _structure(self) -> str:
        return "identity" if np.all(self.entries == 1) else "diagonal"

    def _transposed(self) -> LinearMap:
        return self

    def _apply(self, columns: Array) -> Array:
        return self.entries[:, None] * columns

    def _diagonal(self) -> Array:
        return self.entries.copy()

    def _dense(self) -> Array:
        return np.diag(self.entries)

    def _logdet(self) -> float:
        with np.errstate(divide="ignore"):
            return float(np.sum(np.log(np.abs(self.entries))))

    def _inverse(self, columns: Array) -> Array:
        return columns / self.entries[:, None]

    def _singular_values(self) -> Array:
        return np.sort(np.abs(self.entries))[::-1]


class Permutation(LinearMap):
    """Entry k of the result is entry `order[k]` of the vector."""

    def __init__(self, order: Array) -> None:
        self.order = order
        self.shape = (len(order), len(order))

    def _structure(self) -> str:
        return "permutation"

    def _transposed(self) -> LinearMap:
        return Permutation(np.argsort(self.order))

    def _apply(self, columns: Array) -> Array:
        return columns[self.order]

    def _logdet(self) -> float:
        return 0.0

    def _inverse(self, columns: Array) -> Array:
        return columns[np.argsort(self.order)]


class Outer(LinearMap):
    """`left rightᵀ`, of as many terms as the two arrays have columns."""

    def __init__(self, left: Array, right: Array) -> None:
        self.left, self.right = left, right
        self.shape = (len(left), len(right))

    def _structure(self) -> str:
        return f"rank {self.left.shape[1]}"

    def _transposed(self) -> LinearMap:
        return Outer(self.right, self.left)

    def _apply(self, columns: Array) -> Array:
        return self.left @ (self.right.T @ columns)

    def _diagonal(self) -> Array:
        size = min(self.shape)
        return np.sum(self.left[:size] * self.right[:size], axis=1)


class Kronecker(LinearMap):
    """`left ⊗ right` on stacked columns."""

    def __init__(self, left: LinearMap, right: LinearMap) -> None:
        self.left, self.right = left, right
        self.shape = (left.shape[0] * right.shape[0], left.shape[1] * right.shape[1])

    def _structure(self) -> str:
        return f"({_enclosed(self.left, Sum, Product)} ⊗ {_enclosed(self.right, Sum, Product)})"

    def _transposed(self) -> LinearMap:
        return Kronecker(self.left.T, self.right.T)

    def _apply(self, columns: Array) -> Array:
        return self._both(
            self.left._apply, self.right._apply, self.left.shape, self.right.shape, columns
        )

    def _both(
        self,
        left: Callable[[Array], Array],
        right: Callable[[Array], Array],
        outer: tuple[int, int],
        inner: tuple[int, int],
        columns: Array,
    ) -> Array:
        """`left` on the outer index and `right` on the inner one of every column."""
        count = columns.shape[1]
        blocks = columns.reshape(outer[1], inner[1], count)
        mapped = left(blocks.reshape(outer[1], -1)).reshape(outer[0], inner[1], count)
        turned = mapped.transpose(1, 0, 2).reshape(inner[1], -1)
        found = right(turned).reshape(inner[0], outer[0], count)
        return found.transpose(1, 0, 2).reshape(-1, count)

    def _diagonal(self) -> Array:
        if self._is_square_by_square:
            return np.kron(self.left._diagonal(), self.right._diagonal())
        return super()._diagonal()

    @property
    def _is_square_by_square(self) -> bool:
        sides = (self.left.shape, self.right.shape)
        return all(rows == columns for rows, columns in sides)

    def _dense(self) -> Array:
        return np.kron(self.left._dense(), self.right._dense())

    def _logdet(self) -> float:
        if not self._is_square_by_square:
            return super()._logdet()
        rows, columns = self.left.shape[0], self.right.shape[0]
        return columns * self.left._logdet() + rows * self.right._logdet()

    def _inverse(self, columns: Array) -> Array:
        if not self._is_square_by_square:
            return super()._inverse(columns)
        sides = (self.left._inverse, self.right._inverse)
        return self._both(*sides, self.left.shape, self.right.shape, columns)

    def _singular_values(self) -> Array:
        values = np.multiply.outer(self.left._singular_values(), self.right._singular_values())
        found = np.sort(values.ravel())[::-1]
        # Of a wide times a tall factor some are zero that no pair of values shows.
        return np.concatenate([found, np.zeros(min(self.shape) - len(found))])


class Product(LinearMap):
    """Maps one after the other, the last first."""

    def __init__(self, factors: Sequence[LinearMap]) -> None:
        self.factors = tuple(factors)
        self.shape = (self.factors[0].shape[0], self.factors[-1].shape[1])

    def _structure(self) -> str:
        return " · ".join(_enclosed(factor, Sum, Product) for factor in self.factors)

    def _transposed(self) -> LinearMap:
        return Product([factor.T for factor in reversed(self.factors)])

    def _apply(self, columns: Array) -> Array:
        return reduce(lambda found, factor: factor._apply(found), reversed(self.factors), columns)

    def _diagonal(self) -> Array:
        first, *others = self.factors
        if isinstance(first, Diagonal) and others and self.shape[0] <= self.shape[1]:
            return first.entries * Product(others)._diagonal()
        return super()._diagonal() if others else first._diagonal()

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

    def _singular_values(self) -> Array:
        *others, last = self.factors
        if others and isinstance(last, Kronecker) and last.left.shape[0] == 1:
            # (rᵀ ⊗ I)(rᵀ ⊗ I)ᵀ = ‖r‖² I: the rows are orthogonal and of one length.
            row, inner = last.left, last.right
            if isinstance(inner, Diagonal) and np.all(inner.entries == 1):
                return float(np.linalg.norm(row.dense())) * Product(others)._singular_values()
        return super()._singular_values() if others else last._singular_values()


class Sum(LinearMap):
    """A weighted sum of maps of one shape."""

    def __init__(self, terms: Sequence[tuple[float, LinearMap]]) -> None:
        self.terms = tuple(terms)
        self.shape = self.terms[0][1].shape

    def _structure(self) -> str:
        shown = ""
        for scale, term in self.terms:
            sign = " − " if scale < 0 else " + "
            size = "" if abs(scale) == 1 else f"{abs(scale):.6g} "
            shown += (sign if shown else sign.strip(" +")) + size + _enclosed(term, Sum)
        return shown

    def _transposed(self) -> LinearMap:
        return Sum([(scale, term.T) for scale, term in self.terms])

    def _apply(self, columns: Array) -> Array:
        return sum(scale * term._apply(columns) for scale, term in self.terms)

    def _diagonal(self) -> Array:
        return sum(scale * term._diagonal() for scale, term in self.terms)

    def _parted(self) -> tuple[Array, Array, Array] | None:
        """Diagonal entries d and factors U, V with map = diag(d) + U Vᵀ, if it is that."""
        entries = np.zeros(self.shape[0])
        left, right = [], []
        for scale, term in self.terms:
            if isinstance(term, Diagonal):
                entries = entries + scale * term.entries
            elif isinstance(term, Outer):
                left.append(scale * term.left)
                right.append(term.right)
            else:
                return None
        rank = sum(part.shape[1] for part in left)
        if self.shape[0] != self.shape[1] or rank >= self.shape[0] or np.any(entries == 0):
            return None
        if not left:
            return entries, np.zeros((len(entries), 0)), np.zeros((len(entries), 0))
        return entries, np.concatenate(left, axis=1), np.concatenate(right, axis=1)

    def _logdet(self) -> float:
        if len(self.terms) == 1:
            ((scale, term),) = self.terms
            with np.errstate(divide="ignore"):
                return float(self.shape[0] * np.log(abs(scale))) + term._logdet()
        parted = self._parted()
        if parted is None:
            return super()._logdet()
        entries, left, right = parted
        inner = np.eye(left.shape[1]) + right.T @ (left / entries[:, None])
        return Diagonal(entries)._logdet() + float(np.linalg.slogdet(inner)[1])

    def _inverse(self, columns: Array) -> Array:
        if len(self.terms) == 1:
            ((scale, term),) = self.terms
            return term._inverse(columns) / scale
        parted = self._parted()
        if parted is None:
            return super()._inverse(columns)
        entries, left, right = parted
        scaled = columns / entries[:, None]
        spread = left / entries[:, None]
        inner = np.eye(left.shape[1]) + right.T @ spread
        return scaled - spread @ np.linalg.solve(inner, right.T @ scaled)
