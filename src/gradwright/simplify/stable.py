"""Equal formulas that are safer to run: logarithms of exponentials are taken apart."""

from __future__ import annotations

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Function, Node, Operation, Product, turned_factor
from gradwright.simplify.rewrite import Rule


def _turned_argument(graph: Graph, node: Node) -> Node | None:
    """log(uᵀ) = log(u)ᵀ."""
    inner = _log_argument(node)
    turned = None if inner is None else turned_factor(inner)
    if turned is None:
        return None
    factor, order = turned
    back = tuple(order.index(axis) for axis in range(len(order)))
    return graph.permute(graph.function("log", factor), back)


def _log_softmax(graph: Graph, node: Node) -> Node | None:
    """log softmax(u) = u - logsumexp(u)."""
    inner = _log_argument(node)
    if not (isinstance(inner, Operation) and inner.operation == "softmax"):
        return None
    argument = inner.arguments[0]
    batch = argument.axes[:-1]
    total = graph.operation("logsumexp", (argument,), batch)
    spread = graph.broadcast(total, tuple(range(len(batch))), argument.axes)
    return graph.subtract(argument, spread)


def _log_sigmoid(graph: Graph, node: Node) -> Node | None:
    """log sigmoid(u) = -softplus(-u)."""
    inner = _log_argument(node)
    if not (isinstance(inner, Function) and inner.operation == "sigmoid"):
        return None
    softplus = graph.function("softplus", graph.scale(-1, inner.arguments[0]))
    return graph.scale(-1, softplus)


def _log_one_minus_sigmoid(graph: Graph, node: Node) -> Node | None:
    """log(1 - sigmoid(u)) = -softplus(u)."""
    inner = _log_argument(node)
    scale = 1
    if isinstance(inner, Product) and inner.coefficient == -1 and len(inner.factors) == 1:
        scale, (inner, _) = -1, inner.factors[0]
    if not (isinstance(inner, Add) and len(inner.terms) == 2):
        return None
    argument = None
    ones = False
    for coefficient, term in inner.terms:
        if isinstance(term, Function) and term.operation == "sigmoid" and coefficient * scale == -1:
            argument = term.arguments[0]
        elif isinstance(term, Product) and not term.factors and coefficient * scale == 1:
            ones = len(set(term.out)) == len(term.out)
    if argument is None or not ones:
        return None
    return graph.scale(-1, graph.function("softplus", argument))


def _log_argument(node: Node) -> Node | None:
    if isinstance(node, Function) and node.operation == "log":
        return node.arguments[0]
    return None


STABLE = (
    Rule("log of a transpose", "log(u') = log(u)'", _turned_argument),
    Rule("log softmax", "log softmax(u) = u - logsumexp(u)", _log_softmax),
    Rule("log sigmoid", "log sigmoid(u) = -softplus(-u)", _log_sigmoid),
    Rule("log(1 - sigmoid)", "log(1 - sigmoid(u)) = -softplus(u)", _log_one_minus_sigmoid),
)
