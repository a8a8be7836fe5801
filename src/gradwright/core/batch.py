"""From one sample to a batch: a node for a vector becomes a node for the rows of a matrix.

The batch is a leading axis. A node that depends on the input gets it; a node that does not stays as
it is, and is repeated along it only beside one that does.
"""

from __future__ import annotations

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    Size,
    arguments,
    postorder,
)
from gradwright.errors import UnsupportedError

#: Operations on the last axis, which take any axes before it as batches.
ON_LAST_AXIS = (
    *("softmax", "logsumexp", "largest", "hardmax"),
    *("layernorm", "rmsnorm", "std", "rms"),
)


def over_batch(graph: Graph, node: Node, inputs: dict[Node, Node], batch: Size) -> Node:
    """`node` for every sample of a batch.

    Args:
        graph: the graph of the node.
        node: an expression in the variables of one sample.
        inputs: for each variable that differs between samples, the variable of the batch, with
            the axis `batch` before its own.
        batch: the size of the batch.

    Returns:
        The node with the leading axis `batch`; its slice k is `node` at sample k.

    Raises:
        UnsupportedError: an operation on a whole matrix, such as inv, is applied to what differs
            between samples.
    """
    lifted = dict(inputs)
    for part in postorder(node):
        if part not in lifted and any(argument in lifted for argument in arguments(part)):
            lifted[part] = _lifted(graph, part, lifted, batch)
    return lifted[node] if node in lifted else _repeated(graph, node, batch)


def _lifted(graph: Graph, node: Node, lifted: dict[Node, Node], batch: Size) -> Node:
    """One node, of whose arguments at least one has the batch."""

    def whole(part: Node) -> Node:
        return lifted[part] if part in lifted else _repeated(graph, part, batch)

    axes = (batch, *node.axes)
    match node:
        case Product():
            return _product(graph, node, lifted, batch)
        case Add(terms=terms):
            return graph.add([(c, whole(term)) for c, term in terms], axes)
        case Power(base=base, exponent=exponent):
            return graph.power(whole(base), exponent)
        case Function(operation=name, arguments=parts, options=options):
            return graph.function(name, *map(whole, parts), options=options)
        case Operation(operation=name, arguments=parts, options=options) if name in ON_LAST_AXIS:
            return graph.operation(name, [whole(part) for part in parts], axes, options)
        case Operation(operation=name):
            raise UnsupportedError(
                f"{name} of what differs between samples",
                f"{name} acts on a whole matrix, and a batch would need one matrix for each sample",
                f"apply {name} to parameters only",
            )
        case _:
            raise AssertionError(f"{node} has no arguments")


def _product(graph: Graph, node: Product, lifted: dict[Node, Node], batch: Size) -> Node:
    """The contraction with one more label, which the factors of the batch share."""
    label = 1 + max((x for _, labels in node.factors for x in labels), default=0)
    label = max(label, 1 + max(node.out, default=0))
    factors = [
        (lifted[factor], (label, *labels)) if factor in lifted else (factor, labels)
        for factor, labels in node.factors
    ]
    sizes = dict(zip(node.out, node.axes, strict=True)) | {label: batch}
    return graph.product(factors, (label, *node.out), coefficient=node.coefficient, sizes=sizes)


def _repeated(graph: Graph, node: Node, batch: Size) -> Node:
    """The same node for every sample."""
    return graph.broadcast(node, range(1, node.order + 1), (batch, *node.axes))
