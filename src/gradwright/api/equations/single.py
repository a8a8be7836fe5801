"""Formulas of a batch for one sample: rows become columns."""

from __future__ import annotations

from fractions import Fraction

from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    walk,
    with_children,
)

ONE = Number(Fraction(1))
#: Functions of a batch whose value for one sample is that of its column.
_INVARIANT = ("sum", "norm1", "norm2", "tr")


def as_single(formula: Tree, rows: bool, *, column: bool) -> Tree:
    """A formula of a batch for one sample in small letters.

    `rows` says that samples are the rows of a batch. With `column` the value is a sample of the
    batch, and is given as a column; otherwise it has no axis of samples.
    """
    made = rebuilt(formula, lambda node: _single(node, rows))
    return turned(made) if rows and column else plain(made)


def _single(node: Tree, rows: bool) -> Tree:
    """X becomes x' where samples are rows, else x; n becomes 1, ones(n) becomes 1."""
    if isinstance(node, Symbol):
        stem = node.name.removeprefix("δ")
        prefix = node.name[: len(node.name) - len(stem)]
        if stem[0] in "XYZA":
            small = Symbol(prefix + stem[0].lower() + stem[1:])
            return Transpose(small) if rows else small
        return ONE if node.name == "n" else Symbol(node.name)
    if isinstance(node, Call) and node.function == "ones" and node.arguments[0] == ONE:
        return ONE
    if isinstance(node, Binary) and node.operator in ("*", "/"):
        if node.right == ONE:
            return node.left
        if node.operator == "*" and node.left == ONE:
            return node.right
    return node


def turned(tree: Tree) -> Tree:
    """The transpose of a tree, written without transposes as far as that goes."""
    match tree:
        case Number():
            return tree
        case Symbol():
            return Transpose(tree)
        case Transpose(operand):
            return plain(operand)
        case Negate(operand):
            return Negate(turned(operand))
        case Binary("*", left, right):
            return Binary("*", turned(right), turned(left))
        case Binary("/", left, right):
            return Binary("/", turned(left), plain(right))
        case Binary(operator, left, right):
            return Binary(operator, turned(left), turned(right))
        case Call(function, _, _) if function in _INVARIANT:
            return plain(tree)
        case Call(function, (argument,), options) if function not in ("diag", "inv", "vec"):
            return Call(function, (turned(argument),), options)
    return Transpose(plain(tree))


def plain(tree: Tree) -> Tree:
    """A tree with its transposes written as far inside as they go."""
    match tree:
        case Transpose(operand):
            return turned(operand)
        case Call(function, (argument,), options) if function in _INVARIANT:
            inner = min(turned(argument), plain(argument), key=_transposes)
            return Call(function, (inner,), options)
    return with_children(tree, tuple(plain(child) for child in children(tree)))


def _transposes(tree: Tree) -> int:
    return sum(isinstance(part, Transpose) for part in walk(tree))
