"""Sums of fractions as one fraction.

These identities do not always shorten: they are tried where a result is printed, and the shortest
form is taken.
"""

from __future__ import annotations

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Power, Product
from gradwright.simplify.rewrite import rule, without

#: Longer sums are not searched for fractions that belong together.
MAX_TERMS = 6


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


FRACTIONS = (
    rule(
        "fractions merged",
        "a - a q/(1 + q) = a/(1 + q)",
        _one_fraction,
        at="Add",
        holding="Product",
    ),
    rule(
        "common denominator",
        "a + b/z = (a z + b)/z",
        _over_one_denominator,
        at="Add",
        holding="Product",
    ),
)
