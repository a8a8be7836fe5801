"""A formula on a graph of its own, ready to be differentiated entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gradwright.calculus.modes import forward, reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable
from gradwright.core.work import within
from gradwright.notation.lower import lower
from gradwright.notation.lowered import Lowering
from gradwright.notation.shapes import Scope
from gradwright.notation.tree import Tree
from gradwright.simplify.rewrite import substitute
from gradwright.simplify.stable import recognised

#: Facts that tie entries to each other, or leave them few values: a derivative is taken without.
TYING = frozenset(
    {"symmetric", "posdef", "diagonal", "orthogonal"}
    | {"sum1", "columns_sum1", "onehot", "signs", "binary"}
)

#: The share of the work of one call that a second way to the same derivative may take.
FORWARD = 0.1


class Entrywise(Struct, frozen=True):
    """One lowering of a formula, private to one derivation.

    `lowering` is the formula as declared; in `node` the variables that are differentiated by stand
    without the facts that tie their entries, and `restored` says what they stand for.
    `recognised` is the same with functions for what is written out, log-sum-exp for
    log(sum(exp(x))): its derivative is safer to run, and may read better.
    """

    graph: Graph
    lowering: Lowering
    node: Node
    restored: dict[Node, Node]
    recognised: Node

    def restore(self, node: Node) -> Node:
        """Give the variables that were differentiated by their declared facts back."""
        if not self.restored:
            return node
        return substitute(self.graph, node, self.restored)

    def otherwise(self, node: Node, variable: Variable, safer: Node) -> tuple[Node, ...]:
        """Jacobians that may read better than that of a node in reverse mode.

        They are that in forward mode and that of `safer`, which is equal to the node. What is much
        work is left out.
        """
        made = [within(FORWARD, lambda: self.restore(forward(self.graph, node, variable)))]
        if safer is not node:
            made.append(within(FORWARD, lambda: self.restore(self.slope(safer, variable))))
        return tuple(found for found in made if found is not None)

    def slope(self, node: Node, variable: Variable) -> Node:
        """The Jacobian of a node in reverse mode."""
        return reverse(self.graph, node, [variable])[variable]

    def safer(self, derive: Callable[[Node], Node]) -> Node | None:
        """A derivative of what is recognised, or None where that is what was written."""
        return None if self.recognised is self.node else self.restore(derive(self.recognised))


def entrywise(
    tree: Tree, scope: Scope, text: str, wrt: Sequence[str]
) -> tuple[Entrywise, list[Variable]]:
    """The formula on a graph of its own, and the variables to differentiate by.

    A symmetric matrix is differentiated entry by entry, without the constraint, so for the
    differentiation it stands as a variable that is not known to be symmetric.
    """
    graph = Graph()
    lowering = lower(tree, scope, graph, text=text)
    symbols = dict(scope.symbols)
    variables: list[Variable] = []
    restored: dict[Node, Node] = {}
    for name in wrt:
        declared = symbols[name]
        free = declared.facts - TYING
        symbols[name] = replace(declared, facts=free)
        variables.append(graph.variable(name, declared.sizes, free))
        if free != declared.facts:
            restored[variables[-1]] = graph.variable(name, declared.sizes, declared.facts)
    node = lowering.value.node
    if restored:
        node = lower(tree, replace(scope, symbols=symbols), graph, text=text).value.node
    return Entrywise(graph, lowering, node, restored, recognised(graph, node)), variables
