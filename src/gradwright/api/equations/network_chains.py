"""Products of derivatives that a chain rule links: ∂L/∂z3 · ∂z3/∂a2 · ∂a2/∂z2.

As matrices such a product depends on how derivatives are laid out, and with derivatives by
matrices it is none. What it says is a contraction over all axes of the quantities in between.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from gradwright.api.equations.network_jacobians import Jacobians
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Binary, Entry, Index, Symbol, Tree

Array = Any

_SEPARATOR = " · "


def quotient(name: str) -> tuple[str, str] | None:
    """The quantities of ∂top/∂bottom; None for a name that is no derivative."""
    if name.startswith("δ"):
        return "L", name[1:]
    if name.startswith("J_"):
        _, top, bottom = name.split("_")
        return top, bottom
    return None


def linked(tree: Tree) -> Tree:
    """A tree with every product of linked derivatives as one name."""

    def change(node: Tree) -> Tree:
        if not isinstance(node, Binary) or node.operator != "*":
            return node
        factors = _factors(node)
        indices: tuple[Index, ...] = ()
        last = factors[-1]
        if isinstance(last, Entry) and isinstance(last.base, Symbol):
            # ∂z/∂W[i,j]: entries of the last denominator, for all of the numerator.
            factors[-1], indices = last.base, last.indices
        found = [quotient(f.name) if isinstance(f, Symbol) else None for f in factors]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < len(factors) or any(one[1] != other[0] for one, other in pairwise(pairs)):
            return node
        names = [factor.name for factor in factors if isinstance(factor, Symbol)]
        whole = Symbol(_SEPARATOR.join(names), node.span)
        return Entry(whole, indices) if indices else whole

    return rebuilt(tree, change)


def _factors(tree: Tree) -> list[Tree]:
    """The factors of a product; a name of linked derivatives stands for its own."""
    found: list[Tree] = []
    while isinstance(tree, Binary) and tree.operator == "*":
        found.append(tree.right)
        tree = tree.left
    made: list[Tree] = []
    for factor in (tree, *reversed(found)):
        if isinstance(factor, Symbol):
            made += [Symbol(name) for name in factor.name.split(_SEPARATOR)]
        else:
            made.append(factor)
    return made


def is_chain(name: str) -> bool:
    """Whether a name stands for linked derivatives."""
    return _SEPARATOR in name


def result(name: str) -> str:
    """The derivative that a chain is."""
    names = name.split(_SEPARATOR)
    first, last = quotient(names[0]), quotient(names[-1])
    assert first is not None and last is not None
    return f"δ{last[1]}" if first[0] == "L" else f"J_{first[0]}_{last[1]}"


def contraction(name: str, jacobians: Jacobians) -> Array | None:
    """The value of a chain; None if a factor has none."""
    found: Array | None = None
    shared = 0
    for part in name.split(_SEPARATOR):
        pair = quotient(part)
        assert pair is not None
        factor = jacobians.tensor(*pair)
        if factor is None:
            return None
        found = factor if found is None else np.tensordot(found, factor, shared)
        shared = np.ndim(np.asarray(jacobians.values.value(pair[1])))
    return found
