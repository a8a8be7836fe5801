"""The pushforward through a list of named definitions: one tangent per name, first name first.

The tangent of a name is the sum, over what its definition uses, of the local Jacobians applied to
their tangents. Applied to the definitions of a pullback it gives derivatives of a gradient along a
direction (Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradwright.calculus.modes import forward
from gradwright.calculus.stage import Definition
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Product, Variable, variables


def tangent_name(name: str) -> str:
    """The name of the tangent of `name`: a dot over it, in letters that can be typed."""
    return f"{name}_dot"


def tangent_of(graph: Graph, variable: Variable) -> Variable:
    """The tangent of a variable: of its axes, and without its facts."""
    return graph.variable(tangent_name(variable.name), variable.axes)


def pushforward(
    graph: Graph,
    definitions: Sequence[Definition],
    moved: Sequence[Variable],
    define: Callable[[Variable, Node], Definition],
) -> list[Definition]:
    """The tangents of the defined names when the variables in `moved` have tangents.

    Each refers to earlier names and tangents by name; a name that does not move has none.
    `define` makes the definition of a tangent, simplified as the caller likes.
    """
    tangents: dict[Variable, Variable] = {v: tangent_of(graph, v) for v in moved}
    found = []
    for definition in definitions:
        node = _tangent(graph, definition.node, tangents)
        if isinstance(node, Product) and not node.coefficient:
            continue
        variable = tangent_of(graph, definition.variable)
        tangents[definition.variable] = variable
        found.append(define(variable, node))
    return found


def _tangent(graph: Graph, node: Node, tangents: Mapping[Variable, Variable]) -> Node:
    used = sorted(variables(node) & set(tangents), key=lambda variable: variable.name)
    parts = [(1, forward(graph, node, v, tangent=tangents[v])) for v in used]
    return graph.add(parts, node.axes)
