"""Distributing products over sums, where the result stays small."""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Power, Product
from gradwright.simplify.rewrite import rule, without

#: A product is expanded into at most this many terms.
MAX_TERMS = 48

#: Powers of sums are written out up to this exponent.
MAX_POWER = 4


def _distribute(graph: Graph, node: Product, place: int) -> Node | None:
    factor, labels = node.factors[place]
    power = 1
    if isinstance(factor, Power):
        power, base = int(factor.exponent), factor.base
    else:
        base = factor
    assert isinstance(base, Add)
    if len(base.terms) ** power > MAX_TERMS:
        return None
    sizes = dict(zip(node.out, node.axes, strict=True))
    rest: list[tuple[Node, Labels]] = without(node, {place})
    if power > 1:
        rest.append((graph.power(base, power - 1), labels))
    terms = []
    for coefficient, term in base.terms:
        # Labels that only this factor held stay summed, so their sizes must be known.
        known = sizes | dict(zip(labels, base.axes, strict=True))
        scaled = node.coefficient * coefficient
        made = graph.product([*rest, (term, labels)], node.out, coefficient=scaled, sizes=known)
        terms.append((Fraction(1), made))
    return graph.add(terms, node.axes)


def _has_negative_power(node: Node) -> bool:
    if isinstance(node, Product):
        return any(_has_negative_power(factor) for factor, _ in node.factors)
    return isinstance(node, Power) and node.exponent < 0


def _is_sum(factor: Node) -> bool:
    if isinstance(factor, Add):
        return True
    return (
        isinstance(factor, Power)
        and isinstance(factor.base, Add)
        and factor.exponent.denominator == 1
        and 2 <= factor.exponent <= MAX_POWER
    )


def _expand_quotients(graph: Graph, node: Node) -> Node | None:
    """Distribute over a sum of quotients, whose denominators may cancel with other factors."""
    if not isinstance(node, Product) or len(node.factors) < 2:
        return None
    for place, (factor, _) in enumerate(node.factors):
        if isinstance(factor, Add) and any(_has_negative_power(t) for _, t in factor.terms):
            return _distribute(graph, node, place)
    return None


def _expand(graph: Graph, node: Node) -> Node | None:
    if isinstance(node, Product):
        return _expand_product(graph, node)
    if isinstance(node, Power) and _is_sum(node):
        labels = tuple(range(node.order))
        base = node.base
        assert isinstance(base, Add)
        if len(base.terms) ** int(node.exponent) > MAX_TERMS:
            return None
        lowered = graph.power(base, node.exponent - 1)
        terms = [
            (c, graph.product([(lowered, labels), (term, labels)], labels))
            for c, term in base.terms
        ]
        return graph.add(terms, node.axes)
    return None


def _expand_product(graph: Graph, node: Product) -> Node | None:
    if not node.factors:
        return None
    quotients = _expand_quotients(graph, node)
    if quotients is not None:
        return quotients
    for place, (factor, _) in enumerate(node.factors):
        if _is_sum(factor):
            return _distribute(graph, node, place)
    return None


#: Only sums of quotients: what lets -y/a + (1-y)/(1-a) cancel against a(1-a).
QUOTIENTS = rule(
    "distribute quotients",
    "(a/b + c/d) e = a e/b + c e/d",
    _expand_quotients,
    at="Product",
    holding="Add",
)

EXPAND = rule(
    "distribute", "(A + B) C = A C + B C", _expand, at="Product Power", holding="Add Power"
)
