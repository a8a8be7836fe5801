"""Positive definite matrices, by declared facts and structure.

R. A. Horn and C. R. Johnson, Matrix Analysis (2013), section 7.1: sums, congruences B K B' and
inverses; theorem 7.5.3 (Schur) for products entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from gradwright.core.facts import positive
from gradwright.core.nodes import Add, Labels, Node, Operation, Power, Product, Variable, postorder

Factors = Sequence[tuple[Node, Labels]]


class Definite(IntEnum):
    """What is known of x'Ax for a symmetric matrix A and x that is not 0."""

    UNKNOWN = 0
    NOT_NEGATIVE = 1
    POSITIVE = 2


def positive_definite(node: Node) -> bool:
    """Whether a node is a symmetric positive definite matrix."""
    known: dict[Node, Definite] = {}
    for part in postorder(node):
        known[part] = _definite(part, known) if _is_square(part) else Definite.UNKNOWN
    return known[node] is Definite.POSITIVE


def _is_square(node: Node) -> bool:
    return node.order == 2 and node.axes[0] == node.axes[1]


def _definite(node: Node, known: dict[Node, Definite]) -> Definite:
    match node:
        case Variable(facts=facts) if "posdef" in facts:
            return Definite.POSITIVE
        case Operation(operation="inv", arguments=(argument,)):
            return known[argument] if known[argument] is Definite.POSITIVE else Definite.UNKNOWN
        case Add(terms=terms) if all(c > 0 and known[term] for c, term in terms):
            return max(known[term] for _, term in terms)
        case Product(coefficient=c, factors=factors) if c > 0:
            scalars = [_sign(factor) for factor, labels in factors if not labels]
            whole = _product([pair for pair in factors if pair[1]], node.out, known)
            return min([whole, *scalars])
    return Definite.UNKNOWN


def _product(factors: Factors, out: Labels, known: dict[Node, Definite]) -> Definite:
    """A product with axes `out`, from its factors that are no scalars."""
    row, column = out
    if row == column:
        if any(labels != (row,) for _, labels in factors):
            return Definite.UNKNOWN
        return min((_sign(factor) for factor, _ in factors), default=Definite.POSITIVE)
    if factors and all(sorted(labels) == sorted(out) for _, labels in factors):
        return min(known[factor] for factor, _ in factors)
    return _congruence(factors, row, column, known)


def _congruence(factors: Factors, row: int, column: int, known: dict[Node, Definite]) -> Definite:
    """B K B', with K a matrix, weights on the diagonal, or nothing between."""
    left = [pair for pair in factors if row in pair[1]]
    right = [pair for pair in factors if column in pair[1]]
    between = [pair for pair in factors if row not in pair[1] and column not in pair[1]]
    if len(left) != 1 or len(right) != 1 or left[0][0] is not right[0][0]:
        return Definite.UNKNOWN
    (_, one), (_, two) = left[0], right[0]
    if one.index(row) != two.index(column) or one.count(row) > 1 or column in one:
        return Definite.UNKNOWN
    inner, other = (tuple(x for x in labels if x not in (row, column)) for labels in (one, two))
    if inner == other:
        held = all(set(ls) <= set(inner) and _sign(factor) for factor, ls in between)
    elif len(inner) == 1 and len(between) == 1:
        middle, labels = between[0]
        held = set(labels) == {*inner, *other} and len(labels) == 2 and bool(known[middle])
    else:
        held = False
    return Definite.NOT_NEGATIVE if held else Definite.UNKNOWN


def _sign(node: Node) -> Definite:
    """The same of every entry."""
    if positive(node):
        return Definite.POSITIVE
    even = isinstance(node, Power) and node.exponent.numerator % 2 == 0
    whole = isinstance(node, Power) and node.exponent > 0
    return Definite.NOT_NEGATIVE if even and whole else Definite.UNKNOWN
