"""Inverses of products and of matrices changed by an outer product.

These identities do not always shorten: they are tried where a result is printed, and the shortest
form is taken.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Operation, Product, Variable
from gradwright.simplify.rewrite import often, rule, without

INVERTIBLE = frozenset({"invertible", "posdef", "orthogonal"})


def _square_chain(node: Product) -> list[tuple[Node, bool]] | None:
    """The factors of a matrix product A B C, each square, from left to right.

    A factor is (matrix, whether it is transposed).
    """
    if len(node.out) != 2 or len(set(node.out)) < 2:
        return None
    at, end = node.out
    left = list(node.factors)
    chain: list[tuple[Node, bool]] = []
    while left:
        place = next((k for k, (_, labels) in enumerate(left) if at in labels), None)
        if place is None:
            return None
        matrix, labels = left.pop(place)
        if len(labels) != 2 or labels[0] == labels[1] or matrix.axes[0] != matrix.axes[1]:
            return None
        turned = labels[0] != at
        at = labels[0] if turned else labels[1]
        chain.append((matrix, turned))
    return chain if at == end else None


def _inverse_of_product(graph: Graph, node: Node) -> Node | None:
    """inv(A B) = inv(B) inv(A) for square A, B: where the product has an inverse, so have they."""
    if not (isinstance(node, Operation) and node.operation == "inv"):
        return None
    inner = node.arguments[0]
    if not isinstance(inner, Product):
        return None
    chain = _square_chain(inner)
    if chain is None:
        return None
    factors: list[tuple[Node, Labels]] = []
    for k, (matrix, turned) in enumerate(reversed(chain)):
        inverse = graph.operation("inv", (matrix,), matrix.axes)
        factors.append((inverse, (k + 1, k) if turned else (k, k + 1)))
    return graph.product(factors, (0, len(chain)), coefficient=1 / inner.coefficient)


def _outer_product(term: Node) -> tuple[Fraction, Node, Node] | None:
    """(c, u, v) for c·u·v', with u and v vectors."""
    if not isinstance(term, Product) or len(term.factors) != 2 or len(set(term.out)) != 2:
        return None
    sides = {labels: factor for factor, labels in term.factors}
    row, column = term.out
    if set(sides) != {(row,), (column,)}:
        return None
    return term.coefficient, sides[row,], sides[column,]


def _changed_by_outer(graph: Graph, matrix: Node) -> tuple[Node, Fraction, Node, Node] | None:
    """(A, c, u, v) for A + c·u·v' with A known to be invertible."""
    if not isinstance(matrix, Add) or len(matrix.terms) != 2:
        return None
    for k, (scale, term) in enumerate(matrix.terms):
        outer = _outer_product(term)
        coefficient, base = matrix.terms[1 - k]
        if outer is None or coefficient != 1:
            continue
        if isinstance(base, Variable) and base.facts & INVERTIBLE:
            c, u, v = outer
            return base, scale * c, u, v
    return None


def _sherman_morrison(graph: Graph, node: Node) -> Node | None:
    """inv(A + c u v') u = inv(A) u / (1 + c v' inv(A) u), and the same for v' from the left.

    Sherman and Morrison (1950). The denominator is det(A + c u v')/det(A), so it is not zero.
    """
    if not isinstance(node, Product):
        return None
    for one, (inverse, labels) in enumerate(node.factors):
        if not (isinstance(inverse, Operation) and inverse.operation == "inv"):
            continue
        changed = _changed_by_outer(graph, inverse.arguments[0])
        if changed is None:
            continue
        base, c, u, v = changed
        for two, (vector, held) in enumerate(node.factors):
            side = 1 if vector is u and held == labels[1:] else 0
            if two == one or not (side or (vector is v and held == labels[:1])):
                continue
            (shared,) = held
            if shared in node.out or often(node, shared) != 2:
                continue
            plain = graph.operation("inv", (base,), base.axes)
            form = graph.product([(v, (0,)), (plain, (0, 1)), (u, (1,))], ())
            bottom = graph.power(graph.add([(1, graph.number(1)), (c, form)], ()), -1)
            sizes = dict(zip(node.out, node.axes, strict=True))
            rest = [*without(node, {one}), (plain, labels), (bottom, ())]
            return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


INVERSES = (
    rule(
        "inverse of a product",
        "(A B)⁻¹ = B⁻¹ A⁻¹",
        _inverse_of_product,
        at="inv",
        holding="Product",
    ),
    rule(
        "Sherman-Morrison",
        "(A + u vᵀ)⁻¹ u = A⁻¹ u/(1 + vᵀ A⁻¹ u)",
        _sherman_morrison,
        at="Product",
        holding="inv",
    ),
)
