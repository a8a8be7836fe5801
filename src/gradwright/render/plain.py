"""The input grammar: what can be typed, and what is parsed again to verify a result."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.notation.tree import Tree
from gradwright.render.layout import (
    DELTA,
    Applied,
    Arrayed,
    Blocked,
    Equals,
    Fenced,
    Indexed,
    Infix,
    Layout,
    Literal,
    Minus,
    Name,
    Summed,
    Superscript,
    bare,
    decimal,
    expand,
    layout,
    separated,
)
from gradwright.render.unicode import index_list, left_text


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
        case Fenced(Infix("kron", _, _) | Superscript(_, "-1") | Summed() as call):
            return (call,)
        case Fenced(inner):
            return "(", inner, ")"
        case Applied(function, arguments, options):
            given = [f"{name}={decimal(value)}" for name, value in options]
            return f"{function}(", *separated(arguments, given), ")"
        case Indexed(base, indices):
            return "delta" if base is DELTA else base, index_list(indices)
        case Summed(indices, body):
            return f"sum{index_list(indices)}(", bare(body), ")"
        case Arrayed(indices, body):
            return f"array{index_list(indices)}(", body, ")"
        case Blocked():
            return "[", *node.pieces(", ", "; "), "]"
        case Equals(left, right):
            return f"{left_text(left)} = ", right
    raise AssertionError(type(node))
