"""Local Jacobians and the chain rule.

The local Jacobian of a node in one of its arguments has the axes of the node followed by those of
the argument. Identities between the two sets of axes stay unresolved: `compose` resolves them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from typing import TypeGuard

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    ONE,
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    sum_of_squares,
)
from gradwright.ops.table import elementwise, structured

#: A sum with identities or ones among its terms is distributed up to this many terms; beyond it
#: the sum stays one dense factor, which is right but keeps no structure.
MAX_DISTRIBUTED_TERMS = 64


def local_jacobians(
    graph: Graph, node: Node, wanted: Container[Node]
) -> Iterator[tuple[Node, Node]]:
    """(argument, Jacobian) for every occurrence of a wanted argument in `node`."""
    match node:
        case Product():
            yield from _of_product(graph, node, wanted)
        case Add(terms=terms):
            identity = graph.identity(node.axes)
            for coefficient, term in terms:
                if term in wanted:
                    yield term, graph.scale(coefficient, identity)
        case Power(base=base, exponent=exponent):
            if base in wanted:
                yield base, diagonal(graph, _slope_of_power(graph, base, exponent))
        case Function(arguments=arguments):
            slopes = elementwise(node).derivative(graph, node)
            for argument, slope in zip(arguments, slopes, strict=True):
                if argument in wanted:
                    yield argument, diagonal(graph, slope)
        case Operation(arguments=arguments):
            jacobians = structured(node).jacobian(graph, node)
            for argument, jacobian in zip(arguments, jacobians, strict=True):
                if argument in wanted:
                    yield argument, jacobian


def _slope_of_power(graph: Graph, base: Node, exponent: Fraction) -> Node:
    """p·u^(p - 1); for the root of a sum of squares, a norm, it is 0 at 0 by convention."""
    if exponent == Fraction(1, 2) and sum_of_squares(base):
        return graph.scale(exponent, graph.function("rsqrt", base))
    return graph.scale(exponent, graph.power(base, exponent - 1))


def _of_product(
    graph: Graph, node: Product, wanted: Container[Node]
) -> Iterator[tuple[Node, Node]]:
    """Leave one factor out: its labels become axes of the Jacobian."""
    sizes = dict(zip(node.out, node.axes, strict=True))
    for place, (factor, labels) in enumerate(node.factors):
        if factor not in wanted:
            continue
        rest = [other for k, other in enumerate(node.factors) if k != place]
        known = sizes | dict(zip(labels, factor.axes, strict=True))
        jacobian = graph.product(
            rest, (*node.out, *labels), coefficient=node.coefficient, sizes=known
        )
        yield factor, jacobian


def diagonal(graph: Graph, entries: Node) -> Node:
    """The Jacobian of an elementwise map: an identity weighted by its slopes."""
    labels = tuple(range(entries.order))
    return graph.product([(entries, labels)], labels + labels)


def compose(graph: Graph, outer: Node, local: Node, shared: int) -> Node:
    """The chain rule: contract the last `shared` axes of `outer` with the first of `local`."""
    for one, other in ((local, outer), (outer, local)):
        # The Jacobian of a sum is a multiple of the identity, and so is where a sweep begins.
        if is_multiple_of_identity(one, shared):
            return graph.scale(one.coefficient, other)
    outer_terms = structured_terms(outer)
    local_terms = structured_terms(local)
    axes = (*outer.axes[: outer.order - shared], *local.axes[shared:])
    parts = []
    for c, left in outer_terms:
        for d, right in local_terms:
            labels = tuple(range(left.order))
            inner = labels[left.order - shared :]
            fresh = tuple(range(left.order, left.order + right.order - shared))
            out = (*labels[: left.order - shared], *fresh)
            term = graph.product([(left, labels), (right, (*inner, *fresh))], out)
            parts.append((d if c is ONE else c * d, term))
    return graph.add(parts, axes)


def is_multiple_of_identity(node: Node, order: int) -> TypeGuard[Product]:
    """Whether a node is c·I on tensors of that order, for a number c."""
    if not isinstance(node, Product) or node.factors or node.order != 2 * order:
        return False
    return len(set(node.out)) == order and node.out[:order] == node.out[order:]


def structured_terms(outer: Node) -> Sequence[tuple[Fraction, Node]]:
    """The terms to distribute over: those of a sum that holds identities or ones."""
    scale = ONE
    inner = outer
    if isinstance(outer, Product) and len(outer.factors) == 1:
        factor, labels = outer.factors[0]
        # A label twice in `out` would be an identity beside the sum, not the sum itself.
        whole = labels == outer.out and len(set(labels)) == len(labels)
        if whole and isinstance(factor, Add):
            scale, inner = outer.coefficient, factor
    if isinstance(inner, Add) and len(inner.terms) <= MAX_DISTRIBUTED_TERMS:
        structured_sum = any(isinstance(t, Product) and t.has_structure for _, t in inner.terms)
        if structured_sum:
            return [(scale * c, term) for c, term in inner.terms]
    return [(ONE, outer)]
