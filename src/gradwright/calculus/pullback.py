"""The pullback through a list of named definitions: one adjoint per name, last name first.

This is the recursion of backpropagation: the adjoint of a name is the sum, over the later
definitions that use it, of their adjoints pulled back through one local Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gradwright.calculus.modes import reverse
from gradwright.calculus.stage import Definition
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable, variables


class Adjoint(Struct, frozen=True):
    """`variable := node`, the derivative of the last definition's name (or cotangent) by `of`."""

    of: Variable
    variable: Variable
    node: Node


def adjoint_name(name: str) -> str:
    """The name of the adjoint of `name`."""
    return f"δ{name}"


def pullback(
    graph: Graph,
    definitions: Sequence[Definition],
    wrt: Sequence[Variable],
    *,
    given: Mapping[Variable, Variable],
) -> list[Adjoint]:
    """Adjoints of the defined names and of `wrt`, in the order in which they are computed.

    `given` maps names to their cotangents, inputs of the pullback. A scalar name without
    cotangent is the loss itself, with adjoint 1. Each adjoint refers to later adjoints by name.
    """
    adjoints: dict[Variable, Node] = dict(given)
    found: list[Adjoint] = []
    targets = [definition.variable for definition in reversed(definitions)]
    targets += [variable for variable in wrt if variable not in targets]
    for target in targets:
        if target in adjoints:
            continue
        parts: list[tuple[int, Node]] = []
        for user in definitions:
            if target not in variables(user.node) or user.variable not in adjoints:
                continue
            cotangent = adjoints[user.variable]
            parts.append((1, reverse(graph, user.node, [target], cotangent=cotangent)[target]))
        if not parts and target.order == 0:
            adjoints[target] = graph.number(1)
            continue
        node = graph.add(parts, target.axes)
        variable = graph.variable(adjoint_name(target.name), target.axes)
        adjoints[target] = variable
        found.append(Adjoint(target, variable, node))
    return found
