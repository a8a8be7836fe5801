"""Block matrices `[A, B; C, D]`: arrays side by side in rows, and the rows beneath each other.

What the blocks are is decided by type: a matrix has rows and columns, a vector one column, its
transpose one row, a scalar one entry. The block 0 has the rows and columns of its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.sizes import Size, plus
from gradwright.errors import GradwrightError, ShapeError, Span
from gradwright.notation.tree import Call, Number, Tree
from gradwright.notation.unify import Atoms, Equations, Form, Unknown

#: The function of a call that is a block matrix; no name that can be typed.
BLOCKS = "[;]"

ZERO = Number(Fraction(0))


def block(parts: Sequence[Tree], columns: int, span: Span | None = None) -> Call:
    """Parts row by row, so many in each row."""
    return Call(BLOCKS, tuple(parts), (("columns", Fraction(columns)),), span)


def columns_of(tree: Call) -> int:
    """How many parts each row has."""
    return int(dict(tree.options)["columns"])


def rows_of(tree: Call) -> list[tuple[Tree, ...]]:
    """The parts, row by row."""
    columns, parts = columns_of(tree), tree.arguments
    return [parts[k : k + columns] for k in range(0, len(parts), columns)]


def is_zero(tree: Tree) -> bool:
    """Whether a part is the 0 that fills its place."""
    return tree == ZERO


def block_form(equations: Equations, tree: Call, parts: list[Form]) -> Form:
    """The form of a block matrix.

    Raises:
        ShapeError: blocks of a row have different rows, or blocks of a column different columns;
            a size that is added to others is not known.
    """
    for argument, form in zip(tree.arguments, parts, strict=True):
        if form.free or form.deeper or max(len(form.rows), len(form.columns)) > 1:
            clash = f"{equations.said(argument, form)}, and blocks are matrices, vectors or numbers"
            raise equations.error(ShapeError, tree, clash, "give a vector, a matrix or a number")
    columns = columns_of(tree)
    rows = len(parts) // columns
    cells = list(zip(tree.arguments, parts, strict=True))
    across = [cells[k * columns : (k + 1) * columns] for k in range(rows)]
    heights = [_common(equations, tree, row, "rows") for row in across]
    widths = [_common(equations, tree, cells[k::columns], "columns") for k in range(columns)]
    return Form(_side(equations, tree, heights), _side(equations, tree, widths))


def _common(
    equations: Equations, tree: Call, cells: list[tuple[Tree, Form]], side: str
) -> tuple[Tree, Atoms]:
    """A block, and the size that it has in common with its neighbours along a side."""
    found: tuple[Tree, Form] | None = None
    for argument, form in cells:
        if is_zero(argument):
            continue
        if found is None:
            found = argument, form
            continue
        first, own = getattr(found[1], side), getattr(form, side)
        if bool(first) != bool(own):
            facts = [equations.said(*found), equations.said(argument, form)]
            raise equations.error(
                ShapeError,
                tree,
                f"{facts[0]} and {facts[1]}; beside each other both need {side}"
                if side == "rows"
                else f"{facts[0]} and {facts[1]}; beneath each other both need {side}",
                "transpose one of them, or multiply it with ones",
            )
        equations.unify(tree, (found[0], side, first), (argument, side, own))
    return (cells[0][0], ()) if found is None else (found[0], getattr(found[1], side))


def _side(equations: Equations, tree: Call, found: list[tuple[Tree, Atoms]]) -> Atoms:
    """The rows of all rows of blocks together, or the columns of all columns."""
    if len(found) == 1:
        return found[0][1]
    total: Size = 0
    for argument, atoms in found:
        size = equations.sizes.find(atoms[0]) if atoms else 1
        if isinstance(size, Unknown):
            raise _unknown(equations, argument)
        total = plus(total, size)
    return (total,)


def _unknown(equations: Equations, tree: Tree) -> GradwrightError:
    clash = f"the sizes of {equations.called(tree)} are not known where they are read"
    return equations.error(ShapeError, tree, clash, "declare its symbols, as in x='vector n'")
