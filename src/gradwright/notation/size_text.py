"""Sizes as they are written in a formula: `n`, `3`, `m + n`, `2*h*d`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from gradwright.core.sizes import Size, minus, plus, terms, times
from gradwright.notation.declarations import MAX_SIZE
from gradwright.notation.tree import Binary, Number, Symbol, Tree

_OPERATORS: Mapping[str, Callable[[Size, Size], Size]] = {"+": plus, "-": minus, "*": times}

#: Most nodes of a size.
MAX_NODES = 40


def as_size(tree: Tree) -> Size | None:
    """The size that a tree of names, whole numbers, `+`, `-` and `*` stands for, else None."""
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    values: list[Size] = []
    for _ in range(2 * MAX_NODES):
        if not stack:
            return values[0]
        part, ready = stack.pop()
        match part:
            case Symbol(name):
                values.append(name)
            case Number(value) if value.denominator == 1 and value <= MAX_SIZE:
                values.append(int(value))
            case Binary("+" | "-" | "*" as operator, left, right):
                if not ready:
                    stack += [(part, True), (right, False), (left, False)]
                    continue
                other, one = values.pop(), values.pop()
                values.append(_OPERATORS[operator](one, other))
            case _:
                return None
    return None


def size_tree(size: Size) -> Tree:
    """A size as it is written."""
    total: Tree | None = None
    for names, coefficient in terms(size):
        factors: list[Tree] = [Symbol(name) for name in names]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, Number(Fraction(abs(coefficient))))
        made = factors[0]
        for factor in factors[1:]:
            made = Binary("*", made, factor)
        total = made if total is None else Binary("-" if coefficient < 0 else "+", total, made)
    assert total is not None
    return total
