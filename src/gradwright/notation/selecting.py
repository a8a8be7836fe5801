"""Parts of arrays that are chosen by whole numbers: their shapes.

`gather(E, t)` takes the entries, rows or sub-tensors of E that the indices t name; `onehot(t)` has
a 1 at each of these places, so that gather(E, t) = onehot(t)*E for a matrix E.
"""

from __future__ import annotations

from collections.abc import Callable

from gradwright.errors import ShapeError, SymbolError
from gradwright.notation.tree import Call, Symbol, Tree
from gradwright.notation.unify import Atom, Atoms, Equations, Form
from gradwright.notation.whole_tensors import of_axes

#: Functions of indices, with the place of the argument that is the name of indices.
BY_INDICES = {"gather": 1, "onehot": 0}

#: The axes of indices, and the number of places that they choose from; None for other names.
IndicesOf = Callable[[str], tuple[Atoms, Atom] | None]


def expressions(tree: Call) -> tuple[Tree, ...]:
    """The arguments of a function of indices that have values of their own."""
    place = BY_INDICES[tree.function]
    return tuple(argument for k, argument in enumerate(tree.arguments) if k != place)


def selected_form(
    equations: Equations, tree: Call, parts: list[Form], indices_of: IndicesOf
) -> Form:
    """The form of a call that has a name of indices among its arguments.

    Raises:
        SymbolError: that argument is no name of indices.
        ShapeError: a count of arguments, or what is chosen from, does not fit.
    """
    place = BY_INDICES[tree.function]
    usage = "write gather(E, t) or onehot(t), with t declared as indices n v"
    if tree.options:
        clash = f"{tree.function} has no options and {tree.options[0][0]} is given"
        raise equations.error(ShapeError, tree, clash, usage)
    if len(tree.arguments) != place + 1:
        clash = f"{tree.function} takes {place + 1} arguments and {len(tree.arguments)} are given"
        raise equations.error(ShapeError, tree, clash, usage)
    named = tree.arguments[place]
    found = indices_of(named.name) if isinstance(named, Symbol) else None
    if found is None:
        clash = f"{tree.function} takes indices and {equations.called(named)} is not declared so"
        raise equations.error(SymbolError, named, clash, usage)
    axes, among = found
    if tree.function == "onehot":
        return of_axes((*axes, among))
    base, form = tree.arguments[0], parts[0]
    if form.free or form.kind in ("scalar", "row") or max(len(form.rows), len(form.columns)) > 1:
        clash = f"gather takes entries or rows, and {equations.said(base, form)}"
        raise equations.error(ShapeError, tree, clash, "give a column, a matrix or a tensor")
    equations.unify(tree, (base, "rows", form.axes[:1]), (named, "places", (among,)))
    return of_axes((*axes, *form.axes[1:]))
