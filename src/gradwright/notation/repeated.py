"""Names for arrays that a result has several times, written by their entries each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import chain
from itertools import count as counting

from gradwright.core.work import spend
from gradwright.notation.definitions import Definition, Definitions
from gradwright.notation.tree import (
    Entry,
    Equation,
    Identity,
    IndexArray,
    IndexSum,
    Symbol,
    Tree,
    children,
    free_indices,
    walk,
)

#: Letters for such arrays; P is that of the weights of attention.
LETTERS = "PSTUVWEGHMNOQR"


def with_repeated(known: Definitions, trees: Iterable[Tree], taken: Collection[str]) -> Definitions:
    """The definitions of a formula, and names for arrays that stand in a tree more than once.

    They are the largest parts with `array[…](…)` and without free indices that repeat. No name is
    one of `taken`, a name of the trees or of one of their indices.
    """
    trees = [tree for tree in trees if any(isinstance(part, IndexArray) for part in walk(tree))]
    found = list(dict.fromkeys(chain.from_iterable(_repeated(tree, known) for tree in trees)))
    if not found:
        return known
    used = {*taken, *(d.name for d in known.listed)}.union(*map(_names, trees))
    letters = (name for name in chain(LETTERS, map("P{}".format, counting(2))) if name not in used)
    made = {part: next(letters) for part in found}
    listed = [Definition(name, (), known.folded(part)) for part, name in made.items()]
    written = {part: Symbol(name) for part, name in made.items()}
    return Definitions((*known.listed, *listed), {**known.written, **written})


def _repeated(tree: Tree, known: Definitions) -> list[Tree]:
    """The largest closed parts with an array by its entries that a tree has more than once."""
    free = free_indices(tree)
    holds: dict[int, bool] = {}
    parts = list(walk(tree))
    spend(3 * len(parts))
    for part in reversed(parts):
        below = any(holds[id(child)] for child in children(part))
        holds[id(part)] = below or isinstance(part, IndexArray)
    closed = [part for part in parts if holds[id(part)] and not free[id(part)]]
    often = {part for part, number in Counter(closed).items() if number > 1}
    found, stack = [], [tree]
    while stack:
        part = stack.pop()
        if part in known.written or not holds[id(part)]:
            continue
        if part in often:
            found.append(part)
        else:
            stack += reversed(children(part))
    return found


def _names(tree: Tree) -> set[str]:
    """The names of a tree, those of its indices among them."""
    found = set[str]()
    for part in walk(tree):
        match part:
            case Symbol(name):
                found.add(name)
            case Entry(_, indices) | Identity(indices):
                found.update(index for index in indices if isinstance(index, str))
            case IndexSum(indices, _) | IndexArray(indices, _):
                found.update(indices)
            case Equation(left, _):
                found.update(name for name, _ in left.names)
    return found
