"""Random structures: linear maps composed of each other, each beside its array by plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.run.blocks import Grid
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Diagonal, Outer, Permutation
from gradwright.run.sum_maps import Sum

Array = Any
Pair = tuple[LinearMap, Array]


def plain(rng: np.random.Generator, rows: int, columns: int) -> Pair:
    """An array whose singular values lie in a factor of about ten."""
    array = rng.normal(size=(rows, columns))
    if rows == columns:
        array += 3 * np.sqrt(rows) * np.eye(rows)
    return Dense(array), array


def symmetric(rng: np.random.Generator, size: int) -> Pair:
    """VᵀV + 1 as NumPy gives it."""
    V = rng.normal(size=(size + 2, size))
    array = V.T @ V / size + np.eye(size)
    return Dense(array), array


def diagonal(rng: np.random.Generator, size: int) -> Pair:
    entries = rng.uniform(0.5, 2, size) * rng.choice([-1, 1], size)
    return Diagonal(entries), np.diag(entries)


def identity(size: int) -> Pair:
    return Diagonal(np.ones(size)), np.eye(size)


def permutation(rng: np.random.Generator, size: int) -> Pair:
    order = rng.permutation(size)
    return Permutation(order), np.eye(size)[order]


def low_rank(rng: np.random.Generator, rows: int, columns: int) -> Pair:
    rank = int(rng.integers(1, 3))
    left, right = rng.normal(size=(rows, rank)), rng.normal(size=(columns, rank))
    return Outer(left, right), np.einsum("ik,jk->ij", left, right)


def square(rng: np.random.Generator, size: int, depth: int) -> Pair:
    """A square map of a size, composed to a depth."""
    kinds = ["plain", "symmetric", "diagonal", "permutation", "rank"]
    if depth:
        kinds = ["product", "scaled", "rank", "gram", "grid"] if size > 3 else ["product"]
        kinds += ["kronecker", "kronecker sum", "identity beside"] * (size % 2 == 0 and size > 2)
    match rng.choice(kinds):
        case "plain":
            return plain(rng, size, size)
        case "symmetric":
            return symmetric(rng, size)
        case "diagonal":
            return diagonal(rng, size)
        case "permutation":
            return permutation(rng, size)
        case "rank":
            return with_rank(rng, size, depth)
        case "product":
            count = int(rng.integers(2, 4))
            parts = [square(rng, size, depth - 1) for _ in range(count)]
            return Product([m for m, _ in parts]), np.linalg.multi_dot([a for _, a in parts])
        case "scaled":
            made, array = square(rng, size, depth - 1)
            scale = float(rng.choice([-2.0, 0.5, 3.0]))
            return Sum([(scale, made)]), scale * array
        case "gram":
            return gram(rng, size)
        case "grid":
            return grid(rng, size, depth)
        case "kronecker":
            left, one = square(rng, 2, 0)
            right, other = square(rng, size // 2, depth - 1)
            return Kronecker(left, right), np.kron(one, other)
        case "kronecker sum":
            return kronecker_sum(rng, 2, size // 2, depth)
        case _:
            left, one = symmetric(rng, 2)
            right, other = symmetric(rng, size // 2)
            terms = [(2.0, Kronecker(left, right)), (1.5, identity(size)[0])]
            return Sum(terms), 2 * np.kron(one, other) + 1.5 * np.eye(size)


def with_rank(rng: np.random.Generator, size: int, depth: int) -> Pair:
    base, array = square(rng, size, depth - 1) if depth else diagonal(rng, size)
    (made, low), (thin, thin_array) = low_rank(rng, size, size), plain(rng, size, 1)
    terms = [(1.0, base), (-0.5, made), (0.3, Product([thin, thin.T]))]
    return Sum(terms), array - 0.5 * low + 0.3 * thin_array @ thin_array.T


def gram(rng: np.random.Generator, size: int) -> Pair:
    """XᵀDX, of more or of fewer rows than columns, beside a multiple of the identity."""
    X = rng.normal(size=(int(rng.choice([1, size + 5])), size))
    entries = rng.uniform(0.1, 2, len(X))
    made = Product([Dense(X.T), Diagonal(entries), Dense(X)])
    array = np.einsum("ki,k,kj->ij", X, entries, X)
    return Sum([(1.0, made), (0.7, identity(size)[0])]), array + 0.7 * np.eye(size)


def grid(rng: np.random.Generator, size: int, depth: int) -> Pair:
    first = int(rng.integers(1, size - 1))
    (A, one), (D, four) = square(rng, first, depth - 1), square(rng, size - first, depth - 1)
    (B, two), (C, three) = plain(rng, first, size - first), plain(rng, size - first, first)
    return Grid([[A, B], [C, D]]), np.block([[one, two], [three, four]])


def kronecker_sum(rng: np.random.Generator, outer: int, inner: int, depth: int) -> Pair:
    """A ⊗ I + I ⊗ B, A ⊗ B + C ⊗ D, and products that share a factor."""
    even = symmetric if rng.random() < 0.5 else lambda rng, n: plain(rng, n, n)
    (A, one), (B, two) = even(rng, outer), even(rng, inner)
    (eye, ones), (small, few) = identity(inner), identity(outer)
    match rng.integers(3):
        case 0:
            terms, array = [(1.5, A, eye), (1.0, small, B)], 1.5 * np.kron(one, ones)
            array = array + np.kron(few, two)
        case 1:
            (C, three), (D, four) = plain(rng, outer, outer), plain(rng, inner, inner)
            terms = [(1.0, A, B), (0.5, C, D)]
            array = np.kron(one, two) + 0.5 * np.kron(three, four)
        case _:
            terms = [(1.0, A, B), (0.5, A, eye)]
            array = np.kron(one, two + 0.5 * ones)
    return Sum([(c, Kronecker(left, right)) for c, left, right in terms]), array


def rectangular(rng: np.random.Generator, depth: int) -> Pair:
    """A map of unequal sides: Kronecker products, sums and products of such."""
    if not depth:
        return plain(rng, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    (one, first), (two, second) = rectangular(rng, depth - 1), rectangular(rng, depth - 1)
    match rng.integers(3):
        case 0:
            return Kronecker(one, two), np.kron(first, second)
        case 1:
            middle, array = plain(rng, first.shape[1], second.shape[0])
            return Product([one, middle, two]), first @ array @ second
        case _:
            low, array = low_rank(rng, *first.shape)
            return Sum([(-2.0, one), (1.0, low)]), array - 2 * first
