"""The surface tree: what the user wrote, as plain frozen values, equal by structure.

Spans say where in the text a node came from and take no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.errors import Span

#: Binary operators of the notation. `*` is the matrix (or scalar) product, `^` the power of a
#: scalar or square matrix; the dotted ones act elementwise.
OPERATORS = ("+", "-", "*", "/", ".*", "./", ".^", "^")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name: a variable, or a size used as a number (`n`)."""

    name: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """An exact decimal or integer literal, never negative."""

    value: Fraction
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus."""

    operand: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Transpose:
    """`operand'`."""

    operand: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`, with an operator of `OPERATORS`."""

    operator: str
    left: Tree
    right: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments, option=number, ...)`; `ones`, `eye` take sizes as arguments."""

    function: str
    arguments: tuple[Tree, ...]
    options: tuple[tuple[str, Fraction], ...] = ()
    span: Span | None = field(default=None, compare=False)


Tree = Symbol | Number | Negate | Transpose | Binary | Call


def children(tree: Tree) -> tuple[Tree, ...]:
    """The direct sub-expressions, left to right."""
    match tree:
        case Negate(operand) | Transpose(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments, _):
            return arguments
        case _:
            return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node, parents before children, without recursion."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def with_children(tree: Tree, new: tuple[Tree, ...]) -> Tree:
    """The same node over other children."""
    match tree:
        case Negate(_, span):
            return Negate(new[0], span)
        case Transpose(_, span):
            return Transpose(new[0], span)
        case Binary(operator, _, _, span):
            return Binary(operator, new[0], new[1], span)
        case Call(function, _, options, span):
            return Call(function, new, options, span)
        case _:
            return tree
