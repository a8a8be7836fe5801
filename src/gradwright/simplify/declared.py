"""Identities that hold by declared facts: orthogonal, diagonal and positive."""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.facts import diagonal, orthogonal, positive
from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Labels, Node, Operation, Power, Product
from gradwright.simplify.rewrite import often, rule, without


def _replaced(
    graph: Graph, node: Product, dropped: set[int], put: list[tuple[Node, Labels]]
) -> Node:
    sizes = dict(zip(node.out, node.axes, strict=True))
    factors = [*without(node, dropped), *put]
    return graph.product(factors, node.out, coefficient=node.coefficient, sizes=sizes)


def _orthonormal(graph: Graph, node: Node) -> Node | None:
    """Σₖ Q[k,i] Q[k,j] = δ[i,j] = Σₖ Q[i,k] Q[j,k], and Σₖ Q[k,i]² = 1."""
    if not isinstance(node, Product):
        return None
    for one, (left, at) in enumerate(node.factors):
        if isinstance(left, Power) and left.exponent == 2 and orthogonal(left.base):
            for axis in (0, 1):
                if at[0] != at[1] and often(node, at[axis]) == 1:
                    ones = (graph.ones(left.axes[1 - axis]), (at[1 - axis],))
                    return _replaced(graph, node, {one}, [ones])
        if not orthogonal(left):
            continue
        for two in range(one + 1, len(node.factors)):
            right, to = node.factors[two]
            for axis in (0, 1):
                shared = right is left and at[axis] == to[axis] and often(node, at[axis]) == 2
                if shared and at[axis] not in node.out:
                    identity = graph.identity(left.axes[:1])
                    ends = (at[1 - axis], to[1 - axis])
                    return _replaced(graph, node, {one, two}, [(identity, ends)])
    return None


def _turned_inverse(graph: Graph, node: Node) -> Node | None:
    """Q⁻¹ = Qᵀ, and det(Q)^p = 1 for even p."""
    if isinstance(node, Power) and node.exponent.numerator % 2 == 0:
        inner = node.base
        if isinstance(inner, Operation) and inner.operation == "det":
            return graph.number(1) if orthogonal(inner.arguments[0]) else None
        return None
    if not (isinstance(node, Operation) and node.arguments and orthogonal(node.arguments[0])):
        return None
    if node.operation == "inv":
        return graph.permute(node.arguments[0], (1, 0))
    return None


def _commuted(graph: Graph, node: Node) -> Node | None:
    """D E = E D; of the two that is taken whose key is smaller, so that it ends."""
    if not isinstance(node, Product):
        return None
    places = [k for k, (factor, _) in enumerate(node.factors) if diagonal(factor)]
    for one in places:
        for two in places:
            left, at = node.factors[one]
            right, to = node.factors[two]
            shared = (set(at) & set(to)) - set(node.out)
            if one >= two or left is right or len(shared) != 1:
                continue
            (middle,) = shared
            a, b = at[at[0] == middle], to[to[0] == middle]
            if often(node, middle) != 2 or a == middle or b == middle:
                continue
            made = _replaced(graph, node, {one, two}, [(right, (a, middle)), (left, (middle, b))])
            scale = 1 / node.coefficient
            if graph.scale(scale, made).key < graph.scale(scale, node).key:
                return made
    return None


#: What these are of an argument above 0: the argument itself, or 1.
SAME_ABOVE_ZERO = frozenset({"abs", "relu", "leaky_relu", "elu"})
ONE_ABOVE_ZERO = frozenset({"sign", "step"})
ABOVE_ZERO = " ".join(sorted({"Power", *SAME_ABOVE_ZERO, *ONE_ABOVE_ZERO}))


def _above_zero(graph: Graph, node: Node) -> Node | None:
    """|u| = u, relu(u) = u, sign(u) = 1, step(u) = 1 and (u²)^(1/2) = u for u > 0."""
    if isinstance(node, Function) and positive(node.arguments[0]):
        if node.operation in SAME_ABOVE_ZERO:
            return node.arguments[0]
        return graph.ones(*node.axes) if node.operation in ONE_ABOVE_ZERO else None
    inner = node.base if isinstance(node, Power) else None
    if isinstance(inner, Power) and isinstance(node, Power) and positive(inner.base):
        return graph.power(inner.base, inner.exponent * node.exponent)
    return None


def _logs(graph: Graph, node: Node) -> Node | None:
    """log(u v) = log u + log v and log(u^p) = p log u for u, v > 0; log exp u = u."""
    if not (isinstance(node, Function) and node.operation == "log"):
        return None
    (inner,) = node.arguments
    if isinstance(inner, Function) and inner.operation == "exp":
        return inner.arguments[0]
    if isinstance(inner, Power) and positive(inner.base):
        return graph.scale(inner.exponent, graph.function("log", inner.base))
    if not (isinstance(inner, Product) and positive(inner)) or inner.summed:
        return None
    if len(inner.factors) < 2:
        return None
    sizes = dict(zip(inner.out, inner.axes, strict=True))
    terms: list[tuple[Fraction, Node]] = []
    for factor, labels in inner.factors:
        log = graph.function("log", factor)
        terms.append((Fraction(1), graph.product([(log, labels)], inner.out, sizes=sizes)))
    if inner.coefficient != 1:
        number = graph.number(inner.coefficient, inner.axes)
        terms.append((Fraction(1), graph.function("log", number)))
    return graph.add(terms, inner.axes)


DECLARED = (
    rule("orthonormal", "Qᵀ Q = Q Qᵀ = I", _orthonormal, at="Product"),
    rule(
        "inverse of an orthogonal matrix", "Q⁻¹ = Qᵀ, det(Q)² = 1", _turned_inverse, at="Power inv"
    ),
    rule("diagonal matrices commute", "D E = E D", _commuted, at="Product"),
    rule("above zero", "|u| = u, sign(u) = 1, √(u²) = u for u > 0", _above_zero, at=ABOVE_ZERO),
    rule("log of a product", "log(u v) = log u + log v for u, v > 0", _logs, at="log"),
)
