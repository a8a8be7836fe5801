"""Products with a Jacobian or a Hessian, by one variable or by several at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gradwright.api.derivation import Derivation
from gradwright.api.differentiation import Subject, require_scalar, subject, untied
from gradwright.api.outputs import Choice, Output
from gradwright.calculus.modes import Contribution, forward, reverse
from gradwright.core.nodes import Node, Variable
from gradwright.errors import SymbolError, UnsupportedError
from gradwright.explain.left_sides import joined, tangent_of
from gradwright.notation.declarations import Declaration, array_kind
from gradwright.notation.shapes import Scope

if TYPE_CHECKING:
    from gradwright.api.formula import Formula


def vjp(formula: Formula, names: tuple[str, ...]) -> Derivation:
    """The vector-Jacobian products, each with the shape of its variable."""
    of = subject(formula, names)
    _require_whole_sizes(of)
    cotangent, scope = _beside(of, formula.scope, "cotangent", of.node)
    contributions: list[Contribution] = []
    record = contributions.append
    found = reverse(of.graph, of.node, of.variables, cotangent=cotangent, record=record)
    again = found
    if of.recognised is not of.node:
        again = reverse(of.graph, of.recognised, of.variables, cotangent=cotangent)
    outputs = tuple(_output(of, v.name, found[v], again[v]) for v in of.variables)
    return of.derivation("vjp", outputs, contributions, Choice(None, "reverse"), scope=scope)


def jvp(formula: Formula, names: tuple[str, ...]) -> Derivation:
    """The Jacobian-vector product, with the shape of the formula: the sum over the variables."""
    of = subject(formula, names)
    tangents, scope = _tangents(of)
    node, again = (_along(of, part, tangents) for part in (of.node, of.recognised))
    as_row = of.made.lowering.value.rows == 0
    output = replace(_output(of, joined(names), node, again), as_row=as_row)
    return of.derivation("jvp", (output,), [], Choice(None, "forward"), scope=scope)


def hvp(formula: Formula, names: tuple[str, ...]) -> Derivation:
    """The Hessian of a scalar formula times tangents, for each variable with its shape."""
    of = subject(formula, names)
    require_scalar(of, names[0], "Hessian")
    tangents, scope = _tangents(of)

    def product(node: Node, variable: Variable) -> Node:
        return _along(of, of.smooth_gradient(node, variable), tangents)

    outputs = tuple(
        _output(of, v.name, product(of.node, v), product(of.recognised, v)) for v in of.variables
    )
    gradient = partial(untied(formula, names).gradient, *names)
    return of.derivation("hvp", outputs, [], Choice(None, "forward"), gradient, scope)


def _output(of: Subject, name: str, node: Node, safer: Node) -> Output:
    """A product, and the equal one that is made of what is recognised, which runs."""
    restore = of.made.restore
    return Output(
        name, restore(node), as_row=False, safer=None if safer is node else restore(safer)
    )


def _along(of: Subject, node: Node, tangents: Sequence[Variable]) -> Node:
    """The derivative of a node along the tangents of all variables."""
    parts = [
        (1, forward(of.graph, node, variable, tangent=tangent))
        for variable, tangent in zip(of.variables, tangents, strict=True)
    ]
    return of.graph.add(parts, node.axes)


def _tangents(of: Subject) -> tuple[list[Variable], Scope]:
    """A tangent for each variable, and the scope with them."""
    scope = of.formula.scope
    names = [variable.name for variable in of.variables]
    tangents = []
    for variable in of.variables:
        tangent, scope = _beside(of, scope, tangent_of(variable.name, names), variable)
        tangents.append(tangent)
    return tangents, scope


def _beside(of: Subject, scope: Scope, name: str, like: Node) -> tuple[Variable, Scope]:
    """A variable with the axes of a node, and the scope with it."""
    if name in scope.symbols or name in scope.sizes:
        raise SymbolError(
            f"a product with the derivative of {of.formula.text}",
            f"the vector is called {name}, and the formula has a {name} of its own",
            f"rename {name} in the formula",
            text=of.formula.text,
        )
    declared = Declaration(name, array_kind(like.order), like.axes)
    wider = replace(scope, symbols={**scope.symbols, name: declared})
    return of.graph.variable(name, like.axes), wider


def _require_whole_sizes(of: Subject) -> None:
    value, scope = of.made.lowering.value, of.formula.scope
    if max(value.rows, value.node.order - value.rows) > 1 and scope.shape.kind != "tensor":
        raise UnsupportedError(
            f"a product with the derivative of {of.formula.text}",
            f"the formula has the shape {scope.shape}, and a cotangent has sizes that are no "
            "products",
            "differentiate the formula without vec or kron",
            text=of.formula.text,
        )
