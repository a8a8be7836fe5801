"""Expressions with free indices."""

from __future__ import annotations

from gradwright.notation.tree import Equation, Left, Tree, free_indices


def free(tree: Tree) -> frozenset[str]:
    """The indices that an expression leaves free."""
    return free_indices(tree)[id(tree)]


def indexed(tree: Tree) -> Tree:
    """An expression for all values of its free indices, which are its axes in order."""
    indices = tuple(sorted(free(tree)))
    return Equation(Left((("entries", indices),)), tree) if indices else tree
