"""The shapes of operations on whole tensors, of three axes and more.

Tensors of equal axes are added, multiplied and divided entry by entry, functions act on each entry,
and a scalar goes with all. Everything that contracts or rearranges axes is written with indices.
"""

from __future__ import annotations

from gradwright.errors import GradwrightError, ShapeError, UnsupportedError
from gradwright.notation.functions import EACH_ENTRY
from gradwright.notation.tree import Binary, Call, Negate, Tree, children
from gradwright.notation.unify import SCALAR, Atoms, Equations, Form

#: Functions of all entries, whose value is a scalar.
_TOTALS = ("sum", "mean", "norm1", "norm2")
_ENTRY_BY_ENTRY = ("+", "-", ".*", "./", ".^")


def of_axes(axes: Atoms) -> Form:
    """The form of an array with these axes: a column, a matrix or a tensor."""
    return Form(axes[:1], axes[1:2], axes[2:])


def tensor_form(equations: Equations, tree: Tree, parts: list[Form]) -> Form | None:
    """The form of an operation one of whose operands is a tensor, or None without a tensor.

    Raises:
        ShapeError: two tensors have different axes, or a tensor stands beside a vector or matrix.
        UnsupportedError: an operation that tensors do not have.
    """
    tensors = [place for place, form in enumerate(parts) if form.deeper]
    if not tensors:
        return None
    first = tensors[0]
    match tree:
        case Negate():
            return parts[0]
        case Binary("/", _, _) if parts[1] == SCALAR:
            return parts[0]
        case Binary("*", _, _) if SCALAR in parts:
            return parts[first]
        case Binary(operator, _, _) if operator in _ENTRY_BY_ENTRY:
            return _together(equations, tree, parts, first)
        case Call(function, _, _) if function in _TOTALS:
            axis = _axis(equations, tree, parts[0])
            return SCALAR if axis is None else _without(parts[0], axis)
        case Call(function, _, _) if function in EACH_ENTRY:
            return _together(equations, tree, parts, first)
        case Call("softmax" | "layernorm" | "rmsnorm", _, _):
            _axis(equations, tree, parts[0])
            return parts[0]
        case Call("logsumexp", _, _):
            axis = _axis(equations, tree, parts[0])
            return _without(parts[0], len(parts[0].axes) - 1 if axis is None else axis)
        case Call("std" | "rms", _, _):
            axis = _axis(equations, tree, parts[0])
            if axis is not None:
                return _without(parts[0], axis)
    raise no_tensor(equations, children(tree)[first], parts[first])


def _axis(equations: Equations, tree: Call, form: Form) -> int | None:
    """The axis that a call names, counted from 0; None without one."""
    axis, count = dict(tree.options).get("axis"), len(form.axes)
    if axis is None or axis in range(count):
        return None if axis is None else int(axis)
    clash = f"axis={axis} is asked for and {equations.said(tree.arguments[0], form)}"
    raise equations.error(ShapeError, tree, clash, f"write one of axis=0 to axis={count - 1}")


def _without(form: Form, axis: int) -> Form:
    return of_axes((*form.axes[:axis], *form.axes[axis + 1 :]))


def _together(equations: Equations, tree: Tree, parts: list[Form], first: int) -> Form:
    """The common form of operands: tensors of equal axes, and scalars."""
    operands = children(tree)
    for operand, form in zip(operands, parts, strict=True):
        if form == SCALAR or form.free:
            continue
        if not equations.sizes.unify(parts[first].axes, form.axes):
            facts = [
                equations.said(o, f) for o, f in ((operands[first], parts[first]), (operand, form))
            ]
            instead = "write the entries of both, with an index for each axis"
            raise equations.error(ShapeError, tree, " and ".join(facts), instead)
    return parts[first]


def no_tensor(equations: Equations, tree: Tree, form: Form) -> GradwrightError:
    """The error about a tensor where a vector or a matrix is needed."""
    clash = f"{equations.called(tree)} has {len(form.axes)} axes and matrices have two"
    instead = "write its entries, with an index for each axis, as in y[i] = sum[j,k](T[i,j,k])"
    return equations.error(UnsupportedError, tree, clash, instead)
