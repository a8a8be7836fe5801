"""Sums of Kronecker products that share no factor.

Where the left factors are 1 and one symmetric A, the right ones 1 and one symmetric B, eigenvectors
A = P diag(λ) Pᵀ and B = Q diag(μ) Qᵀ make the sum diagonal: A ⊗ I + I ⊗ B has λᵢ + μⱼ. Two products
of any square factors, A₁ ⊗ B₁ + A₂ ⊗ B₂ with A₂ and B₁ invertible, are Sylvester's equation
N Y + Y Mᵀ = C with M = A₂⁻¹A₁, N = B₁⁻¹B₂ and C = B₁⁻¹ X A₂⁻ᵀ, solved by Schur forms (SciPy).

Source: Golub and Van Loan, Matrix Computations, 4th edition (2013), section 7.6.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradwright.run.linear_map import Array, LinearMap
from gradwright.run.product_maps import acting
from gradwright.run.structured_maps import Dense, Diagonal, signs

Terms = Sequence[tuple[float, LinearMap, LinearMap]]


class KroneckerSum(LinearMap):
    """Σ scale · left ⊗ right, all of one shape, with square factors."""

    compound = True

    def __init__(self, terms: Terms) -> None:
        self.terms = tuple(terms)
        _, left, right = self.terms[0]
        self.outer, self.inner = left.shape[0], right.shape[0]
        self.shape = (self.outer * self.inner,) * 2

    @staticmethod
    def of(terms: Terms, joined: Sequence[tuple[LinearMap, LinearMap]]) -> KroneckerSum | None:
        """The terms as a sum that is solved with, if one of the two ways is open.

        `joined` are the same with shared factors put together.
        """
        for listed in (terms, [(1.0, left, right) for left, right in joined]):
            eigen = _Eigen.of(listed)
            if eigen is not None:
                return eigen
        if len(joined) == 2 and find_spec("scipy") is not None:
            return _Sylvester([(1.0, left, right) for left, right in joined])
        return None

    def _structure(self) -> str:
        return " + ".join(
            f"({left.structure} ⊗ {right.structure})" for _, left, right in self.terms
        )

    def _type(self) -> Any:
        return np.result_type(*(part.dtype for _, *parts in self.terms for part in parts))

    def _transposed(self) -> LinearMap:
        return type(self)([(scale, left.T, right.T) for scale, left, right in self.terms])

    def _apply(self, columns: Array) -> Array:
        return sum(
            scale * acting(left._apply, right._apply, left.shape, right.shape, columns)
            for scale, left, right in self.terms
        )


class _Eigen(KroneckerSum):
    """With one symmetric left factor and one symmetric right factor, besides identities."""

    @staticmethod
    def of(terms: Terms) -> _Eigen | None:  # type: ignore[override]
        lefts = _other_than_identity([left for _, left, _ in terms])
        rights = _other_than_identity([right for _, _, right in terms])
        if lefts is None or rights is None:
            return None
        return _Eigen(terms)

    @cached_property
    def _turned(self) -> tuple[Array, Array, Array]:
        """P, Q and the entries of the diagonal, (outer, inner)."""
        lefts = [left for _, left, _ in self.terms]
        rights = [right for _, _, right in self.terms]
        (by_left, P), (by_right, Q) = _spectrum(lefts), _spectrum(rights)
        entries = np.zeros((self.outer, self.inner), self.dtype)
        for scale, left, right in self.terms:
            one = np.ones(self.outer) if _is_identity(left) else by_left
            other = np.ones(self.inner) if _is_identity(right) else by_right
            entries += scale * np.multiply.outer(one, other)
        return P, Q, entries

    def _inverse(self, columns: Array) -> Array:
        P, Q, entries = self._turned
        sides = (P.shape, Q.shape)
        found = acting(lambda c: P.T @ c, lambda c: Q.T @ c, *sides, columns)
        found = found / entries.reshape(-1, 1)
        return acting(lambda c: P @ c, lambda c: Q @ c, *sides, found)

    def _growth(self) -> float:
        sizes = np.abs(self._turned[2])
        least = float(np.min(sizes, initial=np.inf))
        return float(np.max(sizes, initial=0)) / least if least else np.inf

    def _logdet(self) -> float:
        with np.errstate(divide="ignore"):
            return float(np.sum(np.log(np.abs(self._turned[2]))))

    def _solve_cost(self, columns: int = 1) -> int:
        # Symmetric eigenvectors take about 9 n³ operations, half of them multiplications.
        spectra = 9 * (self.outer**3 + self.inner**3) // 2
        turns = 2 * self.outer * self.inner * (self.outer + self.inner)
        return spectra + (turns + self.outer * self.inner) * columns


class _Sylvester(KroneckerSum):
    """Two products, by Schur forms."""

    @cached_property
    def _coefficients(self) -> tuple[Array, Array]:
        """M and N."""
        (_, left, right), (_, other_left, other_right) = self.terms
        return other_left._inverse(left._array()), right._inverse(other_right._array())

    def _inverse(self, columns: Array) -> Array:
        from scipy.linalg import solve_sylvester

        (_, left, right), (_, other_left, _) = self.terms
        M, N = self._coefficients
        sides = (left.shape, right.shape)
        scaled = acting(other_left._inverse, right._inverse, *sides, columns)
        found = np.empty_like(scaled)
        for k, column in enumerate(scaled.T):
            C = column.reshape(self.outer, self.inner).T
            found[:, k] = solve_sylvester(N, M.T, C).T.ravel()
        return found

    def _growth(self) -> float:
        (_, _, right), (_, other_left, _) = self.terms
        found = max(right._growth(), other_left._growth())
        probes = signs(self.shape[0], self.dtype)
        norm, inverse = np.linalg.norm(self._apply(probes)), np.linalg.norm(self._inverse(probes))
        return max(found, float(norm * inverse / probes.size))

    def _solve_cost(self, columns: int = 1) -> int:
        # Two Schur forms, of about 25 n³ operations, and the products with their vectors.
        schur = 25 * (self.outer**3 + self.inner**3) // 2
        turns = 3 * self.outer * self.inner * (self.outer + self.inner)
        return schur + turns * columns


def _is_identity(part: LinearMap) -> bool:
    return isinstance(part, Diagonal) and part.is_identity


def _other_than_identity(parts: Sequence[LinearMap]) -> list[LinearMap] | None:
    """The parts that are no identity, if they are one and the same symmetric map."""
    others = [part for part in parts if not _is_identity(part)]
    if not others:
        return others
    first = others[0]._array()
    same = all(part is others[0] or np.array_equal(part._array(), first) for part in others)
    # VᵀV is symmetric but for rounding.
    off = float(np.max(np.abs(first - first.T), initial=0))
    near = off <= 64 * np.finfo(first.dtype).eps * float(np.max(np.abs(first), initial=0))
    return others if same and near else None


def _spectrum(parts: Sequence[LinearMap]) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the part that is no identity; of 1 if there is none."""
    others = [part for part in parts if not _is_identity(part)]
    if not others:
        size = parts[0].shape[0]
        return np.ones(size), np.eye(size, dtype=parts[0].dtype)
    array = Dense(others[0]._array()).array
    values, vectors = np.linalg.eigh((array + array.T) / 2)
    return values, vectors
