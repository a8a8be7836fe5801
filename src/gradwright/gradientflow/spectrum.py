"""Singular values of long products, in log space.

A product of K factors spans more decades than floating point holds, and an explicit product loses
every singular value that lies a factor u below the largest. Here the product is kept as

    A = Q · diag(exp(levels)) · rows,   Q with orthonormal columns, each row of `rows` of norm 1,

and a factor J is put before it by a QR decomposition of J·Q. The triangle that results is graded,
and its diagonal is not yet its singular values: sweeps of QR on the transposed triangle make it
diagonal but for blocks of singular values of about the same size, which LAPACK finds. Source:
Stewart, On graded QR decompositions of products of matrices, ETNA 3 (1995).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Any

import numpy as np
from msgspec import Struct

Array = Any

EPSILON = float(np.finfo(np.float64).eps)

#: Sweeps over the graded triangle. Gaps between logarithms double their effect in each.
SWEEPS = 400

#: Off-diagonal entries up to this are zero beside the diagonal ones.
NEGLIGIBLE = 1e-17

#: Singular values within this factor of each other, as a logarithm, are found together.
CLUSTER = 14.0

#: Vectors are given for singular values down to this part of the largest.
VECTORS = 1e-8


class Graded(Struct, frozen=True):
    """A product of shape (m, n) and rank r: basis (m, r), levels (r,), rows (r, n)."""

    basis: Array
    levels: Array
    rows: Array

    @classmethod
    def identity(cls, size: int) -> Graded:
        """The empty product."""
        return cls(np.eye(size), np.zeros(size), np.eye(size))

    @property
    def rank(self) -> int:
        """The singular values that are not zero."""
        return len(self.levels)

    def before(self, factor: Array) -> Graded:
        """`factor` (p, m) times this product.

        Rows of the triangle below the rounding of one factor are noise and count as zero: a
        direction that a single factor shrinks by more than 1/u is not determined by its entries.
        """
        image = factor @ self.basis
        if not image.any():
            return _zero(factor.shape[0], self.rows.shape[1])
        # Large columns first keeps the triangle graded, whatever order the directions came in.
        order = np.argsort(-(self.levels + _logarithm(np.linalg.norm(image, axis=0))))
        image, levels, rows = image[:, order], self.levels[order], self.rows[order]
        # Units that let nothing through are left out, or QR would fill their rows with rounding.
        active = np.flatnonzero(image.any(axis=1))
        q, r = np.linalg.qr(image[active])
        sizes = np.linalg.norm(r, axis=1)
        kept = sizes > max(image.shape) * EPSILON * np.linalg.norm(r)
        basis = np.zeros((factor.shape[0], int(kept.sum())))
        basis[active] = q[:, kept]
        return Graded(basis, *_graded_product(r[kept], levels, rows))


class Decomposition(Struct, frozen=True):
    """Singular values in log space, and the vectors of the large ones.

    `logarithms` are natural and descending, one for each of min(m, n) singular values, -inf for a
    zero. `left` (m, k) and `right` (k, n) hold the vectors of the k that are not below `VECTORS`
    times the largest.
    """

    logarithms: Array
    left: Array
    right: Array


def _zero(rows: int, columns: int) -> Graded:
    return Graded(np.zeros((rows, 0)), np.zeros(0), np.zeros((0, columns)))


def _logarithm(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _graded_product(triangle: Array, levels: Array, rows: Array) -> tuple[Array, Array]:
    """(levels, rows) of triangle · diag(exp(levels)) · rows."""
    exponents = _logarithm(np.abs(triangle)) + levels
    highest = exponents.max(axis=1, initial=-np.inf)
    weights = np.sign(triangle) * np.exp(exponents - highest[:, None])
    return _normalised(highest, weights @ rows)


def _normalised(levels: Array, rows: Array) -> tuple[Array, Array]:
    """The same rows with norm 1, their norms moved into the levels."""
    sizes = np.linalg.norm(rows, axis=1)
    return levels + np.log(sizes), rows / sizes[:, None]


def product(factors: Iterable[Array], size: int) -> Graded:
    """The product of factors, the first one applied first, to vectors of length `size`."""
    found = Graded.identity(size)
    for factor in factors:
        found = found.before(factor)
    return found


def log_singular_values(factors: Sequence[Array]) -> Array:
    """Natural logarithms of the singular values of `factors[-1] @ ... @ factors[0]`, falling.

    There are as many as the product has rows or columns, whichever are fewer; those of a product
    without full rank end in minus infinity.

    Args:
        factors: arrays (rows, columns), each with as many columns as the one before has rows.
    """
    columns, rows = factors[0].shape[1], factors[-1].shape[0]
    if columns <= rows:
        return decompose(product(factors, columns)).logarithms
    return decompose(product([factor.T for factor in reversed(factors)], rows)).logarithms


def decompose(graded: Graded) -> Decomposition:
    """The singular values and vectors of a graded product, by sweeps over its triangle."""
    count = min(graded.basis.shape[0], graded.rows.shape[1])
    pending = _Pending(graded.basis, graded.levels, graded.rows, np.eye(graded.rows.shape[1]))
    turned = False
    for _ in range(SWEEPS):
        pending, turned = _swept(pending), not turned
        if _is_block_diagonal(pending):
            break
    logarithms, left, right = _by_clusters(pending)
    padded = np.concatenate([logarithms, np.full(count - len(logarithms), -np.inf)])
    return Decomposition(padded, right.T, left.T) if turned else Decomposition(padded, left, right)


class _Pending(Struct, frozen=True):
    """A product, or its transpose, as left · diag(exp(levels)) · rows · right."""

    left: Array
    levels: Array
    rows: Array
    right: Array


def _swept(found: _Pending) -> _Pending:
    """The transpose, nearer to diagonal: QR of the transposed rows.

    With rowsᵀ = Q R the product is left · diag(exp(s)) Rᵀ · Qᵀ right. Its transpose has in the
    middle R diag(exp(s)), whose entry i, j is R_ij exp(s_j - s_i) beside the scale exp(s_i).
    """
    order = np.argsort(-found.levels, kind="stable")
    levels = found.levels[order]
    q, r = np.linalg.qr(found.rows[order].T)
    # The levels fall and R is upper triangular, so no entry grows.
    scaled = r * np.exp(np.minimum(levels[None, :] - levels[:, None], 0.0))
    return _Pending(found.right.T @ q, *_normalised(levels, scaled), found.left[:, order].T)


def _is_block_diagonal(found: _Pending) -> bool:
    """Whether only singular values of about the same size are still coupled."""
    apart = np.abs(found.levels[None, :] - found.levels[:, None]) > CLUSTER
    return bool(np.all(np.abs(found.rows)[apart] <= NEGLIGIBLE))


def _by_clusters(found: _Pending) -> tuple[Array, Array, Array]:
    """(logarithms falling, left, right): each block of coupled values by LAPACK, scaled."""
    levels = found.levels
    ends = np.flatnonzero(levels[:-1] - levels[1:] > CLUSTER) + 1
    logarithms = np.full(len(levels), -np.inf)
    left, right = found.left.copy(), found.right.copy()
    for places in np.split(np.arange(len(levels)), ends):
        if not len(places):
            continue
        shift = np.max(levels[places])
        block = np.exp(levels[places] - shift)[:, None] * found.rows[np.ix_(places, places)]
        # Without vectors LAPACK iterates by QR, whose small values are right beside large ones;
        # with them it divides and conquers, which is right beside the largest only.
        logarithms[places] = shift + _logarithm(np.linalg.svd(block, compute_uv=False))
        u, _, v = np.linalg.svd(block)
        left[:, places] = found.left[:, places] @ u
        right[places] = v @ found.right[places]
    order = np.argsort(-logarithms, kind="stable")
    known = order[logarithms[order] >= np.max(logarithms, initial=-np.inf) + log(VECTORS)]
    return logarithms[order], left[:, known], right[known]
