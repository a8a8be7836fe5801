"""A term: a coefficient, scalars above and below, and a matrix product; terms in reading order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import ONE as UNIT
from gradwright.notation.raising.build import (
    ONE,
    Chain,
    hadamard,
    is_decimal,
    number_tree,
    product,
)
from gradwright.notation.raising.cost import cost, is_sum, transposes
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Spelled,
    Symbol,
    Transpose,
    Tree,
)

#: What terms of a sum are sorted by.
ReadingKey = tuple[bool, bool, bool, bool, int, float, Spelled]


class Term(Struct, frozen=True, dict=True):
    """`coefficient · over / under · chain`.

    The chain is empty for a scalar, or for a scalar that a sum spreads over all its entries.
    """

    coefficient: Fraction
    over: tuple[Tree, ...] = ()
    under: tuple[Tree, ...] = ()
    chain: Chain = ()

    def tree(self) -> Tree:
        """The term as a tree, sign included."""
        return Negate(self.magnitude) if self.is_negative else self.magnitude

    @property
    def is_negative(self) -> bool:
        """Whether the term has a minus."""
        return self.coefficient.numerator < 0

    @cached_property
    def magnitude(self) -> Tree:
        """The term without its sign as a tree; 0 times ones are zeros."""
        if self.coefficient == 0 and self.chain:
            return rebuilt(product(self.chain), _zeros)
        value, bottom = abs(self.coefficient) if self.is_negative else self.coefficient, UNIT
        if not is_decimal(value) or (self.under and value.denominator != 1):
            value, bottom = Fraction(value.numerator), Fraction(value.denominator)
        parts: list[Tree] = [] if value == 1 else [number_tree(value)]
        parts += _scalars(self.over)
        top = _top(parts, self.chain)
        below: list[Tree] = [] if bottom == 1 else [number_tree(bottom)]
        under = self.under
        match top:
            case Binary("/", left, right) if under and not below:
                # t/u/v is t/(u v), where u and v may be powers of one scalar.
                top, under = left, (*spine(right), *under)
        below += _scalars(under)
        return Binary("/", top, _multiplied(below)) if below else top

    @cached_property
    def place(self) -> ReadingKey:
        """Where the term stands in a sum: positive ones first, then what is easy to read."""
        return (self.is_negative, *_reading_key(self.magnitude))


def _zeros(tree: Tree) -> Tree:
    """Zeros in place of ones."""
    return Call("zeros", tree.arguments) if _is_ones(tree) else tree


def _top(scalars: Sequence[Tree], chain: Chain) -> Tree:
    """Scalars times a chain; t (1 ./ x) is written t ./ x."""
    match chain:
        case ():
            return _multiplied(scalars)
        case (Binary("./", Number(value), under),) if value == 1 and scalars:
            return Binary("./", _multiplied(scalars), under)
        case _:
            return _multiplied([*scalars, *spine(product(chain))])


def _multiplied(parts: Sequence[Tree]) -> Tree:
    """Scalars and the factors of a chain as one left-nested product."""
    tree: Tree | None = None
    for part in parts:
        for factor in spine(part) if tree is None else [part]:
            tree = factor if tree is None else Binary("*", tree, factor)
    return ONE if tree is None else tree


def _scalars(trees: Sequence[Tree]) -> list[Tree]:
    """Scalar factors, repeats and several powers of one base as one power."""
    powers: dict[Tree, list[Fraction]] = {}
    for tree in trees:
        base, exponent = _base(tree)
        powers.setdefault(base, []).append(exponent)
    counts = Counter(trees)
    found: list[Tree] = []
    for tree, n in counts.items():
        base, exponent = _base(tree)
        exponents = powers.pop(base, [])
        if len(exponents) == n:
            found.append(hadamard((tree,) * n, (), scalar=True))
        elif exponents:
            total = sum(exponents, Fraction(0))
            found.append(base if total == 1 else Binary("^", base, Number(total)))
    return found


def _base(tree: Tree) -> tuple[Tree, Fraction]:
    """A scalar as a power."""
    match tree:
        case Call("sqrt", (base,)):
            return base, Fraction(1, 2)
        case Binary("^", base, Number(value)):
            return base, value
    return tree, UNIT


def spine(tree: Tree) -> list[Tree]:
    """The factors of a left-nested product."""
    spine: list[Tree] = []
    while isinstance(tree, Binary) and tree.operator == "*":
        spine.append(tree.right)
        tree = tree.left
    return [tree, *reversed(spine)]


def joined(terms: Sequence[Term]) -> Tree:
    """Terms in reading order: positive first, constants and plain terms before transposed ones."""
    first, *others = sorted(_spread(terms), key=lambda term: term.place)
    result = first.tree()
    for term in others:
        result = Binary("-" if term.is_negative else "+", result, term.magnitude)
    return result


def _spread(terms: Sequence[Term]) -> list[Term]:
    """Ones beside other arrays are a number, which spreads by itself: 1 - u, not ones(n) - u.

    A matrix of ones stays where another term is a matrix product or a diagonal: I - 1 is no
    matrix to most readers.
    """
    counts = [_count_ones(term.chain) for term in terms]
    others = [term.chain for term, count in zip(terms, counts, strict=True) if not count]
    if not others or (2 in counts and not all(map(_is_elementwise, others))):
        return list(terms)
    return [
        replace(term, chain=()) if count else term
        for term, count in zip(terms, counts, strict=True)
    ]


def _count_ones(chain: Chain) -> int:
    """The axes of a column, a row or a matrix of ones; 0 for any other chain."""
    axes = 0
    for part in chain:
        bare = part.operand if isinstance(part, Transpose) else part
        if not _is_ones(bare):
            return 0
        axes += len(bare.arguments)
    return axes


def _is_ones(tree: Tree) -> TypeGuard[Call]:
    return isinstance(tree, Call) and tree.function == "ones"


def _is_elementwise(chain: Chain) -> bool:
    """Whether a chain is one function or elementwise product."""
    if len(chain) != 1:
        return not chain
    (tree,) = chain
    if isinstance(tree, Call):
        return tree.function not in ("eye", "diag", "kron", "inv")
    return isinstance(tree, Symbol) or (
        isinstance(tree, Binary) and tree.operator in (".*", "./", ".^", "+", "-")
    )


def _reading_key(tree: Tree) -> tuple[bool, bool, bool, int, float, Spelled]:
    constant = isinstance(tree, Number) or (isinstance(tree, Call) and tree.function == "eye")
    # A sum that comes first needs no parentheses; a multiple of the identity ends a sum.
    key = (not is_sum(tree), not constant, _is_scaled_identity(tree))
    return (*key, transposes(tree), cost(tree), Spelled(tree))


def _is_scaled_identity(tree: Tree) -> bool:
    return (
        isinstance(tree, Binary)
        and tree.operator == "*"
        and isinstance(tree.right, Call)
        and tree.right.function == "eye"
    )
