"""The matrix product of two forms: what may stand left of what."""

from __future__ import annotations

from gradwright.errors import ShapeError
from gradwright.notation.tree import Binary
from gradwright.notation.unify import Equations, Form

_PRODUCTS = {
    ("matrix", "matrix"),
    ("matrix", "column"),
    ("row", "matrix"),
    ("row", "column"),
    ("column", "row"),
}
#: What to write instead of the other products: {0} and {1} are the sides, {2} and {3} transposed.
_NO_PRODUCT = {
    ("column", "column"): "write {2}*{1} (a scalar), {0}*{3} (a matrix) or {0}.*{1} (each entry)",
    ("row", "row"): "write {0}*{3} (a scalar), {2}*{1} (a matrix) or {0}.*{1} (each entry)",
    ("matrix", "row"): "write {0}*{3} for the product, or {0}.*{1} to scale the columns",
    ("column", "matrix"): "write {2}*{1} for the product, or {0}.*{1} to scale the rows",
}


def _atomic(text: str) -> str:
    """A text that an operator may follow: names, calls and the like stay bare."""
    bare = text.replace("_", "").replace("'", "")
    return text if bare.isalnum() else f"({text})"


def _turned(text: str) -> str:
    """The transpose of a side, as one would type it."""
    bare = text.removesuffix("'")
    return f"{_atomic(text)}'" if bare == text else bare


def times(equations: Equations, tree: Binary, one: Form, other: Form) -> Form:
    """The form of `one * other`; a scalar multiplies anything.

    Raises:
        ShapeError: the kinds have no product, or the inner sizes differ.
    """
    if one.kind == "scalar":
        return other
    if other.kind == "scalar":
        return one
    kinds = (one.kind, other.kind)
    if kinds not in _PRODUCTS:
        left, right = equations.called(tree.left), equations.called(tree.right)
        raise equations.error(
            ShapeError,
            tree,
            f"{equations.said(tree.left, one)} and {equations.said(tree.right, other)}; "
            f"a {kinds[0]} times a {kinds[1]} is no matrix product",
            _NO_PRODUCT[kinds].format(_atomic(left), _atomic(right), _turned(left), _turned(right)),
        )
    if one.columns:
        equations.unify(tree, (tree.left, "columns", one.columns), (tree.right, "rows", other.rows))
    return Form(one.rows, other.columns)
