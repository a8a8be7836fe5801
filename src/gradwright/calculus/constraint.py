"""Derivatives by variables whose entries are tied to each other.

By the contract a derivative is taken entry by entry, as if the entries of a symmetric matrix could
vary alone: that is G. Two others follow from it by a linear map along the axes of the variable:

* `projected`: the orthogonal projection of G onto the directions in which the variable can move,
  the gradient within the declared set in the inner product ⟨A, B⟩ = Σ A[i,j] B[i,j]. For symmetric
  matrices (G + Gᵀ)/2 (Srinivasan and Panda, What is the gradient of a scalar function of a
  symmetric matrix?, Indian Journal of Pure and Applied Mathematics, 2022); for orthogonal ones
  (G - Q Gᵀ Q)/2 (Edelman, Arias and Smith, SIAM J. Matrix Anal. Appl. 20, 1998, section 2.4.5);
* `free`: the derivatives by the free entries. For symmetric matrices G + Gᵀ - diag(G), since
  S[i,j] and S[j,i] are one entry (Petersen and Pedersen, The Matrix Cookbook, 2012, eq. 138).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fractions import Fraction

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Labels, Node

#: What `constraint` may be.
CONSTRAINTS = ("none", "projected", "free")

HALF = Fraction(1, 2)

#: From a derivative G, the labels of its first axes, and the variable.
Along = Callable[[Graph, Node, Labels, Node], Node]


class Tied(Struct, frozen=True):
    """A set of arrays with tied entries: the maps from G, and how they are said.

    `curved` sets have no second derivative that is a map of the Hessian of G alone.
    """

    name: str
    projected: Along
    projected_text: str
    free: Along | None = None
    free_text: str = ""
    curved: bool = False

    def along(self, constraint: str) -> Along | None:
        """The map for a constraint, if there is one."""
        return self.projected if constraint == "projected" else self.free

    def text(self, constraint: str) -> str:
        """What the map makes of the gradient G."""
        return self.projected_text if constraint == "projected" else self.free_text


def tied(facts: Collection[str]) -> Tied | None:
    """The set that facts declare, the smallest one, or None where the entries vary freely."""
    return next((TIED[fact] for fact in TIED if fact in facts), None)


def constrained(graph: Graph, node: Node, variable: Node, along: Along, times: int = 1) -> Node:
    """A derivative whose last axes are those of the variable, mapped; twice for a Hessian."""
    count = variable.order
    for _ in range(times):
        lead = tuple(range(node.order - count))
        node = along(graph, node, lead, variable)
        if times > 1:
            # The other axes of the variable come last in their turn.
            node = graph.permute(node, (*range(count, 2 * count), *range(count)))
    return node


def _turned(graph: Graph, node: Node, lead: Labels) -> Node:
    i, j = len(lead), len(lead) + 1
    return graph.permute(node, (*lead, j, i))


def _on_diagonal(graph: Graph, node: Node, lead: Labels) -> Node:
    i = len(lead)
    return graph.product([(node, (*lead, i, i))], (*lead, i, i))


def _symmetric(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    both = graph.add([(1, node), (1, _turned(graph, node, lead))], node.axes)
    return graph.scale(HALF, both)


def _symmetric_free(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    turned, diagonal = _turned(graph, node, lead), _on_diagonal(graph, node, lead)
    return graph.add([(1, node), (1, turned), (-1, diagonal)], node.axes)


def _diagonal(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    return _on_diagonal(graph, node, lead)


def _orthogonal(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    i, j, k, m = range(len(lead), len(lead) + 4)
    factors = [(variable, (i, k)), (node, (*lead, m, k)), (variable, (m, j))]
    across = graph.product(factors, (*lead, i, j))
    return graph.scale(HALF, graph.subtract(node, across))


def _sum_to_one(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    return _centred(graph, node, node.order - 1)


def _columns_sum_to_one(graph: Graph, node: Node, lead: Labels, variable: Node) -> Node:
    return _centred(graph, node, len(lead))


def _centred(graph: Graph, node: Node, axis: int) -> Node:
    """G minus its mean along an axis."""
    labels = tuple(range(node.order))
    size = graph.power(graph.size_of(node.axes[axis]), -1)
    kept = tuple(label for label in labels if label != axis)
    mean = graph.product([(node, labels), (size, ())], kept)
    places = [place for place in labels if place != axis]
    return graph.subtract(node, graph.broadcast(mean, places, node.axes))


#: By fact, the smallest set first: a diagonal matrix is symmetric too.
TIED: Mapping[str, Tied] = {
    "diagonal": Tied("diagonal matrices", _diagonal, "diag(diag(G))", _diagonal, "diag(diag(G))"),
    "orthogonal": Tied("orthogonal matrices", _orthogonal, "(G − {0} Gᵀ {0})/2", curved=True),
    "symmetric": Tied(
        "symmetric matrices",
        _symmetric,
        "(G + Gᵀ)/2",
        _symmetric_free,
        "G + Gᵀ − diag(diag(G))",
    ),
    "sum1": Tied("vectors, or rows, that sum to 1", _sum_to_one, "G minus its mean"),
    "columns_sum1": Tied(
        "columns that sum to 1", _columns_sum_to_one, "G minus the mean of each column"
    ),
}
