"""Inverses of products and of matrices changed by an outer product; sums of fractions.

These identities do not always shorten: they are tried where a result is printed, and the shortest
form is taken.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Operation, Power, Product, Variable
from gradwright.simplify.rewrite import Rule, without

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
            plain = graph.operation("inv", (base,), base.axes)
            form = graph.product([(v, (0,)), (plain, (0, 1)), (u, (1,))], ())
            bottom = graph.power(graph.add([(1, graph.number(1)), (c, form)], ()), -1)
            sizes = dict(zip(node.out, node.axes, strict=True))
            rest = [*without(node, {one}), (plain, labels), (bottom, ())]
            return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _one_fraction(graph: Graph, node: Node) -> Node | None:
    """a - a q/(1 + q) = a/(1 + q): a common denominator, where the numerators become one term."""
    if not isinstance(node, Add) or len(node.terms) > MAX_TERMS:
        return None
    for k, (scale, term) in enumerate(node.terms):
        for bottom, labels, numerator in _denominators(graph, term):
            if not isinstance(bottom, Add):
                continue
            for m, (other_scale, other) in enumerate(node.terms):
                if m == k:
                    continue
                axes = tuple(range(node.order))
                parts = [(scale, numerator)]
                for c, part in bottom.terms:
                    whole = graph.product([(other, axes), (part, labels)], axes)
                    parts.append((other_scale * c, whole))
                top = graph.add(parts, node.axes)
                if _terms(top) > 1:
                    continue
                made = graph.product([(top, axes), (graph.power(bottom, -1), labels)], axes)
                rest = [t for n, t in enumerate(node.terms) if n not in (k, m)]
                return graph.add([*rest, (1, made)], node.axes)
    return None


def _terms(node: Node) -> int:
    """How many terms a node has; a number times a sum has those of the sum."""
    if isinstance(node, Product) and len(node.factors) == 1:
        node = node.factors[0][0]
    return len(node.terms) if isinstance(node, Add) else 1


def _over_one_denominator(graph: Graph, node: Node) -> Node | None:
    """a + b/z = (a z + b)/z."""
    if not isinstance(node, Add) or len(node.terms) > MAX_TERMS:
        return None
    axes = tuple(range(node.order))
    for _, term in node.terms:
        for bottom, labels, _ in _denominators(graph, term):
            parts = []
            for c, part in node.terms:
                cleared = [
                    n for b, ls, n in _denominators(graph, part) if (b, ls) == (bottom, labels)
                ]
                whole = graph.product([(part, axes), (bottom, labels)], axes)
                parts.append((c, cleared[0] if cleared else whole))
            top = graph.add(parts, node.axes)
            return graph.product([(top, axes), (graph.power(bottom, -1), labels)], axes)
    return None


#: Longer sums are not searched for fractions that belong together.
MAX_TERMS = 6


def _denominators(graph: Graph, term: Node) -> list[tuple[Node, Labels, Node]]:
    """(P, its axes, P times the term) for each P that a term is divided by."""
    if not isinstance(term, Product) or len(set(term.out)) < len(term.out):
        return []
    found = []
    sizes = dict(zip(term.out, term.axes, strict=True))
    for place, (factor, labels) in enumerate(term.factors):
        if not isinstance(factor, Power) or factor.exponent > -1:
            continue
        if not set(labels) <= set(term.out):
            continue
        left = (graph.power(factor.base, factor.exponent + 1), labels)
        rest = [*without(term, {place}), left]
        made = graph.product(rest, term.out, coefficient=term.coefficient, sizes=sizes)
        found.append((factor.base, tuple(term.out.index(label) for label in labels), made))
    return found


INVERSES = (
    Rule("inverse of a product", "(A B)⁻¹ = B⁻¹ A⁻¹", _inverse_of_product),
    Rule("Sherman-Morrison", "(A + u vᵀ)⁻¹ u = A⁻¹ u/(1 + vᵀ A⁻¹ u)", _sherman_morrison),
)

FRACTIONS = (
    Rule("fractions merged", "a - a q/(1 + q) = a/(1 + q)", _one_fraction),
    Rule("common denominator", "a + b/z = (a z + b)/z", _over_one_denominator),
)
