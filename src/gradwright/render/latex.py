"""LaTeX mathematics; documents need amsmath, amssymb and stmaryrd.

Names and text in letters that are neither Latin nor Greek need XeLaTeX or LuaLaTeX.
"""

from __future__ import annotations

import re

from gradwright.notation.tree import Tree
from gradwright.render.latex_characters import GREEK, TEXT
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

MARKS = {"T": r"\top", "-1": "-1", "-T": r"-\top"}
OPERATORS = {
    "+": " + ",
    "-": " - ",
    ".*": r" \odot ",
    "./": r" \oslash ",
    "kron": r" \otimes ",
}
NAMED = {
    "exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "det", "max", "min",
}  # fmt: skip


def latex(tree: Tree) -> str:
    r"""A tree as LaTeX mathematics.

    >>> from gradwright.notation.parser import parse
    >>> print(latex(parse("(A + A')*x")))
    \left(A + A^{\top}\right) x
    """
    return fold(layout(tree), _latex)


def escape(text: str) -> str:
    r"""Running text for LaTeX.

    >>> print(escape("4 -> 3, δZ₁"))
    4 $\to$ 3, $\delta$Z$_{1}$
    """
    return "".join(TEXT.get(character, character) for character in text.replace("->", "→"))


def _latex(node: Layout, parts: list[str]) -> str:
    match node:
        case Name(text):
            return latex_name(text)
        case Literal(value):
            if value.denominator == 1 or "/" not in decimal(value):
                return decimal(value)
            return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
        case Infix("/", left, right):
            top, bottom = (_unfenced(n, p) for n, p in ((left, parts[0]), (right, parts[1])))
            return rf"\frac{{{top}}}{{{bottom}}}"
        case Infix("^" | ".^" as operator, base, exponent):
            body = parts[0] if not isinstance(base, Superscript) else _fenced(parts[0])
            raised = _unfenced(exponent, parts[1])
            return f"{body}^{{{raised}}}" if operator == "^" else rf"{body}^{{\odot {raised}}}"
        case Infix("*", _, _):
            return f"{parts[0]}{_juxtaposed(parts[0], parts[1])}{parts[1]}"
        case Infix(operator, _, _):
            return f"{parts[0]}{OPERATORS[operator]}{parts[1]}"
        case Minus():
            return f"-{parts[0]}"
        case Superscript(operand, mark):
            twice = isinstance(operand, Superscript) or (
                isinstance(operand, Infix) and operand.operator in ("^", ".^")
            )
            body = _fenced(parts[0]) if twice else parts[0]
            return f"{body}^{{{MARKS[mark]}}}"
        case Fenced():
            return _fenced(parts[0])
        case Applied():
            return _applied(node, parts)
    raise AssertionError(type(node))


def _juxtaposed(left: str, right: str) -> str:
    """A space multiplies, except where it would read as one number or as a function's argument."""
    applied = left.endswith(r"\sigma") and right.startswith(r"\left(")
    return r" \cdot " if applied or right[0].isdigit() else " "


def _applied(node: Applied, parts: list[str]) -> str:
    function = node.function
    match function:
        case "norm2":
            return rf"\left\lVert {parts[0]} \right\rVert"
        case "norm1":
            return rf"\left\lVert {parts[0]} \right\rVert_{{1}}"
        case "abs":
            return rf"\left\lvert {parts[0]} \right\rvert"
        case "sqrt":
            return rf"\sqrt{{{parts[0]}}}"
        case "eye":
            return rf"\mathbf{{I}}_{{{parts[0]}}}"
        case "ones" if len(parts) == 1:
            return rf"\mathbf{{1}}_{{{parts[0]}}}"
        case "ones":
            return rf"\mathbf{{1}}_{{{parts[0]} \times {parts[1]}}}"
        case "step" if len(parts) == 1 and not node.options:
            return rf"\llbracket {parts[0]} > 0 \rrbracket"
        case "sigmoid":
            return rf"\sigma{_fenced(parts[0])}"
    name = rf"\{function}" if function in NAMED else rf"\operatorname{{{escape(function)}}}"
    given = [*parts, *(rf"\mathit{{{escape(k)}}}={decimal(v)}" for k, v in node.options)]
    return name + _fenced(", ".join(given))


def _fenced(text: str) -> str:
    return rf"\left({text}\right)"


def _unfenced(node: Layout, text: str) -> str:
    """A numerator, denominator or exponent needs no parentheses of its own."""
    if isinstance(node, Fenced):
        return text.removeprefix(r"\left(").removesuffix(r"\right)")
    return text


def latex_name(name: str) -> str:
    """A symbol: trailing digits and bracketed indices are subscripts, δZ is δ with subscript Z."""
    if len(name) > 1 and name[0] in GREEK and name[1].isalpha():
        return f"{GREEK[name[0]]}_{{{latex_name(name[1:])}}}"
    indexed = re.fullmatch(r"(.+)\[(.+)\]", name)
    if indexed:
        return f"{_stem(indexed[1])}_{{{indexed[2]}}}"
    split = re.fullmatch(r"(.*?[^\W\d_])([0-9]+)", name)
    return f"{_stem(split[1])}_{{{split[2]}}}" if split else _stem(name)


def _stem(name: str) -> str:
    if name in GREEK:
        return GREEK[name]
    if len(name) == 1 and name.isascii() and name != "_":
        return name
    if all(character.isascii() or character in GREEK for character in name):
        letters = (f"{{{GREEK[c]}}}" if c in GREEK else c for c in name.replace("_", r"\_"))
        return rf"\mathit{{{''.join(letters)}}}"
    # Fonts for mathematics lack the letters of other scripts.
    return rf"\textit{{{escape(name)}}}"
