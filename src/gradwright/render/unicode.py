"""Unicode text: `(A + Aᵀ) x`. The parser accepts what is printed here."""

from __future__ import annotations

import re

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

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789+-()l", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₗ")
MARKS = {"T": "ᵀ", "-1": "⁻¹", "-T": "⁻ᵀ"}
OPERATORS = {"+": " + ", "-": " − ", "/": "/", ".*": " ⊙ ", "./": " ⊘ ", "kron": " ⊗ "}
FUNCTIONS = {"sigmoid": "σ"}


def unicode_text(tree: Tree) -> str:
    """A tree for a terminal.

    >>> from gradwright.notation.parser import parse
    >>> unicode_text(parse("(A + A')*x"))
    '(A + Aᵀ) x'
    """
    return fold(layout(tree), _unicode)


def _unicode(node: Layout, parts: list[str]) -> str:
    match node:
        case Name(text):
            return unicode_name(text)
        case Literal(value):
            return decimal(value)
        case Infix("^" | ".^" as operator, _, exponent):
            return _power(operator, parts[0], exponent, parts[1])
        case Infix("*", _, _):
            return f"{parts[0]}{_juxtaposed(parts[0], parts[1])}{parts[1]}"
        case Infix(operator, _, _):
            return f"{parts[0]}{OPERATORS[operator]}{parts[1]}"
        case Minus():
            return f"-{parts[0]}"
        case Superscript(_, mark):
            return f"{parts[0]}{MARKS[mark]}"
        case Fenced():
            return f"({parts[0]})"
        case Applied("norm2", _, _):
            return f"‖{parts[0]}‖"
        case Applied("norm1", _, _):
            return f"‖{parts[0]}‖₁"
        case Applied(function, _, options):
            given = [*parts, *(f"{name}={decimal(value)}" for name, value in options)]
            return f"{FUNCTIONS.get(function, function)}({', '.join(given)})"
    raise AssertionError(type(node))


def _power(operator: str, base: str, exponent: Layout, text: str) -> str:
    """Positive integer exponents are superscripts; A⁻¹ is kept for the inverse."""
    if isinstance(exponent, Literal) and exponent.value.denominator == 1:
        raised = str(exponent.value.numerator).translate(SUPERSCRIPTS)
        # A superscript behind a superscript would run into it.
        if base[-1] not in "ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹":
            return f"{base}{raised}" if operator == "^" else f"{base}⊙{raised}"
    return f"{base}{operator}{text}"


def _juxtaposed(left: str, right: str) -> str:
    """A space multiplies, except where it would read as one number or as a closing norm."""
    if right[0] in "‖0123456789.":
        return " · "
    return " "


def unicode_name(name: str) -> str:
    """A name with its trailing digits, or its bracketed index, as a subscript."""
    indexed = re.fullmatch(r"(.+)\[(.+)\]", name)
    if indexed:
        index = indexed[2]
        shown = index if index.isalnum() else f"({index})"
        return indexed[1] + shown.translate(SUBSCRIPTS)
    split = re.fullmatch(r"(.*?[^\W\d_])([0-9]+)", name)
    return split[1] + split[2].translate(SUBSCRIPTS) if split else name
