"""How hard a formula is to read: the one table that decides what is printed."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from msgspec.structs import force_setattr

from gradwright.core.work import spend
from gradwright.notation.tree import (
    Binary,
    Call,
    IndexArray,
    IndexSum,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
)

ATOM = 1.0
QUOTIENT_LITERAL = 1.4
OPERATOR = {
    "+": 0.8,
    "-": 0.8,
    ".*": 0.5,
    "./": 0.6,
    "*": 0.15,
    "/": 0.6,
    "^": 0.4,
    ".^": 0.5,
}
SUM_INSIDE_PRODUCT = 0.6
TRANSPOSED_ATOM = 0.5
TRANSPOSED_COMPOUND = 1.6
CALL = {
    "diag": 1.4,
    "kron": 1.5,
    "vec": 1.5,
    "ones": 0.5,
    "zeros": 0.5,
    "eye": 0.5,
    "commutation": 2.0,
}
OTHER_CALL = 0.8
NEGATION = 0.2
#: Exponents of names, and of what is longer than a name.
COMPOUND = {"^": 1.2, ".^": 1.7}
EXPONENT = {"^": 0.3, ".^": 0.8}

#: A sub-expression that the user wrote is familiar.
USER_DISCOUNT = 0.5


class Readability:
    """Costs for a reader who knows what the user wrote; each tree is measured once."""

    def __init__(self, said: Set[Tree]) -> None:
        self.said = said
        self._known: dict[Tree, float] = {}

    def cost(self, tree: Tree) -> float:
        """The readability cost of a tree, where what the user wrote costs half."""
        if not self.said:
            return cost(tree)
        known = self._known
        found = known.get(tree)
        if found is not None:
            return found
        stack = [tree]
        while stack:
            part = stack[-1]
            if part in known:
                stack.pop()
                continue
            spend(3)
            parts, price = _measured(part)
            if parts and part in self.said and parts == children(part):
                known[part] = USER_DISCOUNT * cost(part)
                stack.pop()
                continue
            below = [known.get(child, -1.0) for child in parts]
            if below and min(below) < 0:
                stack += [child for child, cost in zip(parts, below, strict=True) if cost < 0]
                continue
            stack.pop()
            # Rounded, what costs the same is the same, in whichever order it was added up.
            known[part] = round(price + sum(below), 6)
        return known[tree]


def _measured(tree: Tree) -> tuple[tuple[Tree, ...], float]:
    """The parts that are measured by themselves, and the price of the rest of a tree."""
    if isinstance(tree, Binary) and tree.operator in EXPONENT and isinstance(tree.right, Number):
        price = EXPONENT[tree.operator]
        if not _is_short(tree.left):
            price = COMPOUND[tree.operator]
        return (tree.left,), _own(tree) + price
    return children(tree), _own(tree)


def cost(tree: Tree) -> float:
    """The readability cost of a tree, kept with it and with its parts."""
    if hasattr(tree, "_cost"):
        return tree._cost
    stack, met = [tree], 0
    while stack:
        part = stack[-1]
        if hasattr(part, "_cost"):
            stack.pop()
            continue
        met += 1
        parts, price = _measured(part)
        missing = [below for below in parts if not hasattr(below, "_cost")]
        if missing:
            stack += missing
            continue
        stack.pop()
        force_setattr(part, "_cost", price + sum([below._cost for below in parts]))
    # A node with parts that were not measured is met twice.
    spend(3 * met)
    return tree._cost


def _of_binary(tree: Binary) -> float:
    price = OPERATOR[tree.operator]
    if tree.operator in ("*", ".*", "./", "/"):
        price += (is_sum(tree.left) + is_sum(tree.right)) * SUM_INSIDE_PRODUCT
    return price


def _of_transpose(tree: Transpose) -> float:
    return TRANSPOSED_ATOM if isinstance(tree.operand, (Symbol, Call)) else TRANSPOSED_COMPOUND


#: What a node costs by itself; that of any other is that of an atom.
_OWN: dict[type, Callable[[Any], float]] = {
    Number: lambda tree: ATOM if tree.value.denominator == 1 else QUOTIENT_LITERAL,
    Negate: lambda tree: NEGATION,
    Transpose: _of_transpose,
    Binary: _of_binary,
    Call: lambda tree: CALL.get(tree.function, OTHER_CALL),
    IndexSum: lambda tree: OTHER_CALL,
    IndexArray: lambda tree: OTHER_CALL,
}


def _own(tree: Tree) -> float:
    price = _OWN.get(type(tree))
    return ATOM if price is None else price(tree)


def _is_short(base: Tree) -> bool:
    """A base whose square is at home in a formula: a name, a transpose, a norm."""
    if isinstance(base, Transpose):
        base = base.operand
    return isinstance(base, Symbol) or (isinstance(base, Call) and base.function == "norm2")


def is_sum(tree: Tree) -> bool:
    """Whether a tree is a sum or difference, which a product must put in parentheses."""
    return isinstance(tree, Binary) and tree.operator in ("+", "-")


def transposes(tree: Tree) -> int:
    """The number of transposes in a tree, kept with it and with its parts."""
    if hasattr(tree, "_transposes"):
        return tree._transposes
    stack = [tree]
    while stack:
        part = stack[-1]
        if hasattr(part, "_transposes"):
            stack.pop()
            continue
        parts = children(part)
        missing = [below for below in parts if not hasattr(below, "_transposes")]
        if missing:
            stack += missing
            continue
        stack.pop()
        count = sum(below._transposes for below in parts) + isinstance(part, Transpose)
        force_setattr(part, "_transposes", count)
    return tree._transposes
