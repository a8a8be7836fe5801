"""The layout tree: where the parentheses go, decided once for every printer.

All printers walk the same layout, so a formula that needs parentheses in the input grammar has
them in Unicode and LaTeX too. Layouts are built and walked without recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from gradwright.core.work import spend
from gradwright.notation.blocks import BLOCKS, columns_of
from gradwright.notation.places import joined
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import (
    WALKED,
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Index,
    IndexArray,
    IndexSum,
    Left,
    Negate,
    Number,
    Part,
    Symbol,
    Transpose,
    Tree,
    children,
    walk,
)

SUM, PRODUCT, POWER, POSTFIX, ATOM = range(1, 6)

#: Longest number that is written without a power of ten, where it could have one.
MAX_PLAIN = 12

#: The products that may follow each other without parentheses: which may stand left of which.
MAY_FOLLOW = {
    "*": frozenset({"*"}),
    "/": frozenset({"*", "/"}),
    ".*": frozenset({".*", "./"}),
    "./": frozenset({".*"}),
    "kron": frozenset[str](),
}

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


class Name(Struct, frozen=True, eq=False):
    """A symbol."""

    text: str


class Literal(Struct, frozen=True, eq=False):
    """A number."""

    value: Fraction


class Infix(Struct, frozen=True, eq=False):
    """`left operator right`; the operator is one of the notation's, or kron."""

    operator: str
    left: Layout
    right: Layout


class Minus(Struct, frozen=True, eq=False):
    """`-operand`."""

    operand: Layout


class Superscript(Struct, frozen=True, eq=False):
    """A transpose ("T"), an inverse ("-1") or an inverse transpose ("-T") of the operand."""

    operand: Layout
    mark: str


class Fenced(Struct, frozen=True, eq=False):
    """`(inner)`."""

    inner: Layout


class Applied(Struct, frozen=True, eq=False):
    """`function(arguments, option=value)`; norms and ones are applied functions too."""

    function: str
    arguments: tuple[Layout, ...]
    options: tuple[tuple[str, Fraction], ...]


class Indexed(Struct, frozen=True, eq=False):
    """`base[i,j]` or `base[2:n]`; the base of an identity is the name δ."""

    base: Layout
    indices: tuple[Index | Range | Place, ...]


class Summed(Struct, frozen=True, eq=False):
    """`Σ_i,j body`, which takes all that follows in a product."""

    indices: tuple[str, ...]
    body: Layout


class Arrayed(Struct, frozen=True, eq=False):
    """`array[i,j](body)`."""

    indices: tuple[str, ...]
    body: Layout


class Blocked(Struct, frozen=True, eq=False):
    """`[parts]`, so many of them in each row."""

    parts: tuple[Layout, ...]
    columns: int

    def pieces(self, beside: str, beneath: str) -> list[str | Layout]:
        """The parts, with what stands between neighbours and between rows."""
        found: list[str | Layout] = []
        for place, part in enumerate(self.parts):
            found += [beside if place % self.columns else beneath] if place else []
            found.append(part)
        return found


class Equals(Struct, frozen=True, eq=False):
    """`left = right`."""

    left: Left
    right: Layout


Layout = (
    Name
    | Literal
    | Infix
    | Minus
    | Superscript
    | Fenced
    | Applied
    | Indexed
    | Summed
    | Arrayed
    | Blocked
    | Equals
)

#: The base of an identity between two indices.
DELTA = Name("δ")


class _Part(Struct, frozen=True):
    """A layout, how tightly it binds, and what its surroundings ask about it.

    `operator` is that of an unfenced infix. `vector` and `row` are guesses by lower case letters,
    that it is a vector, and that it is a product that begins with a transposed one; they decide
    parentheses only, never meaning. `under` is what stands behind the sign of a Minus. `open` says
    that it ends in a sum over indices, which would take a factor that follows.
    """

    layout: Layout
    level: int
    operator: str = ""
    vector: bool = False
    row: bool = False
    under: _Part | None = None
    open: bool = False

    def at_least(self, level: int) -> Layout:
        """The layout, in parentheses if it binds less than `level`."""
        return self.layout if self.level >= level else Fenced(self.layout)

    def before(self, level: int) -> Layout:
        """The same where a factor follows."""
        return Fenced(self.layout) if self.open else self.at_least(level)


def layout(tree: Tree) -> Layout:
    """The layout of a tree, kept with it: texts of several kinds are written from one."""
    kept: Layout | None = getattr(tree, "_layout", None)
    if kept is None:
        kept = _made(tree)
        force_setattr(tree, "_layout", kept)
    return kept


def _made(tree: Tree) -> Layout:
    done: dict[int, _Part] = {}
    parts = list(walk(tree))
    spend(6 * len(parts))
    for part in reversed(parts):
        done[id(part)] = _laid_out(part, [done[id(child)] for child in children(part)], done)
    return done[id(tree)].layout


def _laid_out(tree: Tree, parts: list[_Part], done: dict[int, _Part]) -> _Part:
    match tree:
        case Symbol(name):
            return _Part(Name(name), ATOM, vector=name[0].islower())
        case Number(value):
            shown = Literal(value) if "/" not in decimal(value) else Fenced(Literal(value))
            return _Part(shown, ATOM)
        case Negate():
            # A second sign needs parentheses, like a sum.
            return _minus(parts[0])
        case Transpose(Call("inv", (inner,))):
            return _Part(Superscript(done[id(inner)].at_least(ATOM), "-T"), POSTFIX)
        case Transpose():
            turned = Superscript(parts[0].at_least(ATOM), "T")
            return _Part(turned, POSTFIX, row=parts[0].vector)
        case Call("inv", _):
            return _Part(Superscript(parts[0].at_least(ATOM), "-1"), POSTFIX)
        case Call("kron", _):
            return _product("kron", *parts)
        case Call(function, _, _) if function == BLOCKS:
            inside = tuple(part.layout for part in parts)
            return _Part(Blocked(inside, columns_of(tree)), ATOM)
        case Call(function, _, options):
            applied = Applied(function, tuple(part.layout for part in parts), options)
            return _Part(applied, ATOM, vector=len(parts) == 1 and parts[0].vector)
        case Binary("^" | ".^" as operator):
            return _power(operator, *parts)
        case Binary("+" | "-" as operator):
            # A sign may open a sum; one behind an operator needs parentheses.
            made = Infix(operator, parts[0].layout, parts[1].at_least(PRODUCT))
            return _Part(made, SUM, operator, vector=parts[0].vector)
        case Binary(operator):
            return _product(operator, *parts)
        case Entry(_, indices) | Part(_, indices):
            found = joined(tree)
            if found is None:
                return _Part(Indexed(parts[0].at_least(ATOM), indices), ATOM)
            return _Part(Indexed(done[id(found[0])].at_least(ATOM), found[1]), ATOM)
        case Identity(indices):
            return _Part(Indexed(DELTA, indices), ATOM)
        case IndexSum(indices, _):
            return _Part(Summed(indices, parts[0].at_least(PRODUCT)), PRODUCT, open=True)
        case IndexArray(indices, _):
            return _Part(Arrayed(indices, parts[0].layout), ATOM)
        case Equation(left, _):
            return _Part(Equals(left, parts[0].layout), 0)
    raise AssertionError(type(tree))


def _power(operator: str, base: _Part, raised: _Part) -> _Part:
    """A bracket behind an exponent might be that of the power: y[i]^(x[i])."""
    exponent = raised.at_least(ATOM)
    if isinstance(exponent, Indexed):
        exponent = Fenced(exponent)
    return _Part(Infix(operator, base.at_least(ATOM), exponent), POWER, operator)


def _minus(part: _Part) -> _Part:
    """`-a b` reads as (-a) b and as -(a b), which are the same number."""
    return _Part(Minus(part.at_least(PRODUCT)), SUM, vector=part.vector, under=part)


def _product(operator: str, left: _Part, right: _Part) -> _Part:
    """A product of any kind; the sign of its first factor becomes its own."""
    if left.under is not None:
        return _minus(_product(operator, replace(left.under, under=None), right))
    # An inner product is a scalar among matrices: parentheses show where it ends.
    inner = left.operator == "*" and left.row and left.vector
    alone = inner or left.operator not in MAY_FOLLOW[operator]
    one = left.before(POWER if alone else PRODUCT)
    last = right.open and right.operator == "" and operator == "*"
    other = right.layout if last else right.at_least(POWER)
    vector = {"*": right.vector, "/": False, "kron": False}.get(operator, left.vector)
    made = Infix(operator, one, other)
    return _Part(made, PRODUCT, operator, vector, left.row and not inner, open=last)


def expand(root: Layout, pieces: Callable[[Layout], Sequence[str | Layout]]) -> str:
    """The text of a layout, given how one node is made of texts and layouts.

    Every text is written once, so a chain of any length takes time in proportion to it.
    """
    written: list[str] = []
    stack: list[str | Layout] = [root]
    met = 0
    while stack:
        piece = stack.pop()
        met += 1
        if met % WALKED == 0:
            spend(WALKED)
        if isinstance(piece, str):
            written.append(piece)
        else:
            stack.extend(reversed(pieces(piece)))
    return "".join(written)


def bare(node: Layout) -> Layout:
    """A layout without parentheses, where something else shows its extent."""
    return node.inner if isinstance(node, Fenced) else node


def leading(node: Layout) -> Layout:
    """The layout that the text of a factor begins with, down to parentheses."""
    while isinstance(node, Infix | Superscript | Indexed):
        match node:
            case Infix(_, left, _):
                node = left
            case Superscript(operand, _) | Indexed(operand, _):
                node = operand
    return node


def integer_exponent(node: Layout) -> int | None:
    """The value of an exponent such as 2 or (-2), which a superscript can show."""
    sign = 1
    if isinstance(node, Fenced) and isinstance(node.inner, Minus):
        node, sign = node.inner.operand, -1
    if isinstance(node, Literal) and node.value.denominator == 1:
        return sign * node.value.numerator
    return None


def separated(arguments: Sequence[Layout], options: Sequence[str]) -> list[str | Layout]:
    """Arguments, then options, with commas between."""
    found: list[str | Layout] = []
    for given in (*arguments, *options):
        found += [", ", given] if found else [given]
    return found


def decimal(value: Fraction) -> str:
    """An exact decimal, with a power of ten where that is shorter; else a quotient."""
    if not _is_decimal(value):
        return f"{value.numerator}/{value.denominator}"
    sign, digits = "-" if value < 0 else "", 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    scaled = str(abs((value * 10**digits).numerator))
    padded = scaled.rjust(digits + 1, "0")
    plain = f"{padded[:-digits]}.{padded[-digits:]}" if digits else padded
    if len(plain) <= MAX_PLAIN:
        return sign + plain
    significant = scaled.rstrip("0")
    fraction = f".{significant[1:]}" if len(significant) > 1 else ""
    short = f"{significant[0]}{fraction}e{len(scaled) - 1 - digits}"
    return sign + min(plain, short, key=len)


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
