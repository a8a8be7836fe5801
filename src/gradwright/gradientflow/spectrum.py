"""Singular values of a product of many matrices, as logarithms.

A product of a thousand layers under- or overflows, and its small singular values drown in the
rounding of the large ones. Here the product is never formed. It is turned into a triangle whose
rows are scaled by numbers that are kept as logarithms (QR of one factor after the other), and
sweeps of QR on the transposed triangle make it diagonal. One pass alone does not give singular
values. Source: Stewart, On graded QR decompositions of products of matrices, ETNA 3 (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any

#: A diagonal entry this much smaller than its column is rounding: the rank ends there.
RANK = 64 * float(np.finfo(np.float64).eps)

#: Sweeps over the graded triangle. Gaps between logarithms double their effect in each.
SWEEPS = 400

#: Off-diagonal entries up to this are zero beside the diagonal ones.
NEGLIGIBLE = 1e-17

#: Singular values within this factor of each other, as a logarithm, are found together.
CLUSTER = 14.0


def log_singular_values(factors: Sequence[Array]) -> Array:
    """Natural logarithms of the singular values of `factors[-1] @ ... @ factors[0]`, falling.

    There are as many as the product has rows or columns, whichever are fewer; those of a product
    without full rank end in minus infinity.

    Args:
        factors: arrays (rows, columns), each with as many columns as the one before has rows.
    """
    count = min(factors[0].shape[1], factors[-1].shape[0])
    logs, triangle = _graded(_squared_up(factors))
    if not len(logs):
        return np.full(count, -np.inf)
    for _ in range(SWEEPS):
        logs, triangle = _swept(logs, triangle)
        if _is_block_diagonal(logs, triangle):
            break
    found = np.sort(_by_clusters(logs, triangle))[::-1]
    return np.concatenate([found, np.full(count - len(found), -np.inf)])


def _squared_up(factors: Sequence[Array]) -> list[Array]:
    """Factors with the same singular values, of which the first is square and the narrowest.

    The factors before the narrowest place are replaced by the transposed triangles of their own
    QR pass, which starts at that place.
    """
    widths = [factors[0].shape[1], *(factor.shape[0] for factor in factors)]
    place = int(np.argmin(widths))
    turned: list[Array] = []
    basis = np.eye(widths[place])
    for factor in reversed(factors[:place]):
        basis, triangle = np.linalg.qr(factor.T @ basis)
        turned.append(triangle.T)
    return [np.eye(widths[place]), *reversed(turned), *factors[place:]]


def _graded(factors: Sequence[Array]) -> tuple[Array, Array]:
    """Logarithms s and rows T of size one: diag(exp(s)) T has the product's singular values.

    A random rotation comes first, so that the logarithms come out falling.
    """
    size = factors[0].shape[1]
    basis, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))
    logs = np.zeros(size)
    rows = np.eye(size)
    for factor in factors:
        basis, triangle = np.linalg.qr(factor @ basis)
        kept = _rank(triangle)
        basis, triangle = basis[:, :kept], triangle[:kept]
        logs, rows = _multiplied(triangle, logs, rows)
        if not kept:
            break
    return logs, rows


def _rank(triangle: Array) -> int:
    """How many leading rows of a triangle are more than rounding."""
    largest = float(np.max(np.abs(triangle), initial=0.0))
    sizes = np.max(np.abs(triangle), axis=1, initial=0.0)
    small = np.flatnonzero(sizes <= RANK * largest)
    return int(small[0]) if len(small) and largest else (len(triangle) if largest else 0)


def _multiplied(left: Array, logs: Array, rows: Array) -> tuple[Array, Array]:
    """`left · diag(exp(logs)) · rows` as logarithms of row sizes, and rows of that size one."""
    shift = np.array([np.max(logs[np.abs(line) > 0], initial=-np.inf) for line in left])
    weights = np.exp(np.where(left != 0, logs[None, :] - shift[:, None], -np.inf))
    made = (left * weights) @ rows
    sizes = np.max(np.abs(made), axis=1)
    return shift + np.log(sizes), made / sizes[:, None]


def _swept(logs: Array, rows: Array) -> tuple[Array, Array]:
    """The same singular values, nearer to diagonal: QR of the transposed rows.

    diag(exp(s)) R has those of Rᵀ diag(exp(s)) = Q T diag(exp(s)), so of T diag(exp(s)), whose
    entry at row i and column j is T_ij exp(s_j - s_i) beside the scale exp(s_i) of its row.
    """
    order = np.argsort(-logs, kind="stable")
    logs, rows = logs[order], rows[order]
    _, triangle = np.linalg.qr(rows.T)
    with np.errstate(under="ignore"):
        scaled = triangle * np.exp(np.minimum(logs[None, :] - logs[:, None], 0.0))
    sizes = np.max(np.abs(scaled), axis=1)
    with np.errstate(divide="ignore"):
        grown = logs + np.log(sizes)
    return grown, scaled / np.where(sizes > 0, sizes, 1.0)[:, None]


def _is_block_diagonal(logs: Array, rows: Array) -> bool:
    """Whether only singular values of about the same size are still coupled."""
    apart = np.abs(logs[None, :] - logs[:, None]) > CLUSTER
    return bool(np.all(np.abs(rows)[apart] <= NEGLIGIBLE))


def _by_clusters(logs: Array, rows: Array) -> Array:
    """The singular values of each block of coupled ones, by LAPACK on the scaled block."""
    found: list[float] = []
    start = 0
    for end in range(1, len(logs) + 1):
        if end < len(logs) and logs[end - 1] - logs[end] <= CLUSTER:
            continue
        shift = float(np.max(logs[start:end]))
        block = np.exp(logs[start:end] - shift)[:, None] * rows[start:end, start:end]
        with np.errstate(divide="ignore"):
            found += (shift + np.log(np.linalg.svd(block, compute_uv=False))).tolist()
        start = end
    return np.array(found)
