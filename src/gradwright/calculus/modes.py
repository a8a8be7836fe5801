"""Reverse and forward mode: the chain rule in two orders, on the same local Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from gradwright.calculus.local import compose, local_jacobians
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable, arguments, postorder


class Contribution(Struct, frozen=True):
    """One use of the chain rule: through `node`, what reaches `argument`."""

    node: Node
    argument: Node
    adjoint: Node
    jacobian: Node
    result: Node

    def renamed(self, to: Callable[[Node], Node]) -> Contribution:
        """The same with every node replaced."""
        return Contribution(
            to(self.node), to(self.argument), to(self.adjoint), to(self.jacobian), to(self.result)
        )


#: Called with every use of the chain rule, in order.
Recorder = Callable[[Contribution], None]


def reverse(
    graph: Graph,
    output: Node,
    wrt: Sequence[Variable],
    *,
    cotangent: Node | None = None,
    record: Recorder | None = None,
) -> dict[Variable, Node]:
    """Derivatives of `output` in several variables, from the output backwards.

    Without `cotangent` each result has axes `output.axes + variable.axes`. With a cotangent of
    axes `P + output.axes` the results are its pullbacks, with axes `P + variable.axes`.
    """
    seed = graph.identity(output.axes) if cotangent is None else cotangent
    prefix = seed.axes[: seed.order - output.order]
    order = between(output, wrt)
    waiting: dict[Node, list[Node]] = {node: [] for node in order}
    found = {variable: graph.number(0, (*prefix, *variable.axes)) for variable in wrt}
    if output in waiting:
        waiting[output].append(seed)
    for node in reversed(order):
        parts = waiting.pop(node)
        adjoint = graph.add([(1, part) for part in parts], (*prefix, *node.axes))
        if isinstance(node, Variable):
            found[node] = adjoint
            continue
        for argument, jacobian in local_jacobians(graph, node, waiting):
            result = compose(graph, adjoint, jacobian, node.order)
            waiting[argument].append(result)
            if record is not None:
                record(Contribution(node, argument, adjoint, jacobian, result))
    return found


def forward(graph: Graph, output: Node, wrt: Variable, *, tangent: Node | None = None) -> Node:
    """The Jacobian of `output` in one variable, from the variable onwards.

    With `tangent`, of the axes of the variable, the derivative along it, with the axes of `output`.
    """
    seed = graph.identity(wrt.axes) if tangent is None else tangent
    suffix = seed.axes[wrt.order :]
    order = between(output, [wrt])
    tangents: dict[Node, Node] = {}
    for node in order:
        axes = (*node.axes, *suffix)
        if node is wrt:
            tangents[node] = seed
            continue
        parts = [
            compose(graph, jacobian, tangents[argument], argument.order)
            for argument, jacobian in local_jacobians(graph, node, tangents)
        ]
        tangents[node] = graph.add([(1, part) for part in parts], axes)
    if output not in tangents:
        return graph.number(0, (*output.axes, *suffix))
    return tangents[output]


def between(output: Node, wrt: Sequence[Variable]) -> list[Node]:
    """The nodes from the variables to the output, both included, arguments first."""
    wanted: set[Node] = set(wrt)
    order = []
    for node in postorder(output):
        if node in wanted or any(part in wanted for part in arguments(node)):
            wanted.add(node)
            order.append(node)
    return order
