"""What one change of a wrong right side makes it right, the smallest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import permutations

from gradwright.api.equations.derivatives import elementwise_derivative, is_elementwise
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.rebuilt import places
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Identity,
    IndexSum,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    walk,
)

#: Largest tree that is repaired, in nodes.
MAX_NODES = 60
_OPERATORS = ("+", "-", "*", ".*", "/", "./")

#: What was changed, and the tree that it gives.
Candidate = tuple[str, Tree]


def candidates(
    tree: Tree, names: Sequence[str], factors: Sequence[Tree], indices: Collection[str] = ()
) -> Iterator[Candidate]:
    """Trees one change away; `factors` may be missing besides the names.

    `indices` are those of the left side, which may be missing too. Of the names only those of one
    letter are tried, which are few; `far_candidates` has the others.
    """
    if sum(1 for _ in walk(tree)) > MAX_NODES:
        return
    yield from _other_names(tree, names, far=False)
    yield from _indices(tree, indices)
    yield from _transposes(tree)
    yield from _orders(tree)
    yield from _signs(tree)
    yield from _operators(tree)
    yield from _removed(tree)
    yield from _numbers(tree)
    yield from _functions(tree)
    yield from _sums(tree)
    yield from _scaled(tree)
    yield from _missing(tree, factors)


def far_candidates(tree: Tree, names: Sequence[str]) -> Iterator[Candidate]:
    """Trees with a name of another letter, or with one more factor."""
    if sum(1 for _ in walk(tree)) > MAX_NODES:
        return
    if not any(p.name.startswith("J_") for p in walk(tree) if isinstance(p, Symbol)):
        names = [name for name in names if not name.startswith("J_")]
    yield from _other_names(tree, names, far=True)
    yield from _missing(tree, [Symbol(name) for name in names if not name.startswith("J_")])


def left_candidates(left: Tree, names: Sequence[str], free: frozenset[str]) -> Iterator[Candidate]:
    """Left sides with a near name, other indices, or the ones that are free on the right."""
    bare = left.base if isinstance(left, Entry) else left
    yield from _other_names(left, names, far=False)
    for indices in permutations(sorted(free)):
        if indices:
            yield "an index on the left", Entry(bare, indices)


def far_left_candidates(left: Tree, names: Sequence[str]) -> Iterator[Candidate]:
    """Left sides with a name of another letter."""
    return _other_names(left, names, far=True)


def _inside_sizes(tree: Tree) -> set[int]:
    return {
        id(argument)
        for part in walk(tree)
        if isinstance(part, Call) and part.function in CONSTANTS
        for argument in part.arguments
    }


def _other_names(tree: Tree, names: Sequence[str], *, far: bool) -> Iterator[Candidate]:
    """Names of the same letter, in neighbouring layers first; if `far`, those of other letters."""
    sizes = _inside_sizes(tree)
    held = []
    for node, put in places(tree):
        if isinstance(node, Symbol) and id(node) not in sizes:
            others = [name for name in names if (_letter(name) != _letter(node.name)) is far]
            held.append((put, sorted(others, key=partial(_distance, node.name))))
    # The nearest names of every symbol first.
    for rank in range(max((len(near) for _, near in held), default=0)):
        for put, near in held:
            if rank < len(near):
                yield "another name", put(Symbol(near[rank]))


def _letter(name: str) -> str:
    return name.rstrip("0123456789")


def _distance(one: str, other: str) -> tuple[bool, int]:
    """How far apart two layers are; that of the same number is nearest."""
    digits = one[len(_letter(one)) :], other[len(_letter(other)) :]
    return digits[0] != digits[1], abs(int(digits[0] or 0) - int(digits[1] or 0))


def _base(tree: Tree) -> Tree | None:
    """What an entry is of; None for any other tree."""
    return tree.base if isinstance(tree, Entry) else None


def _indices(tree: Tree, others: Collection[str]) -> Iterator[Candidate]:
    """Other indices of an entry, in another order, and sums over them."""
    held = {i for p in walk(tree) if isinstance(p, Entry | Identity) for i in p.indices if i}
    used = sorted(held | set(others) if held else held, key=str)
    inner_first = sorted(places(tree), key=lambda place: not isinstance(_base(place[0]), Symbol))
    for node, put in inner_first:
        match node:
            case Entry(base, indices):
                if len(indices) == 2:
                    yield "the order of indices", put(Entry(base, indices[::-1]))
                for place, old in enumerate(indices):
                    for new in used:
                        if new != old:
                            changed = (*indices[:place], new, *indices[place + 1 :])
                            yield "another index", put(Entry(base, changed))
            case IndexSum(over, body):
                yield "a sum too many", put(body)
                for index in used:
                    if index not in over:
                        apart = Binary("-", Number(Fraction(1)), Identity((over[0], index)))
                        less = IndexSum(over, Binary("*", apart, body))
                        yield f"a term counted twice, {over[0]} = {index}", put(less)
    for node, put in places(tree):
        for index in used:
            if isinstance(index, str):
                yield "a missing sum", put(IndexSum((index,), node))


def _transposes(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        if isinstance(node, Transpose):
            yield "a transpose", put(node.operand)
        elif not isinstance(node, Number):
            yield "a transpose", put(Transpose(node))


def _orders(tree: Tree) -> Iterator[Candidate]:
    """Neighbouring factors exchanged; a product associates to the left."""
    for node, put in places(tree):
        if not isinstance(node, Binary) or node.operator in ("+", ".*"):
            continue
        sign = node.operator
        what = "terms" if sign == "-" else "factors"
        yield f"the order of {what}", put(Binary(sign, node.right, node.left))
        left = node.left
        if sign == "*" and isinstance(left, Binary) and left.operator == "*":
            inner = Binary("*", left.left, node.right)
            yield "the order of factors", put(Binary("*", inner, left.right))
            outer = Binary("*", Binary("*", node.right, left.left), left.right)
            yield "the order of factors", put(outer)


def _signs(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        match node:
            case Negate(operand):
                yield "a sign", put(operand)
            case Binary("+", left, right):
                yield "a sign", put(Binary("-", left, right))
            case Binary("-", left, right):
                yield "a sign", put(Binary("+", left, right))
    yield "a sign", Negate(tree)


def _operators(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        if isinstance(node, Binary) and node.operator in _OPERATORS:
            for sign in _OPERATORS:
                if sign != node.operator and {sign, node.operator} != {"+", "-"}:
                    yield f"{sign} for {node.operator}", put(Binary(sign, node.left, node.right))


def _removed(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        if isinstance(node, Binary):
            yield "a part too many", put(node.left)
            if node.operator in ("+", "*", ".*"):
                yield "a part too many", put(node.right)
        elif isinstance(node, Call) and node.arguments and node.function not in CONSTANTS:
            yield "a function too many", put(node.arguments[0])


def _numbers(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        if isinstance(node, Number):
            others = {Fraction(0), Fraction(1), Fraction(2), Fraction(1, 2), node.value + 1}
            for value in sorted(others - {node.value}):
                yield "a number", put(_number(value))
            yield "a number", put(Symbol("n"))


def _number(value: Fraction) -> Tree:
    if value.denominator == 1:
        return Number(value)
    return Binary("/", Number(Fraction(value.numerator)), Number(Fraction(value.denominator)))


def _functions(tree: Tree) -> Iterator[Candidate]:
    for node, put in places(tree):
        if isinstance(node, Call) and len(node.arguments) == 1 and node.function in FUNCTIONS:
            alike = is_elementwise(node.function)
            for name in FUNCTIONS:
                other = name != node.function and name not in CONSTANTS
                if other and is_elementwise(name) == alike:
                    yield "another function", put(Call(name, node.arguments))
            if alike:
                slope = elementwise_derivative(f"{node.function}(t)", node.arguments[0])
                yield "a missing prime", put(slope)


def _sums(tree: Tree) -> Iterator[Candidate]:
    ones = Call("ones", (Symbol("n"),))
    for node, put in places(tree):
        if isinstance(node, Number):
            continue
        yield "a missing sum", put(Call("sum", (node,)))
        yield "a missing sum", put(Binary("*", Transpose(node), ones))
        yield "a missing sum", put(Binary("*", Transpose(ones), node))
        yield "a missing diag", put(Call("diag", (node,)))


def _scaled(tree: Tree) -> Iterator[Candidate]:
    yield "a missing factor", Binary("/", tree, Symbol("n"))
    for value in (2, Fraction(1, 2)):
        for node, put in places(tree):
            yield "a missing factor", put(Binary("*", _number(Fraction(value)), node))


def _missing(tree: Tree, parts: Sequence[Tree]) -> Iterator[Candidate]:
    entries = _entries_of(tree, parts)
    for node, put in places(tree):
        if isinstance(node, Number):
            continue
        for factor in entries:
            yield "a missing factor", put(Binary("*", factor, node))
        for part in parts if not entries else ():
            for factor in (part, Transpose(part)):
                yield "a missing factor", put(Binary("*", node, factor))
                yield "a missing factor", put(Binary("*", factor, node))
            yield "a missing factor", put(Binary(".*", node, part))
    for part in parts:
        yield "a missing term", Binary("+", tree, part)
        yield "a missing term", Binary("-", tree, part)
        spread = Binary("*", Call("ones", (Symbol("n"),)), Transpose(part))
        yield "a missing term", Binary("+", tree, spread)


def _entries_of(tree: Tree, parts: Sequence[Tree]) -> list[Tree]:
    """Entries of vectors by the indices of a tree; none where it has no entries."""
    used = {i for p in walk(tree) if isinstance(p, Entry) for i in p.indices}
    return [Entry(part, (index,)) for index in sorted(used, key=str) for part in parts]
