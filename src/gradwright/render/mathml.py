"""Presentation MathML, from the layout tree that the other printers share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from gradwright.notation.declarations import GREEK_NAMES
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.lexer import layer_index
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import Index, Left, Tree
from gradwright.ops.abstract import map_parts, unprimed
from gradwright.render.latex_characters import GREEK
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
    bare,
    decimal,
    expand,
    layout,
    leading,
    separated,
)

MARKS = {"T": "<mo>⊤</mo>", "-1": "<mn>−1</mn>", "-T": "<mrow><mo>−</mo><mo>⊤</mo></mrow>"}
OPERATORS = {"+": "+", "-": "−", ".*": "⊙", "./": "⊘", "kron": "⊗"}
#: Arrays of one number, which stands for them.
FILLED = {"ones": "1", "zeros": "0"}
HEADS = {"sigmoid": "<mi>σ</mi>"}


def _fence(sign: str, form: str) -> str:
    """A bracket without the space that an operator keeps from its neighbours."""
    return f'<mo form="{form}" fence="true" lspace="0" rspace="0">{sign}</mo>'


OPEN, CLOSE = _fence("(", "prefix"), _fence(")", "postfix")

#: A product is written by a narrow space.
SPACE = '<mspace width="0.17em"/>'

_LETTERS = {command[1:]: letter for letter, command in GREEK.items()}


def mathml(tree: Tree, display: bool = False) -> str:
    """A tree as a `math` element.

    >>> from gradwright.notation.parser import parse
    >>> print(mathml(parse("A'")))
    <math><msup><mi>A</mi><mo>⊤</mo></msup></math>
    """
    return math_element(mathml_row(tree), display)


def math_element(content: str, display: bool = False) -> str:
    """Content in a `math` element, on a line of its own with `display`."""
    block = ' display="block"' if display else ""
    return f"<math{block}>{content}</math>"


def mathml_row(tree: Tree) -> str:
    """A tree as MathML to stand inside a `math` element."""
    return expand(layout(tree), mathml_pieces)


def mathml_pieces(node: Layout) -> Sequence[str | Layout]:
    """One node of a layout for MathML: texts, and the layouts between them."""
    match node:
        case Name(text):
            return (mathml_name(text),)
        case Literal(value):
            return (f"<mn>{escape(decimal(value))}</mn>",)
        case Infix("/", left, right):
            return "<mfrac>", bare(left), bare(right), "</mfrac>"
        case Infix("^", base, exponent):
            return "<msup>", base, bare(exponent), "</msup>"
        case Infix(".^", base, exponent):
            return "<msup>", base, "<mrow><mo>⊙</mo>", bare(exponent), "</mrow></msup>"
        case Infix("*", left, right):
            return "<mrow>", _factor(left), _between(left, right), _factor(right), "</mrow>"
        case Infix(operator, left, right):
            sign = f"<mo>{OPERATORS[operator]}</mo>"
            return "<mrow>", _factor(left), sign, _factor(right), "</mrow>"
        case Minus(operand):
            return '<mrow><mo form="prefix">−</mo>', _factor(operand), "</mrow>"
        case Superscript(Name(text), mark) if layer_index(text):
            return (_raised(text, MARKS[mark]),)
        case Superscript(operand, mark):
            return "<msup>", operand, MARKS[mark], "</msup>"
        case Fenced(inner):
            return f"<mrow>{OPEN}", inner, f"{CLOSE}</mrow>"
        case Applied():
            return _applied(node)
        case Indexed(base, indices):
            return "<msub>", base, f"{_index_row(indices)}</msub>"
        case Summed(indices, body):
            sign = f"<munder><mo>∑</mo>{_index_row(indices)}</munder>"
            return f"<mrow>{sign}", body, "</mrow>"
        case Arrayed(indices, body):
            sign = f"<msub><mi>array</mi>{_index_row(indices)}</msub>"
            return f"<mrow>{sign}<mo>(</mo>", body, "<mo>)</mo></mrow>"
        case Blocked():
            inside = node.pieces("</mtd><mtd>", "</mtd></mtr><mtr><mtd>")
            table = "<mtable><mtr><mtd>", *inside, "</mtd></mtr></mtable>"
            return f"<mrow>{_fence('[', 'prefix')}", *table, f"{_fence(']', 'postfix')}</mrow>"
        case Equals(left, right):
            return f"<mrow>{mathml_left(left)}<mo>=</mo>", right, "</mrow>"
    raise AssertionError(type(node))


def _index_row(indices: Sequence[Index | Range | Place]) -> str:
    shown = [mathml_name(i) if isinstance(i, str) else f"<mn>{i}</mn>" for i in indices]
    return f"<mrow>{'<mo>,</mo>'.join(shown)}</mrow>"


def mathml_left(left: Left) -> str:
    """The left side of an equation."""
    above, *below = [
        f"<msub>{mathml_name(name)}{_index_row(indices)}</msub>" if indices else mathml_name(name)
        for name, indices in left.names
    ]
    if not below:
        return above
    sign = "<mo>∂</mo>"
    raised = f"<msup>{sign}<mn>{len(below)}</mn></msup>"
    under = "".join(sign + name for name in below)
    if len(below) == 2 and below[0] == below[1]:
        under = f"{sign}<msup>{below[0]}<mn>2</mn></msup>"
    over = f"{raised if len(below) > 1 else sign}{above}"
    return f"<mfrac><mrow>{over}</mrow><mrow>{under}</mrow></mfrac>"


def _factor(node: Layout) -> Layout:
    """A fraction says itself where it ends."""
    is_fraction = (
        isinstance(node, Fenced) and isinstance(node.inner, Infix) and node.inner.operator == "/"
    )
    return bare(node) if is_fraction else node


def _between(left: Layout, right: Layout) -> str:
    """A space multiplies, except where it would read as one number or as an argument."""
    last = left.right if isinstance(left, Infix) and left.operator == "*" else left
    first = leading(_factor(right))
    applied = isinstance(last, Name) and isinstance(first, Fenced) and last.text == "σ"
    number = isinstance(first, Literal) or _is_filled(first)
    return "<mo>·</mo>" if applied or (number and _ends_in_number(last)) else SPACE


def _ends_in_number(node: Layout) -> bool:
    return isinstance(node, Literal) or _is_filled(node)


def _is_filled(node: Layout) -> bool:
    return isinstance(node, Applied) and node.function in FILLED


def _applied(node: Applied) -> Sequence[str | Layout]:
    first, *others = node.arguments
    match node.function:
        case "norm2":
            return f"<mrow>{_fence('‖', 'prefix')}", first, f"{_fence('‖', 'postfix')}</mrow>"
        case "norm1":
            end = f"{_fence('‖', 'postfix')}</mrow><mn>1</mn></msub>"
            return f"<msub><mrow>{_fence('‖', 'prefix')}", first, end
        case "abs":
            return f"<mrow>{_fence('|', 'prefix')}", first, f"{_fence('|', 'postfix')}</mrow>"
        case "sqrt":
            return "<msqrt>", first, "</msqrt>"
        case "eye" | "commutation" | "ones" | "zeros":
            letter = "I" if node.function == "eye" else "K"
            filled = FILLED.get(node.function)
            head = f"<mi>{letter}</mi>" if filled is None else f"<mn>{filled}</mn>"
            sign = "<mo>,</mo>" if node.function == "commutation" else "<mo>×</mo>"
            sizes = [piece for size in others for piece in (sign, size)]
            return f"<msub>{head}<mrow>", first, *sizes, "</mrow></msub>"
        case "step" if not others and not node.options:
            end = f"<mo>&gt;</mo><mn>0</mn>{_fence('⟧', 'postfix')}</mrow>"
            return f"<mrow>{_fence('⟦', 'prefix')}", first, end
    given = [f"<mi>{escape(key)}</mi><mo>=</mo><mn>{decimal(v)}</mn>" for key, v in node.options]
    inside = ["<mo>,</mo>" if part == ", " else part for part in separated(node.arguments, given)]
    head = _head(node.function, len(node.arguments))
    return f"<mrow>{head}<mo>&#x2061;</mo>{OPEN}", *inside, f"{CLOSE}</mrow>"


def _head(name: str, count: int) -> str:
    """The name of a function before its arguments."""
    if name in HEADS:
        return HEADS[name]
    if name in FUNCTIONS:
        return f"<mi>{escape(name)}</mi>"
    base, primes = unprimed(name)
    by: tuple[int, ...] = ()
    if not primes:
        base, by = map_parts(name, count)
    letter = _LETTERS.get({"phi": "varphi", "epsilon": "varepsilon"}.get(base, base), base)
    shown = f"<mi>{letter}</mi>" if base in GREEK_NAMES else mathml_name(base)
    if primes:
        return f"<msup>{shown}<mo>{'′' * primes}</mo></msup>"
    if not by:
        return shown
    places = "" if count == 1 else f"<mo>,</mo><mn>{''.join(map(str, by))}</mn>"
    return f"<msub><mi>{name[0]}</mi><mrow>{shown}{places}</mrow></msub>"


def mathml_name(name: str) -> str:
    """A symbol: trailing digits and bracketed indices are subscripts, δZ is δ with subscript Z."""
    if len(name) > 1 and name[0] in GREEK and name[1].isalpha():
        return f"<msub><mi>{name[0]}</mi>{mathml_name(name[1:])}</msub>"
    if name.startswith("∂"):
        top, _, bottom = name.partition("/")
        return derivative(mathml_name(top[1:]), mathml_name(bottom[1:]))
    if layer_index(name):
        return _raised(name)
    indexed = re.fullmatch(r"(.+)\[(.+)\]", name)
    if indexed:
        return f"<msub><mi>{escape(indexed[1])}</mi>{_index(indexed[2])}</msub>"
    split = re.fullmatch(r"(.*?[^\W\d_])([0-9]+)", name)
    if split:
        return f"<msub><mi>{escape(split[1])}</mi><mn>{split[2]}</mn></msub>"
    return f"<mi>{escape(name)}</mi>"


def derivative(top: str, of: str) -> str:
    """∂top/∂of as a fraction, the two as MathML."""
    inside = f"<mfrac><mrow><mi>∂</mi>{top}</mrow><mrow><mi>∂</mi>{of}</mrow></mfrac>"
    return f'<mstyle displaystyle="true">{inside}</mstyle>'


def quotient(top: str, below: Sequence[tuple[str, int]]) -> str:
    """∂³top/∂x²∂A: a derivative by variables, each with its power; `top` and they are MathML."""
    order = sum(power for _, power in below)
    above = top if order == 1 else f"<msup><mi></mi><mn>{order}</mn></msup>{top}"
    raised = [f"<msup>{x}<mn>{power}</mn></msup>" if power > 1 else x for x, power in below]
    return derivative(above, "<mi>∂</mi>".join(raised))


def _raised(name: str, behind: str = "") -> str:
    """A name with the index of a layer, and a mark behind that index."""
    found = layer_index(name)
    assert found is not None
    index = f"{_fence('(', 'prefix')}{_index(found[1])}{_fence(')', 'postfix')}{behind}"
    return f"<msup>{mathml_name(found[0])}<mrow>{index}</mrow></msup>"


def _index(text: str) -> str:
    parts = re.findall(r"[0-9]+|[^\W\d]+|.", text)
    tags = ["mn" if p.isdigit() else "mi" if p.isalpha() else "mo" for p in parts]
    inner = (f"<{t}>{escape(p.replace('-', '−'))}</{t}>" for t, p in zip(tags, parts, strict=True))
    return f"<mrow>{''.join(inner)}</mrow>"
