"""What a node asks to be computed before it, and what of it needs no computation at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from fractions import Fraction

from gradwright.core.behind import concatenated
from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    OneHot,
    Operation,
    Power,
    Product,
    Select,
    Unit,
    arguments,
    postorder,
)

#: The factors that choose places.
CHOOSING = (OneHot, Select, Unit)


def needed(node: Node, known: Container[Node]) -> list[Node]:
    """The nodes below `node` that are not known yet and are computed as values, in order."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        part, expanded = stack.pop()
        if part in known or part in seen:
            continue
        if expanded:
            seen.add(part)
            order.append(part)
            continue
        stack.append((part, True))
        stack.extend((p, False) for p in reversed(_operands(part)))
    return order


def _operands(node: Node) -> tuple[Node, ...]:
    """What is computed before a node; products and sums ask for some factors themselves."""
    match node:
        case Power(base=base):
            return (base,)
        case Function(arguments=parts) | Operation(arguments=parts):
            return tuple(part for part in parts if len(parts) == 1 or not is_constant(part))
        case Product(factors=factors):
            turned, by = turned_sum(node)
            below = tuple(
                _factor_operand(factor)
                for factor, _ in factors
                if factor is not turned and not isinstance(factor, CHOOSING)
            )
            return below if turned is None else (*below, *_terms_operands(turned, by))
        case Add():
            behind = concatenated(node)
            return _terms_operands(node) if behind is None else behind[1]
        case _:
            return ()


def _terms_operands(node: Add, by: Fraction = Fraction(1)) -> tuple[Node, ...]:
    """What is computed before a sum whose terms are multiplied by a number."""
    listed: list[Node] = []
    for c, term in node.terms:
        if is_opened(by * c, term):
            listed += _operands(term)
        elif not is_constant(term):
            listed.append(_term_operand(term))
    return tuple(listed)


def turned_sum(node: Product) -> tuple[Add | None, Fraction]:
    """A factor that is a sum, and a number by which its terms are multiplied instead of the rest.

    −c (a − b) x is c (b − a) x, one pass less. A sum that stands alone takes the whole number where
    every term takes it in a factor of its own.
    """
    sums = [factor for factor, _ in node.factors if isinstance(factor, Add)]
    alone = len(sums) == len(node.factors) == 1 and abs(node.coefficient) != 1
    if (
        alone
        and concatenated(sums[0]) is None
        and all(is_scaled_by_parts(term) for _, term in sums[0].terms)
    ):
        return sums[0], node.coefficient
    if node.coefficient < 0:
        for part in sums:
            if any(c < 0 for c, _ in part.terms):
                return part, Fraction(-1)
    return None, Fraction(1)


def is_opened(coefficient: Fraction, term: Node) -> bool:
    """Whether a sum computes a term from its factors: tied, repeated, or scaled by a part."""
    if not isinstance(term, Product) or not term.factors or only_turned(term):
        return False
    if len(set(term.out)) < term.order:
        # A matrix with one diagonal has code of its own.
        return term.order > 2
    held = {x for _, labels in term.factors for x in labels}
    scaled = abs(coefficient) != 1 and is_scaled_by_parts(term)
    return scaled or not held.issuperset(term.out)


def is_scaled_by_parts(term: Node) -> bool:
    """Whether a number multiplies fewer entries in a factor of a term than in the term."""
    if not isinstance(term, Product) or len(term.factors) < 2:
        return False
    held = {x for _, labels in term.factors for x in labels}
    orders = [len(labels) for _, labels in term.factors if labels]
    return bool(orders) and min(orders) < len(held.intersection(term.out))


def _factor_operand(factor: Node) -> Node:
    if isinstance(factor, Power) and is_under(factor):
        return factor.base
    if is_mask(factor):
        assert isinstance(factor, Function)
        return factor.arguments[0]
    return factor


def _term_operand(term: Node) -> Node:
    if isinstance(term, Product) and only_turned(term):
        return term.factors[0][0]
    return term


def is_mask(factor: Node) -> bool:
    """Whether a factor is a step with value 0 at 0: as a factor, the comparison `z > 0`."""
    return (
        isinstance(factor, Function)
        and factor.operation == "step"
        and dict(factor.options)["kink"] == 0
    )


def pairs(roots: Iterable[Node]) -> dict[Node, tuple[Node, Node]]:
    """For each softmax whose log-sum-exp is asked for too, and the other way round, both."""
    found: dict[Node, dict[str, Node]] = {}
    for part in postorder(*roots):
        if isinstance(part, Operation) and part.operation in ("softmax", "logsumexp"):
            found.setdefault(part.arguments[0], {})[part.operation] = part
    both = [(p["softmax"], p["logsumexp"]) for p in found.values() if len(p) == 2]
    return {part: pair for pair in both for part in pair}


def used_once(roots: Iterable[Node]) -> frozenset[Node]:
    """The nodes below some roots that one other node is made of, in one place."""
    listed = list(roots)
    uses = Counter(listed)
    for part in postorder(*listed):
        uses.update(arguments(part))
    return frozenset(part for part, count in uses.items() if count == 1) - set(listed)


def is_under(factor: Node) -> bool:
    """Whether a factor stands under a fraction bar."""
    return isinstance(factor, Power) and factor.exponent < 0


def is_constant(term: Node) -> bool:
    """Whether a node is one number in every entry."""
    return isinstance(term, Product) and not term.factors and len(set(term.out)) == len(term.out)


def only_turned(term: Product) -> bool:
    """Whether a product is one factor, scaled, permuted or repeated: nothing to compute."""
    if len(set(term.out)) < len(term.out) or len(term.factors) != 1:
        return False
    _, labels = term.factors[0]
    return len(set(labels)) == len(labels) and set(labels) <= set(term.out)


def held_axes(term: Node) -> frozenset[int]:
    """The axes of a term of a sum along which it is not simply repeated."""
    if not isinstance(term, Product):
        return frozenset(range(term.order))
    held = {x for _, labels in term.factors for x in labels}
    tied = {x for x in term.out if term.out.count(x) > 1}
    return frozenset(k for k, x in enumerate(term.out) if x in held | tied)
