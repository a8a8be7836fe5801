"""Unicode text: `(A + Aᵀ) x`. The parser accepts what is printed here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gradwright.notation.lexer import LOWERED
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import Index, Left, Tree
from gradwright.render.layout import (
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
    decimal,
    expand,
    integer_exponent,
    layout,
    leading,
    separated,
)

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans({plain: lowered for lowered, plain in LOWERED.items()})
MARKS = {"T": "ᵀ", "-1": "⁻¹", "-T": "⁻ᵀ"}
OPERATORS = {"+": " + ", "-": " − ", "/": "/", ".*": " ⊙ ", "./": " ⊘ ", "kron": " ⊗ "}
FUNCTIONS = {"sigmoid": "σ"}


def unicode_text(tree: Tree) -> str:
    """A tree for a terminal.

    >>> from gradwright.notation.parser import parse
    >>> unicode_text(parse("(A + A')*x"))
    '(A + Aᵀ) x'
    """
    return expand(layout(tree), unicode_pieces)


def unicode_pieces(node: Layout) -> Sequence[str | Layout]:
    """One node of a layout for a terminal: texts, and the layouts between them."""
    match node:
        case Name(text):
            return (unicode_name(text),)
        case Literal(value):
            return (decimal(value),)
        case Infix("^" | ".^" as operator, base, exponent):
            return _power(operator, base, exponent)
        case Infix("*", left, right):
            return left, _juxtaposed(right), right
        case Infix(operator, left, right):
            return left, OPERATORS[operator], right
        case Minus(operand):
            return "-", operand
        case Superscript(operand, mark):
            return operand, MARKS[mark]
        case Fenced(inner):
            return "(", inner, ")"
        case Applied("norm2", (argument,), _):
            return "‖", argument, "‖"
        case Applied("norm1", (argument,), _):
            return "‖", argument, "‖₁"
        case Applied(function, arguments, options):
            given = [f"{name}={decimal(value)}" for name, value in options]
            return f"{FUNCTIONS.get(function, function)}(", *separated(arguments, given), ")"
        case Indexed(base, indices):
            return base, index_list(indices)
        case Summed(indices, body):
            return f"Σ_{','.join(indices)} ", body
        case Arrayed(indices, body):
            return f"array{index_list(indices)}(", body, ")"
        case Blocked():
            return "[", *node.pieces(", ", "; "), "]"
        case Equals(left, right):
            return f"{left_text(left, unicode_name)} = ", right
    raise AssertionError(type(node))


def _power(operator: str, base: Layout, exponent: Layout) -> Sequence[str | Layout]:
    """Integer exponents are superscripts; A⁻¹ is kept for the inverse."""
    raised = integer_exponent(exponent)
    if raised is None or (operator == "^" and raised == -1):
        return base, operator, exponent
    return base, "" if operator == "^" else "⊙", str(raised).translate(SUPERSCRIPTS)


def _juxtaposed(right: Layout) -> str:
    """A space multiplies, except before numbers, norms and block matrices, which a dot parts."""
    first = leading(right)
    norm = isinstance(first, Applied) and first.function in ("norm1", "norm2")
    return " · " if norm or isinstance(first, Literal | Blocked) else " "


def index_list(indices: Sequence[Index | Range | Place]) -> str:
    """`[i,j]`, or nothing where there is no index."""
    return f"[{','.join(map(str, indices))}]" if indices else ""


def left_text(left: Left, spelled: Callable[[str], str] = str) -> str:
    """The left side of an equation, each name as it is spelled.

    >>> left_text(Left((("f", ("i",)), ("W", ("j", "k")))))
    '∂f[i]/∂W[j,k]'
    """
    above, *below = [spelled(name) + index_list(indices) for name, indices in left.names]
    if len(below) == 2 and below[0] == below[1]:
        return f"∂²{above}/∂{below[0]}²"
    order = superscript(len(below))
    return f"∂{order}{above}/{''.join('∂' + name for name in below)}" if below else above


def superscript(power: int) -> str:
    """A power in small raised digits; nothing for 1."""
    return "" if power == 1 else str(power).translate(SUPERSCRIPTS)


def unicode_name(name: str) -> str:
    """A name with its trailing digits, or its bracketed index, as a subscript.

    A name such as ∂z/∂x is a derivative.
    """
    if name.startswith("∂"):
        top, _, bottom = name.partition("/")
        return f"∂{unicode_name(top[1:])}/∂{unicode_name(bottom[1:])}"
    indexed = re.fullmatch(r"(.+)\[(.+)\]", name)
    if indexed:
        index = indexed[2]
        shown = (index if index.isalnum() else f"({index})").translate(SUBSCRIPTS)
        return indexed[1] + (f"_{shown}" if shown.isalpha() and shown.isascii() else shown)
    split = re.fullmatch(r"(.*?[^\W\d_])([0-9]+)", name)
    return split[1] + split[2].translate(SUBSCRIPTS) if split else name
