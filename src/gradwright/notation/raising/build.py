"""Small constructors of surface trees that avoid what nobody would write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction

from gradwright.core.nodes import Select
from gradwright.core.sizes import plus
from gradwright.notation.ranges import Range
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Part,
    Transpose,
    Tree,
)

#: A matrix product as its factors, left to right; each factor stands for itself.
Chain = tuple[Tree, ...]

ONE = Number(Fraction(1))


def number_tree(value: Fraction) -> Tree:
    """A rational as it is written: a literal, a quotient or a negative of one."""
    if value < 0:
        return Negate(number_tree(-value))
    if is_decimal(value):
        return Number(value)
    return Binary("/", Number(Fraction(value.numerator)), Number(Fraction(value.denominator)))


def is_decimal(value: Fraction) -> bool:
    """Whether a short decimal literal says the value exactly."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    # Numerator and denominator of a long decimal are no easier to read.
    long = min(abs(value.numerator), value.denominator) > 10**6
    return rest == 1 and (long or value.denominator <= 1000)


def product(chain: Chain) -> Tree:
    """A chain as one left-nested product; repeated neighbours become a power."""
    if len(chain) == 1:
        return chain[0]
    first, *others = _gathered(chain)
    tree: Tree | None = None
    count = 1
    for factor in [*others, None]:
        if factor == first:
            count += 1
            continue
        part = first if count == 1 else Binary("^", first, Number(Fraction(count)))
        tree = part if tree is None else Binary("*", tree, part)
        if factor is not None:
            first, count = factor, 1
    assert tree is not None
    return tree


def selection_tree(node: Select) -> Tree:
    """A factor that chooses places, as a part of an identity matrix or that in another shape."""
    *parts, whole = node.axes
    identity = Call("eye", (size_tree(whole),))
    if len(parts) == 1 and node.steps == (1,):
        first, last = plus(node.start, 1), plus(node.start, parts[0])
        return Part(identity, (Range(first, last),))
    return Call("reshape", (identity, *map(size_tree, node.axes)))


def _gathered(chain: Chain) -> list[Tree]:
    """A chain where onehot(t)*E is written gather(E, t), and eye(n)[2:n]*x as x[2:n]."""
    parts: list[Tree] = []
    for factor in reversed(_cut(chain)):
        match factor:
            case Call("onehot", (indices,)) if parts and not isinstance(parts[-1], Transpose):
                parts[-1] = Call("gather", (parts[-1], indices))
            case Part(Call("eye", _), (Range() as place,)) if parts:
                parts[-1] = _rows(parts[-1], place)
            case _:
                parts.append(factor)
    return parts[::-1]


def _cut(chain: Chain) -> Chain:
    """A chain where M*eye(n)[2:n]' is written M[:,2:n], and x'*eye(n)[2:n]' is x[2:n]'."""
    parts: list[Tree] = []
    for factor in chain:
        match (parts[-1] if parts else None), factor:
            case None, _:
                parts.append(factor)
            case Transpose(inner), Transpose(Part(Call("eye", _), (Range() as place,))):
                parts[-1] = Transpose(_part(inner, place, 0))
            case before, Transpose(Part(Call("eye", _), (Range() as place,))):
                assert before is not None
                parts[-1] = _part(before, place, 1)
            case _:
                parts.append(factor)
    return tuple(parts)


def _rows(tree: Tree, place: Range) -> Tree:
    """A range of rows: those of M' are columns of M."""
    if isinstance(tree, Transpose):
        return Transpose(_part(tree.operand, place, 1))
    return _part(tree, place, 0)


def _part(tree: Tree, place: Range, axis: int) -> Tree:
    """A range of places along an axis of a tree, of which another may be cut already."""
    base, places = (tree.base, list(tree.places)) if isinstance(tree, Part) else (tree, [])
    free = [k for k, held in enumerate(places) if isinstance(held, Range)]
    if isinstance(tree, Part) and len(free) < len(places):
        base, places = tree, []
    places += [Range()] * (axis + 1 - len(places))
    if places[axis] != Range():
        base, places = tree, [Range()] * (axis + 1)
    places[axis] = place
    return Part(base, tuple(places))


def transposed(tree: Tree, symmetric: AbstractSet[Tree]) -> Tree:
    """`tree'`, with double transposes and those of symmetric matrices left out."""
    match tree:
        case Transpose(operand):
            return operand
        case Number():
            return tree
        case Negate(operand):
            return Negate(transposed(operand, symmetric))
        case Call("eye", _):
            return tree
        case Call("ones" | "zeros" as name, (rows, columns)):
            return Call(name, (columns, rows))
        case Binary(".*" | "./" as operator, left, right) if _all_transposed(tree):
            return Binary(operator, transposed(left, symmetric), transposed(right, symmetric))
        case Binary("+" | "-" as operator, left, right) if _all_transposed(tree):
            return Binary(operator, transposed(left, symmetric), transposed(right, symmetric))
        case _:
            return tree if tree in symmetric else Transpose(tree)


def _all_transposed(tree: Tree) -> bool:
    """Whether every part of an elementwise combination is itself a transpose."""
    stack = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, Binary) and part.operator in (".*", "./", "+", "-"):
            stack += [part.left, part.right]
        elif not isinstance(part, Transpose):
            return False
    return True


def transposed_chain(chain: Chain, symmetric: AbstractSet[Tree]) -> Chain:
    """(A B)' = B' A'."""
    return tuple(transposed(tree, symmetric) for tree in reversed(chain))


def hadamard(over: Sequence[Tree], under: Sequence[Tree], *, scalar: bool = False) -> Tree:
    """The elementwise product of `over` divided by that of `under`; repeats become powers."""
    times, divide, power = ("*", "/", "^") if scalar else (".*", "./", ".^")
    top = _repeated(over, times, power)
    bottom = _repeated(under, times, power)
    if bottom is None:
        return ONE if top is None else top
    return Binary(divide, ONE if top is None else top, bottom)


def _repeated(trees: Sequence[Tree], times: str, power: str) -> Tree | None:
    if len(trees) < 2:
        return trees[0] if trees else None
    result: Tree | None = None
    for tree, count in Counter(trees).items():
        part = tree if count == 1 else _power(tree, count, power)
        result = part if result is None else Binary(times, result, part)
    return result


def _power(tree: Tree, count: int, power: str) -> Tree:
    if isinstance(tree, Binary) and tree.operator == power and isinstance(tree.right, Number):
        return Binary(power, tree.left, Number(tree.right.value * count))
    return Binary(power, tree, Number(Fraction(count)))


def factors(tree: Tree, *, scalar: bool = False) -> tuple[list[Tree], list[Tree]]:
    """The elementwise factors of a tree: those multiplied and those divided by."""
    times, divide, power = ("*", "/", "^") if scalar else (".*", "./", ".^")
    over: list[Tree] = []
    under: list[Tree] = []
    stack = [(tree, True)]
    while stack:
        part, above = stack.pop()
        match part:
            case Binary(operator, left, right) if operator == times:
                stack += [(right, above), (left, above)]
            case Binary(operator, left, right) if operator == divide:
                stack += [(right, not above), (left, above)]
            case Binary(operator, base, Number(value)) if (
                operator == power and value.denominator == 1 and 2 <= value <= 4
            ):
                (over if above else under).extend([base] * int(value))
            case Number(value) if value == 1:
                pass
            case _:
                (over if above else under).append(part)
    return over, under
