"""The layout tree: where the parentheses go, decided once for every printer.

All printers walk the same layout, so a formula that needs parentheses in the input grammar has
them in Unicode and LaTeX too. Layouts are built and walked without recursion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

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
)

SUM, PRODUCT, POWER, POSTFIX, ATOM = range(1, 6)

#: Operators of one level that may follow each other without parentheses.
PLAIN_PRODUCT = frozenset({"*", "/"})
ELEMENTWISE_PRODUCT = frozenset({".*", "./"})

PRECEDENCE = {
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    ".*": PRODUCT,
    "./": PRODUCT,
    "kron": PRODUCT,
    "^": POWER,
    ".^": POWER,
}


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A symbol."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A number."""

    value: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Infix:
    """`left operator right`; the operator is one of the notation's, or kron."""

    operator: str
    left: Layout
    right: Layout


@dataclass(frozen=True, slots=True, eq=False)
class Minus:
    """`-operand`."""

    operand: Layout


@dataclass(frozen=True, slots=True, eq=False)
class Superscript:
    """A transpose ("T"), an inverse ("-1") or an inverse transpose ("-T") of the operand."""

    operand: Layout
    mark: str


@dataclass(frozen=True, slots=True, eq=False)
class Fenced:
    """`(inner)`."""

    inner: Layout


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """`function(arguments, option=value)`; norms and ones are applied functions too."""

    function: str
    arguments: tuple[Layout, ...]
    options: tuple[tuple[str, Fraction], ...]


Layout = Name | Literal | Infix | Minus | Superscript | Fenced | Applied

Result = TypeVar("Result")


def layout(tree: Tree) -> Layout:
    """The layout of a tree."""
    done: dict[int, tuple[Layout, int]] = {}
    for part in reversed(list(walk(tree))):
        done[id(part)] = _laid_out(part, [done[id(child)] for child in children(part)], done)
    return done[id(tree)][0]


def _laid_out(
    tree: Tree, parts: list[tuple[Layout, int]], done: dict[int, tuple[Layout, int]]
) -> tuple[Layout, int]:
    match tree:
        case Symbol(name):
            return Name(name), ATOM
        case Number(value):
            whole = value.denominator == 1 or _is_decimal(value)
            return (Literal(value), ATOM) if whole else (Fenced(Literal(value)), ATOM)
        case Negate(operand):
            # -a*b reads as (-a)*b, which is the same number; a sum needs its parentheses.
            inside, level = parts[0]
            bare = level >= PRODUCT and not isinstance(operand, Negate)
            return Minus(inside if bare else Fenced(inside)), SUM
        case Transpose(operand):
            if isinstance(operand, Call) and operand.function == "inv":
                inner = done[id(operand.arguments[0])]
                return Superscript(_at_least(inner, ATOM), "-T"), POSTFIX
            return Superscript(_at_least(parts[0], POSTFIX), "T"), POSTFIX
        case Call("inv", _):
            return Superscript(_at_least(parts[0], ATOM), "-1"), POSTFIX
        case Call("kron", _):
            return Infix("kron", _at_least(parts[0], POWER), _at_least(parts[1], POWER)), PRODUCT
        case Call(function, _, options):
            return Applied(function, tuple(part for part, _ in parts), options), ATOM
        case Binary():
            level = PRECEDENCE[tree.operator]
            made = _infix(tree, parts[0], parts[1])
            if level == PRODUCT and isinstance(made, Infix) and _starts_with_minus(made):
                level = SUM
            return made, level
    raise AssertionError(type(tree))


def _infix(tree: Binary, left: tuple[Layout, int], right: tuple[Layout, int]) -> Layout:
    operator = tree.operator
    level = PRECEDENCE[operator]
    if level == POWER:
        return Infix(operator, _at_least(left, POSTFIX), _at_least(right, ATOM))
    one, other = _at_least(left, level), _at_least(right, level + 1)
    first = tree.left.operand if isinstance(tree.left, Negate) else tree.left
    if level == PRODUCT and isinstance(tree.left, Negate):
        # -a/n reads as (-a)/n already.
        one = left[0]
    if level == PRODUCT and (_is_inner_product(first) or not _may_follow(first, operator)):
        one = _at_least(left, POWER)
    if level == SUM and isinstance(tree.left, Negate):
        one = left[0]
    return Infix(operator, one, other)


def _may_follow(left: Tree, operator: str) -> bool:
    """Whether `left operator …` reads unambiguously when `left` is a product itself."""
    if isinstance(left, Call) and left.function == "kron":
        return False
    if not isinstance(left, Binary):
        return True
    if operator == "*" and left.operator == "/":
        return False
    family = PLAIN_PRODUCT if operator in PLAIN_PRODUCT else ELEMENTWISE_PRODUCT
    if left.operator == "./" and operator == "./":
        return False
    return left.operator in family


def _starts_with_minus(node: Layout) -> bool:
    while isinstance(node, Infix):
        node = node.left
    return isinstance(node, Minus)


def _is_inner_product(tree: Tree) -> bool:
    """Whether a product looks like a scalar x' A y; parentheses keep it apart from what follows."""
    if not (isinstance(tree, Binary) and tree.operator == "*" and _looks_like_vector(tree.right)):
        return False
    first: Tree = tree
    while isinstance(first, Binary) and first.operator == "*":
        first = first.left
    return isinstance(first, Transpose) and _looks_like_vector(first.operand)


def _looks_like_vector(tree: Tree) -> bool:
    """A guess by lower case letters; it decides parentheses only, never meaning."""
    while not isinstance(tree, Symbol):
        match tree:
            case Binary("+" | "-" | ".*" | "./", left, _) | Call(_, (left,)):
                tree = left
            case Binary("*", _, right):
                tree = right
            case _:
                return False
    return tree.name[0].islower()


def _at_least(part: tuple[Layout, int], level: int) -> Layout:
    inside, own = part
    return inside if own >= level else Fenced(inside)


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def parts_of(node: Layout) -> tuple[Layout, ...]:
    """The layouts inside a layout."""
    match node:
        case Infix(_, left, right):
            return (left, right)
        case Minus(operand) | Superscript(operand, _):
            return (operand,)
        case Fenced(inner):
            return (inner,)
        case Applied(_, arguments, _):
            return arguments
        case _:
            return ()


def fold(root: Layout, build: Callable[[Layout, list[Result]], Result]) -> Result:
    """Build a result for each layout from those of its parts, without recursion."""
    order: list[Layout] = []
    stack = [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(parts_of(node))
    done: dict[int, Result] = {}
    for node in reversed(order):
        done[id(node)] = build(node, [done[id(part)] for part in parts_of(node)])
    return done[id(root)]


def decimal(value: Fraction) -> str:
    """An exact decimal, or a quotient where there is none."""
    if value.denominator == 1:
        return str(value.numerator)
    if not _is_decimal(value):
        return f"{value.numerator}/{value.denominator}"
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    scaled = str(abs((value * 10**digits).numerator)).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{scaled[:-digits]}.{scaled[-digits:]}"
