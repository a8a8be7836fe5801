"""Operations on whole arrays that are right for real and for complex numbers.

As in `analytic`, a complex number is a real point with an imaginary part that carries a derivative.
Arrays have two axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.errors import DomainError
from gradwright.notation.analytic import Array, is_complex, log1p, magnitude, sqrt

#: What LAPACK computes; wider numbers are eliminated here.
_LAPACK = ("f", "d", "F", "D")


def norm1(z: Array) -> Array:
    """The sum of absolute values, (1, 1)."""
    return total(magnitude(z))


def norm2(z: Array) -> Array:
    """The root of the sum of squares, (1, 1); scaled, so that no square overflows or vanishes."""
    scale = np.max(np.abs(z.real), initial=0)
    if scale == 0 or not np.isfinite(scale):
        return sqrt(total(z * z))
    return np.asarray(scale * sqrt(total((z / scale) ** 2)))


def total(z: Array) -> Array:
    """The sum of all entries, (1, 1)."""
    return np.asarray(np.sum(z)).reshape(1, 1)


def softmax(z: Array, axis: int) -> Array:
    """exp(z) over its sum along an axis, shifted by the real maximum."""
    weights = np.exp(z - np.max(z.real, axis=axis, keepdims=True))
    return np.asarray(weights / np.sum(weights, axis=axis, keepdims=True))


def hardmax(z: Array, axis: int) -> Array:
    """1 where the real part is largest along an axis, 0 elsewhere; ties share the 1."""
    places = (z.real == np.max(z.real, axis=axis, keepdims=True)).astype(z.dtype)
    return np.asarray(places / np.sum(places, axis=axis, keepdims=True))


def largest(z: Array, axis: int) -> Array:
    """The entry of the largest real part along an axis, which is kept with length 1."""
    # What is not largest may be infinite, and 0 times that is no number.
    places = hardmax(z, axis)
    return np.asarray(np.sum(np.where(places != 0, places * z, 0), axis=axis, keepdims=True))


def smallest(z: Array, axis: int) -> Array:
    """The entry of the smallest real part along an axis, which is kept with length 1."""
    return -largest(-z, axis)


def logsumexp(z: Array, axis: int) -> Array:
    """log Σ exp(z) along an axis, which is kept with length 1.

    The largest entry is taken out of the sum, so that log1p keeps what the others add to it.
    """
    place = np.expand_dims(np.argmax(z.real, axis=axis), axis)
    highest = np.take_along_axis(z, place, axis)
    others = np.exp(z - highest)
    np.put_along_axis(others, place, 0, axis)
    return np.asarray(highest + log1p(np.sum(others, axis=axis, keepdims=True)))


def determinant(a: Array) -> Array:
    """det(a), (1, 1)."""
    if a.dtype.char in _LAPACK:
        return np.asarray(np.linalg.det(a)).reshape(1, 1)
    diagonal, sign, _ = _eliminate(a)
    return np.asarray(sign * np.prod(diagonal)).reshape(1, 1)


def log_determinant(a: Array) -> Array:
    """log|det(a)|, continued from each sign of the determinant; (1, 1)."""
    if a.dtype.char in _LAPACK:
        sign, log = np.linalg.slogdet(a)
    else:
        diagonal, _, _ = _eliminate(a)
        # Complex entries need |d| and the turn d/|d| apart; real ones only |d|.
        size = np.abs(diagonal)
        log = np.sum(np.log(size))
        sign = np.prod(diagonal / size) if is_complex(a) else np.ones((), a.dtype)
    result: Any = log
    if is_complex(a):
        turn = -sign if sign.real < 0 else sign
        result = log + 1j * np.angle(turn)
    return np.asarray(result, a.dtype).reshape(1, 1)


def inverse(a: Array, called: str) -> Array:
    """The inverse of a square matrix.

    Raises:
        DomainError: the matrix is singular to working precision.
    """
    if a.dtype.char in _LAPACK:
        try:
            return np.asarray(np.linalg.inv(a))
        except np.linalg.LinAlgError as error:
            raise _singular(called) from error
    diagonal, _, inverted = _eliminate(a)
    if np.any(diagonal == 0):
        raise _singular(called)
    return inverted


def solution(a: Array, b: Array, called: str) -> Array:
    """X with a X = b.

    Raises:
        DomainError: the matrix is singular to working precision.
    """
    if a.dtype.char in _LAPACK and b.dtype.char in _LAPACK:
        try:
            return np.asarray(np.linalg.solve(a, b))
        except np.linalg.LinAlgError as error:
            raise _singular(called) from error
    return inverse(a, called) @ b


def matrix_power(a: Array, exponent: int, called: str) -> Array:
    """An integer power by repeated squaring; negative ones are powers of the inverse."""
    base = inverse(a, called) if exponent < 0 else a
    result = np.eye(len(a), dtype=a.dtype)
    remaining = abs(exponent)
    while remaining:
        if remaining & 1:
            result = result @ base
        remaining >>= 1
        if remaining:
            base = base @ base
    return result


def _singular(called: str) -> DomainError:
    return DomainError(
        f"the inverse {called}",
        "the matrix is invertible in the formula and singular in the values given",
        "give an invertible matrix, or add a multiple of eye(n)",
    )


def _eliminate(a: Array) -> tuple[Array, int, Array]:
    """Gauss-Jordan with row pivots by the real part: pivots, sign of the row swaps, inverse."""
    count = len(a)
    work = np.concatenate([a, np.eye(count, dtype=a.dtype)], axis=1)
    pivots = np.zeros(count, a.dtype)
    sign = 1
    for k in range(count):
        row = k + int(np.argmax(np.abs(work[k:, k].real)))
        if row != k:
            work[[k, row]] = work[[row, k]]
            sign = -sign
        pivots[k] = work[k, k]
        if pivots[k] == 0:
            break
        work[k] = work[k] / pivots[k]
        factors = work[:, k].copy()
        factors[k] = 0
        work -= factors[:, None] * work[k]
    return pivots, sign, work[:, count:]


def commutation(rows: int, columns: int) -> Array:
    """K with K vec(A) = vec(A') for every A of so many rows and columns; vec stacks columns."""
    found = np.zeros((rows * columns, rows * columns))
    for i in range(rows):
        for j in range(columns):
            # A[i, j] stands at j * rows + i of vec(A), and at i * columns + j of vec(A').
            found[i * columns + j, j * rows + i] = 1
    return found
