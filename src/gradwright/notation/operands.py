"""Which arguments of a call have values of their own, and which are sizes or names of indices."""

from __future__ import annotations

from gradwright.notation import rearranging, selecting
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.tree import Call, Symbol, Tree, children, walk


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


def names_of_sizes(tree: Tree) -> set[str]:
    """The names in the sizes that calls such as eye(n) have as arguments."""
    arguments = (size for part in walk(tree) for size in size_arguments(part))
    return {part.name for size in arguments for part in walk(size) if isinstance(part, Symbol)}


def size_arguments(tree: Tree) -> tuple[Tree, ...]:
    """The arguments of a call that are sizes."""
    if not isinstance(tree, Call):
        return ()
    if tree.function in CONSTANTS:
        return tree.arguments
    return tree.arguments[1:] if tree.function == "reshape" else ()
