"""Sample values for a declaration, drawn by its facts.

Values stay where derivatives are well conditioned: positive entries lie in [0.5, 2], matrices that
are inverted have a condition number of at most 4, entries of the unit interval stay away from its
ends (a matrix that is invertible besides has small entries off its diagonal).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from gradwright.errors import DomainError, ShapeError, SymbolError

Array = Any

RANKS = {"scalar": 0, "vector": 1, "row": 1, "matrix": 2}
#: Facts about single entries, or about rows.
ENTRY_FACTS = ("onehot", "sum1", "columns_sum1", "unit", "signs", "binary", "positive")
#: Facts about a square matrix as a whole.
SQUARE_FACTS = ("symmetric", "posdef", "invertible", "diagonal", "orthogonal")
#: What each fact about entries implies; two facts fit together when one implies the other.
IMPLIED = {
    "onehot": {"onehot", "sum1", "binary"},
    "sum1": {"sum1", "positive", "unit"},
    "columns_sum1": {"columns_sum1", "positive", "unit"},
    "unit": {"unit", "positive"},
    "signs": {"signs"},
    "binary": {"binary"},
    "positive": {"positive"},
}


def draw(
    kind: str, shape: tuple[int, ...], facts: Collection[str], generator: np.random.Generator
) -> Array:
    """A float64 array of `shape` that has the facts.

    Without facts the entries are standard normal. `symmetric` matrices mirror the lower triangle;
    `posdef` ones are symmetric too; `diagonal` ones have zeros beside the diagonal, and the columns
    of `orthogonal` ones are orthonormal; `onehot` and `sum1` hold for a vector, or every row of a
    matrix, `columns_sum1` for every column of one.

    Raises:
        SymbolError: the kind or a fact is unknown.
        ShapeError: the shape does not fit the kind or a fact.
        DomainError: no value has all the facts.
    """
    _check_shape(kind, shape, facts)
    entry = _entry_fact(facts)
    if "diagonal" in facts:
        return _diagonal(shape[0], facts, entry, generator)
    if "orthogonal" in facts:
        return _orthogonal_with(shape[0], facts, entry, generator)
    if "posdef" in facts or "invertible" in facts:
        return _invertible(shape[0], facts, entry, generator)
    value = _entries(shape, entry, generator)
    if "symmetric" in facts:
        lower = np.tril(value)
        value = lower + np.tril(value, -1).T
    return value


def _check_shape(kind: str, shape: tuple[int, ...], facts: Collection[str]) -> None:
    if kind not in (*RANKS, "tensor"):
        known = ", ".join((*RANKS, "tensor"))
        raise SymbolError(
            f"a sample of a {kind}", f"{kind} is none of {known}", "name one of these"
        )
    if len(shape) != RANKS.get(kind, len(shape)):
        raise ShapeError(
            f"a sample of a {kind}",
            f"a {kind} has {RANKS[kind]} axes, and the shape {shape} has {len(shape)}",
            f"give {RANKS[kind]} lengths",
        )
    for fact in sorted(facts):
        if fact not in (*ENTRY_FACTS, *SQUARE_FACTS):
            raise SymbolError(
                f"a sample that is {fact}",
                f"{fact} is none of {', '.join((*SQUARE_FACTS, *ENTRY_FACTS))}",
                "name one of these",
            )
        if fact in SQUARE_FACTS and (kind != "matrix" or shape[0] != shape[1]):
            raise ShapeError(
                f"a sample that is {fact}",
                f"{fact} holds for square matrices, and this is a {kind} of shape {shape}",
                "give a square matrix, or drop the fact",
            )
        if fact == "columns_sum1" and (kind != "matrix" or shape[0] == 0):
            raise ShapeError(
                f"a sample that is {fact}",
                f"{fact} needs columns with an entry, and this is a {kind} of shape {shape}",
                "give a matrix with rows",
            )
        if fact in ("onehot", "sum1") and (kind == "scalar" or shape[-1] == 0):
            raise ShapeError(
                f"a sample that is {fact}",
                f"{fact} needs rows with an entry, and this is a {kind} of shape {shape}",
                "give a vector or a matrix with columns",
            )


def _entry_fact(facts: Collection[str]) -> str | None:
    """The strongest fact about entries."""
    given = [fact for fact in ENTRY_FACTS if fact in facts]
    for fact in given:
        if set(given) <= IMPLIED[fact]:
            break
    else:
        if given:
            raise DomainError(
                f"a sample that is {' and '.join(given)}",
                f"{given[0]} and {given[-1]} do not hold together",
                "keep one of the facts",
            )
        return None
    row_wise = fact in ("onehot", "sum1", "columns_sum1") and "symmetric" in facts
    discrete = fact not in ("positive", "unit") and {"posdef", "invertible"} & set(facts)
    if row_wise or discrete:
        other = next(name for name in SQUARE_FACTS if name in facts)
        raise DomainError(
            f"a sample that is {fact} and {other}",
            f"{fact} fixes the entries, so they cannot be chosen to make the matrix {other}",
            "keep one of the facts",
        )
    return fact


def _entries(shape: tuple[int, ...], fact: str | None, generator: np.random.Generator) -> Array:
    match fact:
        case "positive":
            return generator.uniform(0.5, 2.0, shape)
        case "unit":
            return generator.uniform(0.1, 0.9, shape)
        case "signs":
            return generator.choice([-1.0, 1.0], shape)
        case "binary":
            return generator.choice([0.0, 1.0], shape)
        case "sum1":
            weights = generator.uniform(0.5, 2.0, shape)
            return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
        case "columns_sum1":
            weights = generator.uniform(0.5, 2.0, shape)
            return np.asarray(weights / weights.sum(axis=0))
        case "onehot":
            return np.eye(shape[-1])[generator.integers(shape[-1], size=shape[:-1])]
        case _:
            return np.asarray(generator.standard_normal(shape))


def _diagonal(
    n: int, facts: Collection[str], entry: str | None, generator: np.random.Generator
) -> Array:
    """Entries on the diagonal away from 0 where the matrix is inverted."""
    if entry is not None and n > 1:
        raise DomainError(
            f"a sample that is {entry} and diagonal",
            f"the entries beside the diagonal are 0, and {entry} speaks of every entry",
            "drop one of the facts, or declare the diagonal as a vector",
        )
    values = generator.standard_normal(n)
    if "posdef" in facts or "invertible" in facts:
        values = generator.uniform(0.5, 2.0, n)
        if "posdef" not in facts:
            values = values * generator.choice([-1.0, 1.0], n)
    if "orthogonal" in facts:
        signs = generator.choice([-1.0, 1.0], n)
        values = np.ones(n) if "posdef" in facts else signs
    return np.diag(values)


def _orthogonal_with(
    n: int, facts: Collection[str], entry: str | None, generator: np.random.Generator
) -> Array:
    if entry is not None:
        raise DomainError(
            f"a sample that is {entry} and orthogonal",
            f"the columns of an orthogonal matrix have length 1, and {entry} fixes entries too",
            "keep one of the facts",
        )
    if "posdef" in facts:
        return np.eye(n)
    basis = _orthogonal(n, generator)
    if "symmetric" not in facts:
        return basis
    # A reflection I - 2uu' is symmetric and orthogonal.
    return np.eye(n) - 2 * np.outer(basis[:, 0], basis[:, 0])


def _invertible(
    n: int, facts: Collection[str], entry: str | None, generator: np.random.Generator
) -> Array:
    if entry is not None:
        # With B > 0, I + BBᵀ/‖B‖² has positive entries and eigenvalues in [1, 2]; a third of it
        # has entries below 0.9 as `unit` wants.
        if {"symmetric", "posdef"} & set(facts):
            weights = generator.uniform(0.5, 2.0, (n, n))
            value = np.eye(n) + weights @ weights.T / max(1.0, float(np.sum(weights**2)))
        else:
            # I + 0.6 B/‖B‖ is not symmetric: a derivative with its axes exchanged is found.
            weights = generator.uniform(1.0, 2.0, (n, n))
            value = np.eye(n) + 0.6 * weights / max(1.0, float(np.linalg.norm(weights)))
        return value / 3.0 if entry == "unit" else value
    left = _orthogonal(n, generator)
    values = generator.uniform(0.5, 2.0, n)
    if "posdef" in facts:
        right = left
    elif "symmetric" in facts:
        right, values = left, values * generator.choice([-1.0, 1.0], n)
    else:
        return (left * values) @ _orthogonal(n, generator).T
    value = (left * values) @ right.T
    # Rounding leaves the two triangles different in the last place.
    return np.asarray((value + value.T) / 2)


def _orthogonal(n: int, generator: np.random.Generator) -> Array:
    return np.asarray(np.linalg.qr(generator.standard_normal((n, n)))[0])
