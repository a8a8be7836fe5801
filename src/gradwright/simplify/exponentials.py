"""Functions that are written out with exponentials: sigmoid, softplus, log-sum-exp, softmax."""

from __future__ import annotations

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    Variable,
)
from gradwright.simplify.rewrite import rule, without


def _one_plus_exp(node: Node) -> Node | None:
    """u for 1 + exp(u)."""
    if not (isinstance(node, Add) and len(node.terms) == 2):
        return None
    parts = {type(term): (c, term) for c, term in node.terms}
    if Product not in parts or Function not in parts:
        return None
    (one, ones), (two, exponential) = parts[Product], parts[Function]
    if one != two or not isinstance(ones, Product) or ones.factors:
        return None
    if len(set(ones.out)) < len(ones.out) or not isinstance(exponential, Function):
        return None
    if exponential.operation != "exp" or one != 1:
        return None
    return exponential.arguments[0]


def _sigmoid(graph: Graph, node: Node) -> Node | None:
    """1/(1 + exp(u)) = sigmoid(-u)."""
    if not (isinstance(node, Power) and node.exponent == -1):
        return None
    argument = _one_plus_exp(node.base)
    if argument is None:
        return None
    return graph.function("sigmoid", graph.scale(-1, argument))


def _exp_times_sigmoid(graph: Graph, node: Node) -> Node | None:
    """exp(u) sigmoid(-u) = sigmoid(u)."""
    if not isinstance(node, Product):
        return None
    for one, (left, left_labels) in enumerate(node.factors):
        if not (isinstance(left, Function) and left.operation == "exp"):
            continue
        argument = left.arguments[0]
        opposite = graph.function("sigmoid", graph.scale(-1, argument))
        for two, (right, right_labels) in enumerate(node.factors):
            if right is opposite and left_labels == right_labels:
                sizes = dict(zip(node.out, node.axes, strict=True))
                together = (graph.function("sigmoid", argument), left_labels)
                rest = [*without(node, {one, two}), together]
                return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _one_minus_sigmoid(node: Node) -> tuple[int, Node] | None:
    """(sign, u) for 1 - sigmoid(u), or with both signs changed."""
    if not (isinstance(node, Add) and len(node.terms) == 2):
        return None
    for (c, ones), (d, other) in (node.terms, node.terms[::-1]):
        plain = isinstance(ones, Product) and not ones.factors and len(set(ones.out)) == ones.order
        if not plain or not (isinstance(other, Function) and other.operation == "sigmoid"):
            continue
        if c == -d and abs(c) == 1:
            return int(c), other.arguments[0]
    return None


def _is_negative(node: Node) -> bool:
    return isinstance(node, Product) and node.coefficient < 0


def _complement(graph: Graph, node: Node) -> Node | None:
    """1 - sigmoid(-u) = sigmoid(u)."""
    found = _one_minus_sigmoid(node)
    if found is None or not _is_negative(found[1]):
        return None
    sign, argument = found
    return graph.scale(sign, graph.function("sigmoid", graph.scale(-1, argument)))


def _even_slope(graph: Graph, node: Node) -> Node | None:
    """sigmoid(-u) sigmoid(u) = sigmoid(u) (1 - sigmoid(u)), also where u has factors of ±1."""
    if not isinstance(node, Product):
        return None
    # A product may have hundreds of sigmoids: what is asked of one is found once.
    factors = [(k, f, held, _one_minus_sigmoid(f)) for k, (f, held) in enumerate(node.factors)]
    for one, left, labels, _ in factors:
        if not (isinstance(left, Function) and left.operation == "sigmoid"):
            continue
        argument = left.arguments[0]
        other = graph.function("sigmoid", graph.scale(-1, argument))
        for two, right, held, pair in factors:
            if two == one or held != labels:
                continue
            opposite = right is other
            if not opposite and (pair is None or pair[1] is not argument):
                continue
            plain = _without_signs(graph, argument)
            if plain is argument and not opposite:
                continue
            slope = graph.function("sigmoid", plain)
            rest = graph.subtract(graph.ones(*plain.axes), slope)
            sizes = dict(zip(node.out, node.axes, strict=True))
            kept = [*without(node, {one, two}), (slope, labels), (rest, labels)]
            sign = 1 if pair is None else pair[0]
            return graph.product(kept, node.out, coefficient=sign * node.coefficient, sizes=sizes)
    return None


def _without_signs(graph: Graph, node: Node) -> Node:
    """u for -u and for y .* u with entries ±1 in y: an even function takes both to the same."""
    if not isinstance(node, Product) or len(set(node.out)) < len(node.out):
        return node
    signs = {
        place
        for place, (factor, labels) in enumerate(node.factors)
        if isinstance(factor, Variable) and "signs" in factor.facts and set(labels) <= set(node.out)
    }
    coefficient = abs(node.coefficient)
    if (not signs and coefficient == node.coefficient) or len(signs) == len(node.factors):
        return node
    sizes = dict(zip(node.out, node.axes, strict=True))
    return graph.product(without(node, signs), node.out, coefficient=coefficient, sizes=sizes)


def _softplus(graph: Graph, node: Node) -> Node | None:
    """log(1 + exp(u)) = softplus(u)."""
    if not (isinstance(node, Function) and node.operation == "log"):
        return None
    argument = _one_plus_exp(node.arguments[0])
    return None if argument is None else graph.function("softplus", argument)


def _sum_of_exponentials(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """(u, order) for the sum of exp(u) over one axis, which `order` puts last."""
    if not (isinstance(node, Product) and node.coefficient == 1 and len(node.factors) == 1):
        return None
    factor, labels = node.factors[0]
    if not (isinstance(factor, Function) and factor.operation == "exp"):
        return None
    summed = [axis for axis, label in enumerate(labels) if label not in node.out]
    if len(summed) != 1 or len(set(labels)) < len(labels) or set(node.out) - set(labels):
        return None
    if len(node.out) != len(labels) - 1:
        return None
    return factor.arguments[0], (*(labels.index(label) for label in node.out), *summed)


def _logsumexp(graph: Graph, node: Node) -> Node | None:
    """log Σₖ exp(u[…, k]) = logsumexp(u)."""
    if not (isinstance(node, Function) and node.operation == "log"):
        return None
    found = _sum_of_exponentials(node.arguments[0])
    if found is None:
        return None
    argument, order = found
    return graph.operation("logsumexp", (graph.permute(argument, order),), node.axes)


def _log_total_of_exponentials(graph: Graph, node: Node) -> Node | None:
    """log Σ_i,j exp(u[i, j]) = logsumexp(logsumexp(u))."""
    if not (isinstance(node, Function) and node.operation == "log" and not node.order):
        return None
    total = node.arguments[0]
    if not (isinstance(total, Product) and total.coefficient == 1 and len(total.factors) == 1):
        return None
    factor, labels = total.factors[0]
    if not (isinstance(factor, Function) and factor.operation == "exp" and len(set(labels)) == 2):
        return None
    (argument,) = factor.arguments
    if argument.order != 2:
        return None
    rows = graph.operation("logsumexp", (argument,), argument.axes[:-1])
    return graph.operation("logsumexp", (rows,), ())


def _softmax(graph: Graph, node: Node) -> Node | None:
    """exp(u)[…, k] / Σₗ exp(u[…, l]) = softmax(u)[…, k]."""
    if not isinstance(node, Product):
        return None
    for one, (bottom, bottom_labels) in enumerate(node.factors):
        if not (isinstance(bottom, Power) and bottom.exponent <= -1):
            continue
        found = _sum_of_exponentials(bottom.base)
        if found is None or bottom.exponent.denominator != 1:
            continue
        argument, order = found
        numerator = graph.function("exp", argument)
        for two, (top, labels) in enumerate(node.factors):
            if top is numerator and tuple(labels[k] for k in order[:-1]) == bottom_labels:
                sizes = dict(zip(node.out, node.axes, strict=True))
                turned = graph.permute(argument, order)
                weights = graph.operation("softmax", (turned,), turned.axes)
                left_over = graph.power(bottom.base, bottom.exponent + 1)
                rest = [
                    *without(node, {one, two}),
                    (weights, tuple(labels[k] for k in order)),
                    (left_over, bottom_labels),
                ]
                return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _shifted(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """(u, c) for an operation along the last axis of u + c, with c the same all along it."""
    if not (isinstance(node, Operation) and isinstance(node.arguments[0], Add)):
        return None
    argument = node.arguments[0]
    kept, shift = [], []
    for coefficient, term in argument.terms:
        if _is_repeated(term):
            assert isinstance(term, Product)
            sizes = dict(zip(term.out[:-1], term.axes[:-1], strict=True))
            part = graph.product(
                term.factors, term.out[:-1], coefficient=term.coefficient, sizes=sizes
            )
            shift.append((coefficient, part))
        else:
            kept.append((coefficient, term))
    if not shift or not kept:
        return None
    return graph.add(kept, argument.axes), graph.add(shift, argument.axes[:-1])


def _is_repeated(node: Node) -> bool:
    """Whether a node is the same all along its last axis."""
    if not isinstance(node, Product):
        return False
    last = node.out[-1]
    held = {label for _, labels in node.factors for label in labels}
    return last not in held and last not in node.out[:-1]


def _shifted_softmax(graph: Graph, node: Node) -> Node | None:
    """softmax(u + c) = softmax(u)."""
    found = _shifted(graph, node)
    if found is None or not isinstance(node, Operation) or node.operation != "softmax":
        return None
    return graph.operation("softmax", (found[0],), node.axes)


def _shifted_logsumexp(graph: Graph, node: Node) -> Node | None:
    """logsumexp(u + c) = logsumexp(u) + c."""
    found = _shifted(graph, node)
    if found is None or not isinstance(node, Operation) or node.operation != "logsumexp":
        return None
    plain, shift = found
    rest = graph.operation("logsumexp", (plain,), node.axes)
    return graph.add([(1, rest), (1, shift)], node.axes)


EXPONENTIALS = (
    rule("sigmoid", "1/(1 + exp(-u)) = sigmoid(u)", _sigmoid, at="Power", holding="Add"),
    rule(
        "sigmoid times exp",
        "exp(u) sigmoid(-u) = sigmoid(u)",
        _exp_times_sigmoid,
        at="Product",
        holding="exp",
    ),
    rule("complement", "1 - sigmoid(-u) = sigmoid(u)", _complement, at="Add", holding="sigmoid"),
    rule(
        "even slope",
        "sigmoid(-u) sigmoid(u) = sigmoid(u) (1 - sigmoid(u))",
        _even_slope,
        at="Product",
        holding="sigmoid",
    ),
    rule("softplus", "log(1 + exp(u)) = softplus(u)", _softplus, at="log", holding="Add"),
    rule("log-sum-exp", "log Σ exp(u) = logsumexp(u)", _logsumexp, at="log", holding="Product"),
    rule(
        "log of a total",
        "log Σ exp(u) = logsumexp(logsumexp(u)) for a matrix u",
        _log_total_of_exponentials,
        at="log",
        holding="Product",
    ),
    rule("softmax", "exp(u)/Σ exp(u) = softmax(u)", _softmax, at="Product", holding="exp"),
    rule(
        "shifted softmax",
        "softmax(u + c) = softmax(u)",
        _shifted_softmax,
        at="softmax",
        holding="Add",
    ),
    rule(
        "shifted log-sum-exp",
        "logsumexp(u + c) = logsumexp(u) + c",
        _shifted_logsumexp,
        at="logsumexp",
        holding="Add",
    ),
)
