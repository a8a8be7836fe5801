"""Derivatives of formulas within an equation: φ'(z) entry by entry, and d/dx of an expression."""

from __future__ import annotations

from functools import lru_cache

from gradwright.api.formula import formula
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Call, Symbol, Tree
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS

#: The argument in the formula of a derivative; no text of a user can hold this name.
_ARGUMENT = "argument of the derivative"


def is_elementwise(name: str) -> bool:
    """Whether a function of the notation acts entry by entry on its first argument."""
    return name in FUNCTIONS and isinstance(OPERATIONS.get(name), Elementwise)


@lru_cache(maxsize=64)
def _derivative(head: str) -> Tree:
    """The derivative of a function, given as its call on t, as a tree over `_ARGUMENT`."""
    text = formula(f"sum({head})", t="vector m").gradient("t").text()
    return rebuilt(
        without_spans(parse(text)),
        lambda node: Symbol(_ARGUMENT) if node == Symbol("t") else node,
    )


def elementwise_derivative(head: str, argument: Tree) -> Tree:
    """φ'(argument), entry by entry; `head` is φ(t) as text."""
    return rebuilt(_derivative(head), lambda node: argument if node == Symbol(_ARGUMENT) else node)


def with_primes(tree: Tree) -> Tree:
    """`tanh'(z)` and the like written out."""

    def change(node: Tree) -> Tree:
        if isinstance(node, Call) and node.function.endswith("'") and len(node.arguments) == 1:
            name = {"σ": "sigmoid"}.get(node.function[:-1], node.function[:-1])
            if is_elementwise(name):
                return elementwise_derivative(f"{name}(t)", node.arguments[0])
        return node

    return rebuilt(tree, change)
