"""Cross-country elimination: the chain rule applied to the intermediate nodes in any order.

The nodes between variables and output are vertices, and each use of an argument is an edge that
carries a local Jacobian. Eliminating a vertex replaces every path through it by one edge,
`compose(above, below)`; what is left between output and variables at the end is the derivative.
Reverse mode eliminates the vertices from the output backwards, forward mode from the variables
onwards. To find the order with the fewest multiplications is NP-complete (Naumann, Mathematical
Programming 112, 2008), so two greedy orders are tried: the lowest Markowitz degree, and the
lowest relative one (Griewank and Naumann, "Accumulating Jacobians as chained sparse matrix
products", Mathematical Programming 95, 2003), both counted in multiplications at given lengths
instead of in edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod

from gradwright.calculus.local import compose, local_jacobians, structured_terms
from gradwright.calculus.modes import between
from gradwright.core.graph import Graph
from gradwright.core.nodes import Labels, Node, Product, Size, Variable

#: The length of an axis that is not a number.
Length = Callable[[Size], int]

#: Above this many intermediate nodes only the order of the sweep is tried.
MAX_VERTICES = 150

#: How a vertex is picked: by what its elimination costs, or by what that saves against
#: eliminating it last.
ORDERS = ("lowest Markowitz degree", "lowest relative Markowitz degree")


def cross_country(
    graph: Graph, output: Node, wrt: Sequence[Variable], order: str, length: Length
) -> dict[Variable, Node] | None:
    """Derivatives of `output` in several variables, with axes `output.axes + variable.axes`.

    None where there are too many vertices to choose among.
    """
    edges = _Edges(graph, output, wrt)
    if len(edges.inner) > MAX_VERTICES:
        return None
    ends = prod(map(length, output.axes)) * sum(prod(map(length, v.axes)) for v in wrt)
    relative = order == ORDERS[1]
    waiting = {node: place for place, node in enumerate(reversed(edges.inner))}
    price: dict[Node, int] = {}

    def degree(node: Node) -> tuple[int, int]:
        if node not in price:
            price[node] = edges.price(node, length)
        last = ends * prod(map(length, node.axes)) if relative else 0
        return price[node] - last, waiting[node]

    while waiting:
        chosen = min(waiting, key=degree)
        del waiting[chosen]
        for neighbour in edges.eliminate(chosen):
            price.pop(neighbour, None)
    return {variable: edges.between(output, variable) for variable in wrt}


class _Edges:
    """The local Jacobians between the nodes that are left."""

    def __init__(self, graph: Graph, output: Node, wrt: Sequence[Variable]) -> None:
        self.graph = graph
        self.below: dict[Node, dict[Node, Node]] = {}
        self.above: dict[Node, dict[Node, None]] = {}
        nodes = between(output, wrt)
        known = set(nodes)
        for node in nodes:
            self.below[node], self.above[node] = {}, {}
        for node in nodes:
            if isinstance(node, Variable):
                continue
            for argument, jacobian in local_jacobians(graph, node, known):
                self._add(node, argument, jacobian)
        self.inner = [n for n in nodes if n is not output and not isinstance(n, Variable)]

    def _add(self, user: Node, argument: Node, jacobian: Node) -> None:
        held = self.below[user].get(argument)
        parts = [(1, jacobian)] if held is None else [(1, held), (1, jacobian)]
        self.below[user][argument] = self.graph.add(parts, jacobian.axes)
        self.above[argument][user] = None

    def price(self, node: Node, length: Length) -> int:
        """The Markowitz degree in multiplications: what eliminating the node takes."""
        return sum(
            pair_cost(self.below[user][node], jacobian, node.order, length)
            for user in self.above[node]
            for jacobian in self.below[node].values()
        )

    def eliminate(self, node: Node) -> Iterable[Node]:
        """Replace the paths through a node by edges; its neighbours, whose degrees change."""
        users, arguments = self.above.pop(node), self.below.pop(node)
        for user in users:
            outer = self.below[user].pop(node)
            for argument, jacobian in arguments.items():
                self._add(user, argument, compose(self.graph, outer, jacobian, node.order))
        for argument in arguments:
            del self.above[argument][node]
        return (*users, *arguments)

    def between(self, output: Node, variable: Variable) -> Node:
        """The edge that is left."""
        if output is variable:
            return self.graph.identity(output.axes)
        zero = self.graph.number(0, (*output.axes, *variable.axes))
        return self.below.get(output, {}).get(variable, zero)


def pair_cost(outer: Node, local: Node, shared: int, length: Length) -> int:
    """Multiplications of `compose(outer, local, shared)` when both factors are at hand.

    An axis that is tied to another by an identity, or along which a factor is constant, costs
    nothing; an identity as a whole is no factor at all.
    """
    total = 0
    for _, left in structured_terms(outer):
        for _, right in structured_terms(local):
            total += _term_cost(left, right, shared, length)
    return total


def _term_cost(left: Node, right: Node, shared: int, length: Length) -> int:
    one, two = _pattern(left), _pattern(right)
    if not one or not two:
        return 0
    start = left.order - shared
    axes = (*left.axes, *right.axes[shared:])
    places = [*range(start, left.order), *range(left.order, left.order + right.order - shared)]
    root = list(range(len(axes)))

    def find(place: int) -> int:
        while root[place] != place:
            place = root[place]
        return place

    def tie(labels: Labels, at: Sequence[int]) -> None:
        first: dict[int, int] = {}
        for label, place in zip(labels, at, strict=True):
            if label in first:
                root[max(find(place), find(first[label]))] = min(find(place), find(first[label]))
            first.setdefault(label, place)

    tie(_labels(left), range(left.order))
    tie(_labels(right), places)
    held = {find(k) for k in one if k >= 0} | {find(places[k]) for k in two if k >= 0}
    return prod(length(axes[k]) for k in held)


def _labels(node: Node) -> Labels:
    return node.out if isinstance(node, Product) else tuple(range(node.order))


def _pattern(node: Node) -> frozenset[int]:
    """The axes that hold numbers to multiply with; -1 stands for a scalar factor."""
    if not isinstance(node, Product):
        return frozenset(range(node.order)) | {-1}
    if not node.factors:
        return frozenset()
    inside = {label for _, labels in node.factors for label in labels}
    return frozenset(k for k, label in enumerate(node.out) if label in inside) | {-1}
