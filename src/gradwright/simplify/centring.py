"""What the derivative of softmax subtracts, subtracted twice in code, for its digits.

With a = softmax(z) the pullback is a ⊙ (d − ones(q) (a'd)). Where an entry of a is nearly 1, d is
there nearly the mean a'd, and the rounding of a and of the mean leaves few digits of their
difference. The entries of a have the sum 1, so that the mean of what is left is 0, and subtracting
it too changes nothing else: a projection, done twice. "Twice is enough" (W. Kahan, in Parlett, The
Symmetric Eigenvalue Problem, 1980, section 6.9) says the same of orthogonalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Labels,
    Node,
    Operation,
    Product,
    Variable,
    postorder,
    turned_factor,
)
from gradwright.simplify.rewrite import rebuilt


def centred_twice(
    graph: Graph, nodes: Sequence[Node], axes: Mapping[Node, int]
) -> tuple[list[Node], dict[Variable, Node]]:
    """Equal nodes, and what is to be computed before them under variables of no other use.

    `axes` has nodes that are softmaxes along an axis, beside those whose operation is softmax.
    """
    held: dict[Variable, Node] = {}
    new: dict[Node, Node] = {}
    for part in postorder(*nodes):
        mean = _mean(graph, part, axes)
        new[part] = rebuilt(graph, part, new)
        if mean is not None:
            once = graph.variable(f"{part.key.hex()} once", part.axes)
            held[once] = new[part]
            new[part] = graph.subtract(once, mean(once))
    return [new[node] for node in nodes], held


def softmax_axes(names: Mapping[Node, Node]) -> dict[Node, int]:
    """Of the names of nodes those of softmaxes, and the axis along which each is one."""
    found = {}
    for node, name in names.items():
        factor, order = turned_factor(node) or (node, tuple(range(node.order)))
        if isinstance(factor, Operation) and factor.operation == "softmax":
            found[name] = order[-1]
    return found


def _mean(graph: Graph, node: Node, axes: Mapping[Node, int]) -> Callable[[Node], Node] | None:
    """The mean by a softmax, repeated, where a node is c (d − mean of d)."""
    if not (isinstance(node, Add) and len(node.terms) == 2):
        return None
    for (factor, d), (_, product) in (node.terms, node.terms[::-1]):
        if not isinstance(product, Product):
            continue
        for weights, labels in product.factors:
            direct = isinstance(weights, Operation) and weights.operation == "softmax"
            axis = weights.order - 1 if direct else axes.get(weights)
            spread = [label for label in product.out if label not in labels]
            if axis is None or len(spread) != 1 or labels[axis] in product.out:
                continue
            if node.axes[product.out.index(spread[0])] != weights.axes[axis]:
                continue
            mean = partial(_taken, graph, product, weights, labels, (spread[0], labels[axis]))
            if graph.add([(factor, d), (-factor, mean(d))], node.axes) is node:
                return mean
    return None


def _taken(
    graph: Graph,
    product: Product,
    weights: Node,
    labels: Labels,
    changed: tuple[int, int],
    x: Node,
) -> Node:
    """The mean of x by weights along the one label that a product has for the other."""
    spread, summed = changed
    places = [summed if label == spread else label for label in product.out]
    sizes = dict(zip(product.out, product.axes, strict=True))
    return graph.product([(weights, labels), (x, places)], product.out, sizes=sizes)
