"""Which arguments of a call have values of their own, and which are sizes or names of indices."""

from __future__ import annotations

from gradwright.notation import rearranging, selecting
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.tree import Call, Tree, children


def operands_of(tree: Tree) -> tuple[Tree, ...]:
    """The children of a node that are expressions with values."""
    if isinstance(tree, Call):
        if tree.function in CONSTANTS:
            return ()
        if tree.function in selecting.BY_INDICES:
            return selecting.expressions(tree)
        if tree.function in rearranging.MOVING:
            return rearranging.expressions(tree)
    return children(tree)


def size_arguments(tree: Tree) -> tuple[Tree, ...]:
    """The arguments of a call that are sizes."""
    if isinstance(tree, Call) and tree.function in CONSTANTS:
        return tree.arguments
    if isinstance(tree, Call) and tree.function == "reshape":
        return tree.arguments[1:]
    return ()
