"""The input grammar: what can be typed, and what is parsed again to verify a result."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.notation.tree import Tree
from gradwright.render.layout import (
    Applied,
    Fenced,
    Infix,
    Layout,
    Literal,
    Minus,
    Name,
    Superscript,
    bare,
    decimal,
    expand,
    layout,
    separated,
)


def plain_text(tree: Tree) -> str:
    """A tree as it is typed.

    >>> from gradwright.notation.parser import parse
    >>> plain_text(parse("(A + A')*x"))
    "(A + A')*x"
    """
    return expand(layout(tree), _plain)


def _plain(node: Layout) -> Sequence[str | Layout]:
    match node:
        case Name(text):
            return (text,)
        case Literal(value):
            return (decimal(value),)
        case Infix("kron", left, right):
            return "kron(", bare(left), ", ", bare(right), ")"
        case Infix(operator, left, right):
            return left, f" {operator} " if operator in ("+", "-") else operator, right
        case Minus(operand):
            return "-", operand
        case Superscript(operand, "T"):
            return operand, "'"
        case Superscript(operand, mark):
            return "inv(", bare(operand), ")" if mark == "-1" else ")'"
        case Fenced(Infix("kron", _, _) | Superscript(_, "-1") as call):
            return (call,)
        case Fenced(inner):
            return "(", inner, ")"
        case Applied(function, arguments, options):
            given = [f"{name}={decimal(value)}" for name, value in options]
            return f"{function}(", *separated(arguments, given), ")"
    raise AssertionError(type(node))
