"""`np.einsum` of symbols, as sums over indices."""

from __future__ import annotations

import re
from typing import Any

from gradwright.api.traced import Traced, joined, shaped
from gradwright.core.sizes import names_in
from gradwright.errors import ShapeError, UnsupportedError
from gradwright.notation.declarations import Size
from gradwright.notation.tree import Binary, Entry, IndexArray, IndexSum, Tree


def einsum(subscripts: Any, *operands: Traced, optimize: Any = None) -> Traced:
    """The contraction that the subscripts say.

    Raises:
        UnsupportedError: subscripts that are no text of letters, or a result with an axis twice.
        ShapeError: operands that do not fit their subscripts.
    """
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else ""
    if not re.fullmatch(r"[a-zA-Z]*(,[a-zA-Z]*)*(->[a-zA-Z]*)?", text) or not text:
        raise _unsupported(
            f"np.einsum with {subscripts!r}", "name each axis by a letter: 'ij,j->i'"
        )
    inputs, arrow, out = text.partition("->")
    listed = inputs.split(",")
    if not arrow:
        letters = inputs.replace(",", "")
        out = "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
    if len(set(out)) < len(out) or set(out) - set(inputs):
        raise _unsupported(f"np.einsum to {out!r}", "name axes of the operands, each once")
    sizes = _sizes(text, listed, operands)
    names = _indices(sizes, operands)
    tree: Tree | None = None
    symbols = operands[0]
    for letters, operand in zip(listed, operands, strict=True):
        indices = tuple(names[letter] for letter in letters)
        part = Entry(operand.tree, indices) if letters else operand.tree
        tree = part if tree is None else Binary("*", tree, part)
        symbols = Traced(operand.tree, "scalar", (), joined(symbols, operand))
    assert tree is not None
    summed = dict.fromkeys(x for x in inputs if x != "," and x not in out)
    if summed:
        tree = IndexSum(tuple(names[x] for x in summed), tree)
    if out:
        tree = IndexArray(tuple(names[x] for x in out), tree)
    axes = tuple(sizes[letter] for letter in out)
    return shaped(tree, axes, symbols.symbols)


def _sizes(text: str, listed: list[str], operands: tuple[Traced, ...]) -> dict[str, Size]:
    """The size of each letter."""
    found: dict[str, Size] = {}
    if len(listed) != len(operands):
        clash = f"{text} names {len(listed)} operands and {len(operands)} are given"
        raise ShapeError("tracing np.einsum", clash, "name the axes of each operand")
    for letters, operand in zip(listed, operands, strict=True):
        if len(letters) != len(operand.axes) or operand.form in ("row", "column", "indices"):
            clash = (
                f"{letters or 'no letter'} names {len(letters)} axes, and a {operand.form} is given"
            )
            raise ShapeError("tracing np.einsum", clash, "give each axis a letter")
        for letter, size in zip(letters, operand.axes, strict=True):
            if found.setdefault(letter, size) != size:
                clash = f"{letter} stands for the sizes {found[letter]} and {size}"
                raise ShapeError("tracing np.einsum", clash, "use another letter for one of them")
    return found


def _indices(sizes: dict[str, Size], operands: tuple[Traced, ...]) -> dict[str, str]:
    """A name for each letter that no symbol and no size has."""
    taken = {name for operand in operands for name in operand.symbols}
    taken |= names_in(s for o in operands for d in o.symbols.values() for s in d.sizes)
    free = (x for x in "ijklpqrstuvwxyzabcdefgh" if x not in taken and x not in sizes)
    return {letter: next(free) if letter in taken else letter for letter in sizes}


def _unsupported(what: str, instead: str) -> UnsupportedError:
    return UnsupportedError("tracing np.einsum", what, instead)
