"""Multiplications and divisions of single numbers that routines of linear algebra take.

Golub and Van Loan, Matrix Computations (4th ed., 2013), count additions too: 2n³/3 for the LU
factorisation (section 3.2.10), n² for a triangular system (3.1.2), n³/3 for the Cholesky
factorisation (4.2.5). As in their product of matrices, 2mnp (1.1.11), half of these are
multiplications and divisions. Terms of lower order are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

#: The lengths of the axes of each argument.
Shapes = Sequence[tuple[int, ...]]


def lu(size: int) -> int:
    """L U of an n × n matrix, up to the order of its rows: n³/3."""
    return size**3 // 3


def solution(size: int, columns: int) -> int:
    """Z with A Z = B, for n × k matrices: the factors L U, and two triangular systems a column."""
    return lu(size) + size**2 * columns


def inverse(size: int) -> int:
    """The inverse of an n × n matrix from its factors L U, these included: n³."""
    return size**3


def cholesky(size: int) -> int:
    """The lower triangle L with L Lᵀ = A: n³/6."""
    return size**3 // 6


def cholesky_solution(size: int, columns: int) -> int:
    """Z with L Lᵀ Z = B, from L: two triangular systems a column."""
    return size**2 * columns


def cholesky_inverse(size: int) -> int:
    """The inverse of L Lᵀ, from L: n³/6 for the inverse of L, as many for its product."""
    return size**3 // 3


def batches(shapes: Shapes) -> tuple[int, int]:
    """(how many matrices the first argument has, their size)."""
    return prod(shapes[0][:-2]), shapes[0][-1]


def columns(shapes: Shapes) -> int:
    """How many right-hand sides the second argument has for each matrix of the first."""
    return shapes[1][-1] if len(shapes[1]) > 1 else 1
