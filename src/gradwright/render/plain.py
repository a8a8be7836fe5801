"""The input grammar: what can be typed, and what is parsed again to verify a result."""

from __future__ import annotations

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
    decimal,
    fold,
    layout,
)


def plain_text(tree: Tree) -> str:
    """A tree as it is typed.

    >>> from gradwright.notation.parser import parse
    >>> plain_text(parse("(A + A')*x"))
    "(A + A')*x"
    """
    return fold(layout(tree), _plain)


def _plain(node: Layout, parts: list[str]) -> str:
    match node:
        case Name(text):
            return text
        case Literal(value):
            return decimal(value)
        case Infix("kron", _, _):
            return f"kron({_bare(parts[0])}, {_bare(parts[1])})"
        case Infix(operator, _, _):
            space = " " if operator in ("+", "-") else ""
            return f"{parts[0]}{space}{operator}{space}{parts[1]}"
        case Minus():
            return f"-{parts[0]}"
        case Superscript(_, mark):
            if mark == "T":
                return f"{parts[0]}'"
            inverse = f"inv({_bare(parts[0])})"
            return inverse if mark == "-1" else f"{inverse}'"
        case Fenced(Infix("kron", _, _)):
            return parts[0]
        case Fenced():
            return f"({parts[0]})"
        case Applied(function, _, options):
            given = [*parts, *(f"{name}={decimal(value)}" for name, value in options)]
            return f"{function}({', '.join(given)})"
    raise AssertionError(type(node))


def _bare(text: str) -> str:
    """An argument without the parentheses that it had as an operand."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]
