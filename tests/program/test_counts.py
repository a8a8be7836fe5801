"""Multiplications that solutions, inverses, determinants and factors take, counted in loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.ops import counts


class Number:
    """A number that counts the products and quotients that it takes part in."""

    total = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Number) -> Number:
        Number.total += 1
        return Number(self.value * other.value)

    def __truediv__(self, other: Number) -> Number:
        Number.total += 1
        return Number(self.value / other.value)

    def __sub__(self, other: Number) -> Number:
        return Number(self.value - other.value)


def numbers(array: Any) -> list[list[Number]]:
    return [[Number(float(entry)) for entry in row] for row in array]


def values(rows: list[list[Number]]) -> Any:
    return np.array([[entry.value for entry in row] for row in rows])


def factors(a: list[list[Number]]) -> list[list[Number]]:
    """L below the diagonal and U, without exchanges of rows."""
    for k in range(len(a)):
        for i in range(k + 1, len(a)):
            a[i][k] = a[i][k] / a[k][k]
            for j in range(k + 1, len(a)):
                a[i][j] = a[i][j] - a[i][k] * a[k][j]
    return a


def solved(a: list[list[Number]], b: list[list[Number]]) -> list[list[Number]]:
    """By substitution in L and in U, column by column."""
    size = len(a)
    for column in range(len(b[0])):
        for i in range(size):
            for j in range(i):
                b[i][column] = b[i][column] - a[i][j] * b[j][column]
        for i in reversed(range(size)):
            for j in range(i + 1, size):
                b[i][column] = b[i][column] - a[i][j] * b[j][column]
            b[i][column] = b[i][column] / a[i][i]
    return b


def lower(a: list[list[Number]]) -> list[list[Number]]:
    """The triangle L with L Lᵀ = A, row by row."""
    for i in range(len(a)):
        for j in range(i + 1):
            for k in range(j):
                a[i][j] = a[i][j] - a[i][k] * a[j][k]
            a[i][j] = Number(np.sqrt(a[i][i].value)) if i == j else a[i][j] / a[j][j]
    return a


def counted(work: Callable[[], Any]) -> tuple[Any, int]:
    Number.total = 0
    return work(), Number.total


@pytest.mark.parametrize(("size", "columns"), [(5, 3), (12, 7), (24, 1)])
def test_counts_are_those_of_the_textbook(
    size: int, columns: int, rng: np.random.Generator
) -> None:
    """Loops take as many, up to n² k."""
    a = rng.normal(size=(size, size)) + 9 * np.eye(size)
    b = rng.normal(size=(size, columns))
    made, by_lu = counted(lambda: factors(numbers(a)))
    assert 0 <= counts.lu(size) - by_lu <= size**2
    found, by_substitution = counted(lambda: solved(made, numbers(b)))
    np.testing.assert_allclose(a @ values(found), b, atol=1e-12)
    assert counts.solution(size, columns) == counts.lu(size) + by_substitution
    spd = a @ a.T
    triangle, by_cholesky = counted(lambda: lower(numbers(spd)))
    np.testing.assert_allclose(np.tril(values(triangle)), np.linalg.cholesky(spd), atol=1e-11)
    assert abs(counts.cholesky(size) - by_cholesky) <= size**2
    assert by_substitution == counts.cholesky_solution(size, columns)


K, M, N = 4, 5, 7
SYMBOLS = {
    "A": "matrix n n invertible",
    "P": "posdef n n",
    "B": "matrix m n",
    "D": "matrix n k",
    "x": "vector k",
    "z": "vector n",
}
CASES = {
    "gradient sum(B*inv(A)*z) z": N**3 // 3 + N**2 * M,
    "jacobian B*inv(A)*D*x x": (N**3 // 3 + N**2 * K) + M * N * K,
    "jacobian inv(A)*z z": N**3,
    "gradient logdet(A) A": N**3,
    "gradient det(A) A": N**3 // 3 + N**3 + N**2,
    "gradient logdet(P) + z'*inv(P)*z P": N**3 // 6 + N**3 // 3 + N**2 + N**2,
}


@pytest.mark.parametrize("case", CASES)
def test_derivatives_count_what_their_code_calls(case: str) -> None:
    kind, *text, wrt = case.split(" ")
    formula = gw.formula(" ".join(text), **SYMBOLS)
    sizes = {size: {"k": K, "m": M, "n": N}[size] for size in formula.scope.sizes}
    found = getattr(formula, kind)(wrt, sizes=sizes)
    assert found.cost.multiplications == CASES[case], found.source()
