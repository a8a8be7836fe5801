"""Sums with a common factor taken out, for what runs: fewer products, of smaller arrays."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Product
from gradwright.simplify.rewrite import rule

#: A factor, and the axes of the sum that its own axes are.
_Placed = tuple[Node, Labels]


def _common_factor(graph: Graph, node: Node) -> Node | None:
    """Σₜ cₜ x aₜ = x Σₜ cₜ aₜ, the sum over the axes alone that some aₜ has."""
    if not isinstance(node, Add):
        return None
    counted = [Counter(_placed_factors(term)) for _, term in node.terms]
    common = counted[0].copy()
    for other in counted[1:]:
        common &= other
    if not common:
        return None
    rests = [(c, *_without(term, common)) for c, term in node.terms]
    kept = sorted({axis for _, _, held in rests for axis in held})
    axes = tuple(node.axes[axis] for axis in kept)
    terms: list[tuple[Fraction, Node]] = []
    for c, rest, _ in rests:
        out = tuple(rest.out[axis] for axis in kept)
        # A size of a label that nothing holds would be a factor: these are not summed over.
        sizes = dict(zip(out, axes, strict=True))
        terms.append((c, graph.product(rest.factors, out, sizes=sizes)))
    factors = [(graph.add(terms, axes), tuple(kept)), *common.elements()]
    sizes = dict(enumerate(node.axes))
    return graph.product(factors, tuple(range(node.order)), sizes=sizes)


def _as_product(node: Node) -> Product:
    """A term as a product of coefficient 1; it may be of one factor."""
    if isinstance(node, Product):
        return node
    labels = tuple(range(node.order))
    return Product(node.axes, node.key, Fraction(1), ((node, labels),), labels)


def _placed_factors(term: Node) -> list[_Placed]:
    """The factors that are summed over nothing and tied to nothing."""
    product = _as_product(term)
    free = {x: k for k, x in enumerate(product.out) if product.out.count(x) == 1}
    return [
        (factor, tuple(free[x] for x in labels))
        for factor, labels in product.factors
        if all(x in free for x in labels)
    ]


def _without(term: Node, common: Counter[_Placed]) -> tuple[Product, set[int]]:
    """A term without the common factors, and the axes along which it is not simply repeated."""
    product = _as_product(term)
    place = {x: k for k, x in enumerate(product.out)}
    left = common.copy()
    kept = []
    for factor, labels in product.factors:
        placed = (factor, tuple(place.get(x, -1) for x in labels))
        if left[placed]:
            left[placed] -= 1
        else:
            kept.append((factor, labels))
    held = {x for _, labels in kept for x in labels}
    axes = {k for k, x in enumerate(product.out) if x in held or product.out.count(x) > 1}
    return Product(product.axes, product.key, Fraction(1), tuple(kept), product.out), axes


COMMON_FACTOR = rule("common factor", "x a + x b = x (a + b)", _common_factor, at="Add")
