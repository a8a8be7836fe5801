"""A loss through the pre-activation, where log meets an exponential.

log(softmax(Z)) is Z − logsumexp(Z), and log(σ(Z)) is −softplus(−Z): so no logarithm sees a zero,
and no derivative divides by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gradwright.calculus.stage import Definition
from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Power, postorder, variables
from gradwright.simplify.rewrite import Budget, rewrite, substitute
from gradwright.simplify.rules import BASIC
from gradwright.simplify.stable import STABLE


def stable_loss(
    graph: Graph, definitions: Sequence[Definition], folded: Callable[[Node], Node]
) -> Node:
    """The last of the definitions, the loss, in that form; as it is where it has none.

    `folded` writes expressions that have a name by it.
    """
    loss = definitions[-1].node
    activation = next(d for d in definitions if d.variable.name == "A")
    opened = substitute(graph, loss, {activation.variable: activation.node})
    stable = rewrite(graph, opened, STABLE, budget=Budget())
    if stable is opened:
        return loss
    return folded(rewrite(graph, stable, BASIC, budget=Budget()))


def meets_zero(nodes: Iterable[Node]) -> bool:
    """Whether a formula divides by the outputs A, or takes their logarithm: they may be zero."""
    for part in postorder(*nodes):
        divides = isinstance(part, Power) and part.exponent < 0
        logarithm = isinstance(part, Function) and part.operation == "log"
        if (divides or logarithm) and any(v.name == "A" for v in variables(part)):
            return True
    return False


def reached(definitions: Sequence[Definition]) -> list[Definition]:
    """The definitions that the last one depends on, and itself."""
    kept = [definitions[-1]]
    for definition in reversed(definitions[:-1]):
        if any(definition.variable in variables(d.node) for d in kept):
            kept.append(definition)
    return kept[::-1]
