"""Sums of linear maps: solved with through what their terms have in common.

The terms are put together by kind: diagonals add, low ranks stand side by side, Kronecker products
that share a factor become one, and what is left of them is a sum of Kronecker products. A base B
with a low rank U Vᵀ is solved with by Woodbury's formula, its determinant by the determinant lemma:

    (B + U Vᵀ)⁻¹ = B⁻¹ − B⁻¹ U (I + Vᵀ B⁻¹ U)⁻¹ Vᵀ B⁻¹,   det(B + U Vᵀ) = det(B) det(I + Vᵀ B⁻¹ U)

Source: Golub and Van Loan, Matrix Computations, 4th edition (2013), section 2.1.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.ops import counts
from gradwright.run.kronecker_sums import KroneckerSum
from gradwright.run.linear_map import Array, LinearMap, gives_back
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Diagonal, Outer

Terms = Sequence[tuple[float, LinearMap]]


class Sum(LinearMap):
    """A weighted sum of maps of one shape."""

    compound = True

    def __init__(self, terms: Terms) -> None:
        self.terms = tuple(terms)
        self.shape = self.terms[0][1].shape

    def _structure(self) -> str:
        shown = ""
        for scale, term in self.terms:
            sign = " − " if scale < 0 else " + "
            size = "" if abs(scale) == 1 else f"{abs(scale):.6g} "
            inner = f"({term.structure})" if isinstance(term, Sum) else term.structure
            shown += (sign if shown else sign.strip(" +")) + size + inner
        return shown

    def _type(self) -> Any:
        return np.result_type(*(term.dtype for _, term in self.terms))

    def _transposed(self) -> LinearMap:
        return Sum([(scale, term.T) for scale, term in self.terms])

    def _apply(self, columns: Array) -> Array:
        return sum(scale * term._apply(columns) for scale, term in self.terms)

    def _dense(self) -> Array:
        return sum(scale * term._dense() for scale, term in self.terms)

    def _diagonal(self) -> Array:
        return sum(scale * term._diagonal() for scale, term in self.terms)

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self)

    @property
    def _single(self) -> tuple[float, LinearMap] | None:
        """The one scaled map that it is."""
        return self.terms[0] if len(self.terms) == 1 else None

    def _logdet(self) -> float:
        if self._single is not None:
            scale, term = self._single
            with np.errstate(divide="ignore"):
                return float(self.shape[0] * np.log(abs(scale))) + term._logdet()
        return super()._logdet() if self._parts.base is None else self._parts.logdet()

    def _inverse(self, columns: Array) -> Array:
        if self._single is not None:
            scale, term = self._single
            return term._inverse(columns) / scale
        if self._parts.base is None:
            return super()._inverse(columns)
        return self._parts.inverse(columns)

    def _growth(self) -> float:
        if self._single is not None:
            scale, term = self._single
            return term._growth() if scale else np.inf
        return super()._growth() if self._parts.base is None else self._parts.growth()

    def _singular_values(self) -> Array:
        if self._single is not None:
            scale, term = self._single
            return abs(scale) * term._singular_values()
        return super()._singular_values()

    def _product_cost(self) -> int:
        scaled = self.shape[0] * sum(abs(scale) != 1 for scale, _ in self.terms)
        return scaled + sum(term._product_cost() for _, term in self.terms)

    def _form_cost(self) -> int:
        scaled = self.shape[0] * self.shape[1] * sum(abs(scale) != 1 for scale, _ in self.terms)
        return scaled + sum(term._form_cost() for _, term in self.terms)

    def _solve_cost(self, columns: int = 1) -> int:
        if self._single is not None:
            scale, term = self._single
            return term._solve_cost(columns) + self.shape[0] * columns * (abs(scale) != 1)
        if self._parts.base is None:
            return super()._solve_cost(columns)
        return self._parts.solve_cost(columns)


class Parts:
    """A sum as a base that is solved with, and a low rank `left rightᵀ` beside it.

    `base` is None where the sum is solved with as an array: its terms have nothing in common, the
    base is singular, or the rank is no low one.
    """

    def __init__(self, whole: Sum) -> None:
        self.whole = whole
        size = whole.shape[0]
        rest: list[tuple[float, LinearMap]] = []
        left, right = [np.zeros((size, 0))], [np.zeros((whole.shape[1], 0))]
        for scale, term in _flat(whole.terms):
            low = _low_rank(term)
            if low is None:
                rest.append((scale, term))
            else:
                left.append(scale * low.left)
                right.append(low.right)
        self.left = np.concatenate(left, axis=1).astype(whole.dtype)
        self.right = np.concatenate(right, axis=1).astype(whole.dtype)
        low_enough = 2 * self.left.shape[1] <= size and size == whole.shape[1]
        self.base = _base(rest) if low_enough and rest else None
        with_rank = self.base is not None and self.left.shape[1] > 0
        if with_rank and not gives_back(whole, self.inverse, self.growth):
            self.base = None

    @cached_property
    def _spread(self) -> tuple[Array, LinearMap]:
        """B⁻¹ U, and I + Vᵀ B⁻¹ U."""
        assert self.base is not None
        spread = self.base._inverse(self.left)
        return spread, Dense(np.eye(self.left.shape[1], dtype=spread.dtype) + self.right.T @ spread)

    def inverse(self, columns: Array) -> Array:
        """The solution for columns; with a low rank it is refined once."""
        assert self.base is not None
        if not self.left.shape[1]:
            return self.base._inverse(columns)
        # Where the base is small beside the low rank, digits cancel; the residual has them.
        found = self._by_woodbury(columns)
        return found + self._by_woodbury(columns - self.whole._apply(found))

    def _by_woodbury(self, columns: Array) -> Array:
        assert self.base is not None
        found = self.base._inverse(columns)
        spread, inner = self._spread
        return found - spread @ inner._inverse(self.right.T @ found)

    def growth(self) -> float:
        """That of the base, and of the small system."""
        assert self.base is not None
        inner = self._spread[1]._growth() if self.left.shape[1] else 1.0
        return self.base._growth() * inner

    def logdet(self) -> float:
        """By the determinant lemma."""
        assert self.base is not None
        if not self.left.shape[1]:
            return self.base._logdet()
        return self.base._logdet() + self._spread[1]._logdet()

    def solve_cost(self, columns: int) -> int:
        """Multiplications for so many right sides."""
        assert self.base is not None
        rows, rank = map(int, self.left.shape)
        if not rank:
            return self.base._solve_cost(columns)
        again = self.whole._product_cost() * columns
        small = rank * rows * (rank + 4 * columns) + counts.solution(rank, 2 * columns)
        return self.base._solve_cost(rank + 2 * columns) + small + again


def _flat(terms: Terms, scale: float = 1.0) -> Iterator[tuple[float, LinearMap]]:
    """The terms with sums among them written out."""
    for factor, term in terms:
        if isinstance(term, Sum):
            yield from _flat(term.terms, scale * factor)
        elif isinstance(term, Product) and len(term.factors) == 1:
            yield from _flat([(factor, term.factors[0])], scale)
        else:
            yield scale * factor, term


def _low_rank(term: LinearMap) -> Outer | None:
    """A term of low rank as one: an outer product, or a product through few entries."""
    if isinstance(term, Outer):
        return term
    if not isinstance(term, Product):
        return None
    narrow = [factor.shape[1] for factor in term.factors[:-1]]
    place = 1 + int(np.argmin(narrow))
    if 2 * min(narrow) > min(term.shape):
        return None
    left, right = Product(term.factors[:place]), Product(term.factors[place:])
    return Outer(left._array(), right.T._array())


def _base(terms: Terms) -> LinearMap | None:
    """The terms as one map that is solved with through its structure."""
    diagonals = [(scale, term) for scale, term in terms if isinstance(term, Diagonal)]
    kroneckers = [(scale, term) for scale, term in terms if isinstance(term, Kronecker)]
    if len(diagonals) + len(kroneckers) < len(terms):
        return None
    entries = sum(scale * term.entries for scale, term in diagonals) if diagonals else None
    if not kroneckers:
        return None if entries is None or np.any(entries == 0) else Diagonal(entries)
    if not all(term.is_square_by_square for _, term in kroneckers):
        return None
    listed = [(scale, term.left, term.right) for scale, term in kroneckers]
    if entries is not None:
        outer, inner = listed[0][1].shape[0], listed[0][2].shape[0]
        if np.any(entries != entries[0]):
            return None
        one = Diagonal(np.ones(outer, entries.dtype))
        listed.append((float(entries[0]), one, Diagonal(np.ones(inner, entries.dtype))))
    return _joined(listed)


def _joined(terms: list[tuple[float, LinearMap, LinearMap]]) -> LinearMap | None:
    """A ⊗ B + A ⊗ C = A ⊗ (B + C), and the same on the other side; then what is left."""
    if len({(left.shape, right.shape) for _, left, right in terms}) > 1:
        return None
    by_left: list[tuple[LinearMap, list[tuple[float, LinearMap]]]] = []
    for scale, left, right in terms:
        group = next((g for kept, g in by_left if alike(kept, left)), None)
        if group is None:
            by_left.append((left, [(scale, right)]))
        else:
            group.append((scale, right))
    pairs = [(left, _sum(group)) for left, group in by_left]
    by_right: list[tuple[list[tuple[float, LinearMap]], LinearMap]] = []
    for left, right in pairs:
        lefts = next((g for g, kept in by_right if alike(kept, right)), None)
        if lefts is None:
            by_right.append(([(1.0, left)], right))
        else:
            lefts.append((1.0, left))
    found = [(_sum(lefts), right) for lefts, right in by_right]
    if len(found) == 1:
        return Kronecker(*found[0])
    return KroneckerSum.of(terms, found)


def _sum(terms: list[tuple[float, LinearMap]]) -> LinearMap:
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]
    return Sum(terms)


def alike(one: LinearMap, other: LinearMap) -> bool:
    """Whether two maps are seen to be the same."""
    if one is other:
        return True
    if isinstance(one, Diagonal) and isinstance(other, Diagonal):
        return np.array_equal(one.entries, other.entries)
    if isinstance(one, Dense) and isinstance(other, Dense):
        return np.array_equal(one.array, other.array)
    return False
