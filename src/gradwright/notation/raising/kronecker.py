"""Jacobians of a matrix by a matrix, as Kronecker products in column-major vec form."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Product
from gradwright.notation.raising.contract import (
    FactorRaiser,
    NotMatrix,
    Style,
    contraction_term,
)
from gradwright.notation.raising.term import Term
from gradwright.notation.tree import Call, Transpose, Tree


def kronecker_terms(
    graph: Graph, node: Node, raise_node: Callable[[Node], Tree], raiser: FactorRaiser, style: Style
) -> list[Term]:
    """Terms for a node with axes (i, j, k, l), the Jacobian of Y[i, j] by X[k, l].

    The terms are d vec(Y)/d vec(X)': rows run over (j, i), columns over (l, k).

    Raises:
        NotMatrix: a term is neither a Kronecker product nor an outer product of two vecs.
    """
    if node.order != 4:
        raise NotMatrix
    terms = node.terms if isinstance(node, Add) else ((Fraction(1), node),)
    found = []
    for coefficient, term in terms:
        if not isinstance(term, Product):
            raise NotMatrix
        found.append(_one(graph, term, coefficient, raise_node, raiser, style))
    return found


def _one(
    graph: Graph,
    node: Product,
    coefficient: Fraction,
    raise_node: Callable[[Node], Tree],
    raiser: FactorRaiser,
    style: Style,
) -> Term:
    i, j, k, m = node.out
    for first, second, build in (
        ((j, m), (i, k), _kron),
        ((i, j), (k, m), _outer),
    ):
        split = _split(node, first, second)
        if split is None:
            continue
        sizes = dict(zip(node.out, node.axes, strict=True))
        parts = [
            graph.product(factors, labels, sizes={x: sizes[x] for x in labels})
            for factors, labels in zip(split, (first, second), strict=True)
        ]
        trees = [raise_node(part) for part in parts]
        scalars = graph.product(_closed(node), (), coefficient=coefficient * node.coefficient)
        scale = (
            contraction_term(graph, scalars, raiser, style)
            if isinstance(scalars, Product)
            else Term(Fraction(1), (raise_node(scalars),))
        )
        return Term(scale.coefficient, scale.over, scale.under, build(*trees))
    raise NotMatrix


def _kron(left: Tree, right: Tree) -> tuple[Tree, ...]:
    return (Call("kron", (left, right)),)


def _outer(left: Tree, right: Tree) -> tuple[Tree, ...]:
    return (Call("vec", (left,)), Transpose(Call("vec", (right,))))


def _components(node: Product) -> list[tuple[set[int], list[tuple[Node, Labels]]]]:
    """The factors in groups that share labels, directly or through others."""
    groups: list[tuple[set[int], list[tuple[Node, Labels]]]] = []
    for factor, labels in node.factors:
        touched = [group for group in groups if group[0] & set(labels)]
        merged = (set(labels), [(factor, labels)])
        for group in touched:
            merged = (merged[0] | group[0], [*group[1], *merged[1]])
            groups = [other for other in groups if other is not group]
        groups.append(merged)
    return groups


def _closed(node: Product) -> list[tuple[Node, Labels]]:
    out = set(node.out)
    return [f for labels, factors in _components(node) if not labels & out for f in factors]


def _split(
    node: Product, first: Labels, second: Labels
) -> tuple[list[tuple[Node, Labels]], list[tuple[Node, Labels]]] | None:
    """The factors that hold the labels of `first` and of `second`, if none holds both."""
    parts: tuple[list[tuple[Node, Labels]], list[tuple[Node, Labels]]] = ([], [])
    if set(first) & set(second):
        return None
    for labels, factors in _components(node):
        at_first, at_second = bool(labels & set(first)), bool(labels & set(second))
        if at_first and at_second:
            return None
        if at_first or at_second:
            parts[0 if at_first else 1].extend(factors)
    return parts
