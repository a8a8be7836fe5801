"""LaTeX mathematics; documents need amsmath, amssymb and stmaryrd.

Names and text in letters that are neither Latin nor Greek need XeLaTeX or LuaLaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from gradwright.notation.declarations import GREEK_NAMES
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.lexer import layer_index
from gradwright.notation.ranges import Place, Range
from gradwright.notation.rearranging import MOVING
from gradwright.notation.selecting import BY_INDICES
from gradwright.notation.tree import Index, Left, Tree
from gradwright.ops.abstract import map_parts, unprimed
from gradwright.render.latex_characters import ACCENTED, GREEK, TEXT
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
    leading,
    separated,
)

MARKS = {"T": r"\top", "-1": "-1", "-T": r"-\top"}
OPERATORS = {
    "+": " + ",
    "-": " - ",
    ".*": r" \odot ",
    "./": r" \oslash ",
    "kron": r" \otimes ",
}
#: Greek names whose usual letter has another command, or none of its own.
GREEK_COMMANDS = {"phi": "varphi", "epsilon": "varepsilon", "omicron": "mathrm{o}"}
HEADS = {"sigmoid": r"\sigma"}
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
    return expand(layout(tree), latex_pieces)


def escape(text: str) -> str:
    r"""Running text for LaTeX.

    >>> print(escape("4 -> 3, δZ₁"))
    4 $\to$ 3, $\delta$Z$_{1}$
    """
    return "".join(TEXT.get(character, character) for character in text.replace("->", "→"))


def latex_pieces(node: Layout) -> Sequence[str | Layout]:
    """One node of a layout for LaTeX: texts, and the layouts between them."""
    match node:
        case Name(text):
            return (latex_name(text),)
        case Literal(value):
            return (_number(value),)
        case Infix("/", Literal(top), Literal(bottom)):
            return (rf"\tfrac{{{decimal(top)}}}{{{decimal(bottom)}}}",)
        case Infix("/", left, right):
            return r"\frac{", bare(left), "}{", bare(right), "}"
        case Infix("^", base, exponent):
            return *_base(base), "^{", bare(exponent), "}"
        case Infix(".^", base, exponent):
            return *_base(base), r"^{\odot ", bare(exponent), "}"
        case Infix("*", left, right):
            return _factor(left), _juxtaposed(left, right), _factor(right)
        case Infix(operator, left, right):
            return _factor(left), OPERATORS[operator], _factor(right)
        case Minus(operand):
            return "-", _factor(operand)
        case Superscript(Name(text), mark) if layer_index(text):
            return (latex_name(text).removesuffix("}") + rf" {MARKS[mark]}}}",)
        case Superscript(operand, mark):
            return operand, f"^{{{MARKS[mark]}}}"
        case Fenced(inner):
            return r"\left(", inner, r"\right)"
        case Applied():
            return _applied(node)
        case Indexed(base, indices):
            # x₁ is a name, and the first entry of x looks alike.
            numbered = len(indices) == 1 and isinstance(indices[0], int)
            before, after = ("{", "}") if numbered or _has_index(base) else ("", "")
            return before, base, f"{after}_{{{_index_list(indices)}}}"
        case Summed(indices, body):
            return rf"\sum_{{{_index_list(indices)}}} ", body
        case Arrayed(indices, body):
            sign = rf"\operatorname{{array}}_{{{_index_list(indices)}}}\left("
            return sign, body, r"\right)"
        case Blocked():
            inside = node.pieces(" & ", r" \\ ")
            return r"\begin{bmatrix} ", *inside, r" \end{bmatrix}"
        case Equals(left, right):
            return f"{latex_left(left)} = ", right
    raise AssertionError(type(node))


def _has_index(base: Layout) -> bool:
    """Whether a layout ends in a subscript of its own, or would read as a name with one."""
    if isinstance(base, Indexed):
        return True
    if isinstance(base, Applied):
        return base.function in CONSTANTS
    if not isinstance(base, Name) or base is DELTA:
        return False
    return base.text in GREEK or "_" in latex_name(base.text)


def _index_list(indices: Sequence[Index | Range | Place]) -> str:
    return ",".join(str(i) if isinstance(i, Range | Place) else latex_index(i) for i in indices)


def latex_index(index: Index) -> str:
    r"""An index as LaTeX; names of several letters are set as one word, i12 as i with subscript.

    >>> print(latex_index("i1"), latex_index(2))
    i_{1} 2
    """
    return str(index) if isinstance(index, int) else latex_name(index)


def latex_left(left: Left) -> str:
    r"""The left side of an equation.

    >>> print(latex_left(Left((("f", ()), ("x", ("i",))))))
    \frac{\partial f}{\partial x_{i}}
    """
    above, *below = [
        _latex_text(Indexed(Name(name), indices) if indices else Name(name))
        for name, indices in left.names
    ]
    if not below:
        return above
    order = f"^{{{len(below)}}}" if len(below) > 1 else ""
    under = " ".join(rf"\partial {name}" for name in below)
    if len(below) == 2 and below[0] == below[1]:
        under = rf"\partial {below[0]}^{{2}}"
    return rf"\frac{{\partial{order} {above}}}{{{under}}}"


def _latex_text(node: Layout) -> str:
    return expand(node, latex_pieces)


def _base(node: Layout) -> Sequence[str | Layout]:
    """TeX allows one superscript, and the index of a layer is one."""
    raised = isinstance(node, Name) and layer_index(node.text)
    return ("{", node, "}") if raised else (node,)


def _number(value: Fraction) -> str:
    shown = decimal(value)
    mantissa, _, exponent = shown.partition("e")
    if exponent:
        times = "" if mantissa == "1" else rf"{mantissa} \cdot "
        return rf"\left({times}10^{{{exponent}}}\right)"
    if "/" in shown:
        return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
    return shown


def _factor(node: Layout) -> Layout:
    """A fraction says itself where it ends; parentheses around it are for text on one line."""
    is_fraction = isinstance(node, Fenced) and (
        isinstance(node.inner, Literal)
        or (isinstance(node.inner, Infix) and node.inner.operator == "/")
    )
    return bare(node) if is_fraction else node


def _juxtaposed(left: Layout, right: Layout) -> str:
    """A space multiplies, except where it would read as one number or as a function's argument."""
    last = left.right if isinstance(left, Infix) and left.operator == "*" else left
    first = leading(_factor(right))
    applied = isinstance(last, Name) and last.text == "σ" and isinstance(first, Fenced)
    return r" \cdot " if applied or isinstance(first, Literal) else " "


def _applied(node: Applied) -> Sequence[str | Layout]:
    first, *others = node.arguments
    # A size that is made of others would not be told from several sizes in a subscript.
    plain = all(isinstance(size, Name | Literal) for size in node.arguments)
    match node.function:
        case "norm2":
            return r"\left\lVert ", first, r" \right\rVert"
        case "norm1":
            return r"\left\lVert ", first, r" \right\rVert_{1}"
        case "abs":
            return r"\left\lvert ", first, r" \right\rvert"
        case "sqrt":
            return r"\sqrt{", first, "}"
        case "eye" if plain:
            return r"\mathbf{I}_{", first, "}"
        case "commutation" if plain:
            return r"\mathbf{K}_{", first, ", ", *others, "}"
        case "ones" | "zeros" if plain:
            sizes = [piece for size in others for piece in (r" \times ", size)]
            return rf"\mathbf{{{1 if node.function == 'ones' else 0}}}_{{", first, *sizes, "}"
        case "step" if not others and not node.options:
            return r"\llbracket ", first, r" > 0 \rrbracket"
    shown = _head(node.function, len(node.arguments))
    given = [rf"\mathit{{{escape(key)}}}={decimal(value)}" for key, value in node.options]
    return shown, r"\left(", *separated(node.arguments, given), r"\right)"


def _head(name: str, count: int) -> str:
    """The name of a function before its arguments."""
    if name in HEADS:
        return HEADS[name]
    if name in NAMED:
        return rf"\{name}"
    if name in FUNCTIONS or name in BY_INDICES or name in MOVING:
        return rf"\operatorname{{{escape(name)}}}"
    base, primes = unprimed(name)
    by: tuple[int, ...] = ()
    if not primes:
        base, by = map_parts(name, count)
    shown = rf"\{GREEK_COMMANDS.get(base, base)}" if base in GREEK_NAMES else latex_name(base)
    if not by:
        return shown + "'" * primes
    places = "" if count == 1 else "," + "".join(map(str, by))
    return f"{name[0]}_{{{shown}{places}}}"


def latex_name(name: str) -> str:
    """A symbol: trailing digits and bracketed indices are subscripts, δZ is δ with subscript Z.

    A raised index in parentheses stays raised. A name such as ∂z/∂x is a derivative.
    """
    if len(name) > 1 and name[0] in GREEK and name[1].isalpha():
        return f"{GREEK[name[0]]}_{{{latex_name(name[1:])}}}"
    if name.startswith("∂"):
        top, _, bottom = name.partition("/")
        return rf"\frac{{\partial {latex_name(top[1:])}}}{{\partial {latex_name(bottom[1:])}}}"
    raised = layer_index(name)
    if raised:
        return f"{latex_name(raised[0])}^{{({raised[1]})}}"
    indexed = re.fullmatch(r"(.+)\[(.+)\]", name)
    if indexed:
        return f"{_stem(indexed[1])}_{{{indexed[2]}}}"
    split = re.fullmatch(r"(.*?[^\W\d_])([0-9]+)", name)
    return f"{_stem(split[1])}_{{{split[2]}}}" if split else _stem(name)


def _stem(name: str) -> str:
    if name in GREEK:
        return GREEK[name]
    if name in ACCENTED:
        return ACCENTED[name]
    if len(name) == 1 and name.isascii() and name != "_":
        return name
    if all(character.isascii() or character in GREEK for character in name):
        letters = (f"{{{GREEK[c]}}}" if c in GREEK else c for c in name.replace("_", r"\_"))
        return rf"\mathit{{{''.join(letters)}}}"
    # Fonts for mathematics lack the letters of other scripts.
    return rf"\textit{{{escape(name)}}}"
