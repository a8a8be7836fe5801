"""The same formulas with derivatives as rows instead of columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    with_children,
)

#: Whether a part of a formula is a scalar.
IsScalar = Callable[[Tree], bool]


def with_rows(tree: Tree, rows: Collection[str]) -> Tree:
    """A formula in which the names `rows`, columns so far, stand for rows.

    >>> from gradwright.notation.parser import parse
    >>> from gradwright.render.plain import plain_text
    >>> plain_text(with_rows(parse("d*x'"), {"d"}))
    "d'*x'"
    """
    match tree:
        case Symbol(name):
            return Transpose(tree) if name in rows else tree
        case Transpose(Symbol(name) as inner) if name in rows:
            return inner
    return with_children(tree, tuple(with_rows(part, rows) for part in children(tree)))


def as_row(tree: Tree, rows: Collection[str], is_scalar: IsScalar) -> Tree:
    """The transpose of a column, with the names `rows` as rows.

    The transpose of a product is that of its factors in reverse, and of an elementwise
    combination that of its parts.

    >>> from gradwright.notation.parser import parse
    >>> from gradwright.render.plain import plain_text
    >>> plain_text(as_row(parse("(W'*d) .* phi(z)"), {"d"}, lambda part: False))
    "(d*W).*phi(z)'"
    """

    def turned(part: Tree) -> Tree:
        return as_row(part, rows, is_scalar)

    match tree:
        case Symbol(name):
            return tree if name in rows or is_scalar(tree) else Transpose(tree)
        case Number():
            return tree
        case Negate(operand):
            return Negate(turned(operand))
        case Transpose(operand):
            return with_rows(operand, rows)
        case Binary("+" | "-" | ".*" | "./" as operator, left, right):
            return Binary(operator, turned(left), turned(right))
        case Binary("/" | ".^" as operator, left, right):
            return Binary(operator, turned(left), with_rows(right, rows))
        case Binary("*", left, right):
            if is_scalar(left) or is_scalar(right):
                return Binary("*", turned(left), turned(right))
            # An inner product is turned too, so that it is a row times a column.
            return matrix_product([turned(right), turned(left)])
        case Call("diag" | "eye"):
            return with_rows(tree, rows)
    if is_scalar(tree):
        return with_rows(tree, rows)
    return Transpose(with_rows(tree, rows))


def matrix_product(parts: Sequence[Tree]) -> Tree:
    """The product of some trees, written without parentheses."""
    factors: list[Tree] = []
    for part in parts:
        place = len(factors)
        while isinstance(part, Binary) and part.operator == "*":
            factors.insert(place, part.right)
            part = part.left
        factors.insert(place, part)
    made = factors[0]
    for factor in factors[1:]:
        made = Binary("*", made, factor)
    return made
