"""Equal formulas that are safer to run: logarithms of exponentials are taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.definite import positive_definite
from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    turned_factor,
)
from gradwright.simplify.rewrite import Budget, Step, rewrite, rule, without
from gradwright.simplify.rules import BASIC


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
        factor, labels = inner.factors[0]
        if labels != inner.out:
            return None
        scale, inner = -1, factor
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


def _is_one(node: Node) -> bool:
    """Whether every entry of a node is 1."""
    if not isinstance(node, Product) or node.factors or node.coefficient != 1:
        return False
    return len(set(node.out)) == len(node.out)


def _called(node: Node, operation: str) -> Node | None:
    """The argument of an elementwise function of that name."""
    fits = isinstance(node, Function) and node.operation == operation
    return node.arguments[0] if fits and isinstance(node, Function) else None


def _log_of_sum_of_exponentials(graph: Graph, node: Node) -> Node | None:
    """log(exp(u) + exp(v)) = v + softplus(u - v)."""
    inner = _log_argument(node)
    if not (isinstance(inner, Add) and len(inner.terms) == 2):
        return None
    arguments = [_called(term, "exp") for c, term in inner.terms if c == 1]
    if len(arguments) < 2 or arguments[0] is None or arguments[1] is None:
        return None
    one, other = arguments[0], arguments[1]
    softplus = graph.function("softplus", graph.subtract(one, other))
    return graph.add([(1, other), (1, softplus)], node.axes)


def _log_det(graph: Graph, node: Node) -> Node | None:
    """log det(A) from the factors of A: det(A) itself overflows."""
    inner = _log_argument(node)
    if not (isinstance(inner, Operation) and inner.operation == "det"):
        return None
    return graph.operation("log_of_det", inner.arguments, ())


def _cholesky(graph: Graph, node: Node) -> Node | None:
    """The log-determinant of a positive definite matrix, from half the work."""
    if not (isinstance(node, Operation) and node.operation in ("logdet", "log_of_det")):
        return None
    (argument,) = node.arguments
    if not positive_definite(argument):
        return None
    return graph.operation("cholesky_logdet", (argument,), ())


def _sigmoid_from_tanh(graph: Graph, node: Node) -> Node | None:
    """1 + tanh(u) = 2 sigmoid(2 u): the sum cancels for u far below 0."""
    found = _one_and(node, "tanh")
    if found is None:
        return None
    constant, slope, argument, rest = found
    if abs(slope) != abs(constant):
        return None
    sign = 1 if slope == constant else -1
    made = graph.function("sigmoid", graph.scale(2 * sign, argument))
    return graph.add([*rest, (2 * constant, made)], node.axes)


def _tanh_from_exp(graph: Graph, node: Node) -> Node | None:
    """(exp(u) - exp(-u))/(exp(u) + exp(-u)) = tanh(u)."""
    if not isinstance(node, Product):
        return None
    for one, (top, labels) in enumerate(node.factors):
        for two, (bottom, others) in enumerate(node.factors):
            if not (isinstance(bottom, Power) and bottom.exponent == -1 and labels == others):
                continue
            above, below = _exponentials(top), _exponentials(bottom.base)
            if above is None or below is None or set(above) != set(below):
                continue
            u, v = above
            if graph.scale(-1, u) is not v or below[u] != below[v] or above[u] != -above[v]:
                continue
            sign, made = _tanh(graph, u)
            sizes = dict(zip(node.out, node.axes, strict=True))
            rest = [*without(node, {one, two}), (made, labels)]
            coefficient = sign * node.coefficient * above[u] / below[u]
            return graph.product(rest, node.out, coefficient=coefficient, sizes=sizes)
    return None


def _tanh(graph: Graph, node: Node) -> tuple[int, Node]:
    """tanh(u) as a sign and a function, whose argument does not begin with a minus."""
    negative = isinstance(node, Product) and node.coefficient < 0
    sign = -1 if negative else 1
    return sign, graph.function("tanh", graph.scale(sign, node))


def _exponentials(node: Node) -> dict[Node, Fraction] | None:
    """{u: coefficient} of a sum of two exponentials."""
    if not (isinstance(node, Add) and len(node.terms) == 2):
        return None
    found = {}
    for coefficient, term in node.terms:
        argument = _called(term, "exp")
        if argument is not None:
            found[argument] = coefficient
    return found if len(found) == 2 else None


def _tanh_from_sigmoid(graph: Graph, node: Node) -> Node | None:
    """(1 - exp(u)) sigmoid(-u) = -tanh(u/2), which is (1 - exp(u))/(1 + exp(u))."""
    if not isinstance(node, Product):
        return None
    for one, (top, labels) in enumerate(node.factors):
        found = _one_and(top, "exp")
        if found is None or found[3] or found[0] != -found[1]:
            continue
        constant, _, argument, _ = found
        opposite = graph.function("sigmoid", graph.scale(-1, argument))
        for two, (other, other_labels) in enumerate(node.factors):
            if other is opposite and labels == other_labels:
                sign, made = _tanh(graph, graph.scale(Fraction(-1, 2), argument))
                sizes = dict(zip(node.out, node.axes, strict=True))
                rest = [*without(node, {one, two}), (made, labels)]
                scale = sign * node.coefficient * constant
                return graph.product(rest, node.out, coefficient=scale, sizes=sizes)
    return None


def _one_and(
    node: Node, operation: str
) -> tuple[Fraction, Fraction, Node, list[tuple[Fraction, Node]]] | None:
    """(constant, slope, u, other terms) of a sum with a constant and `slope · operation(u)`."""
    if not isinstance(node, Add):
        return None
    constants = [(c, term) for c, term in node.terms if _is_one(term)]
    calls = [(c, term) for c, term in node.terms if _called(term, operation) is not None]
    if not constants or not calls:
        return None
    (constant, ones), (slope, call) = constants[0], calls[0]
    rest = [(c, term) for c, term in node.terms if term is not ones and term is not call]
    argument = _called(call, operation)
    assert argument is not None
    return constant, slope, argument, rest


def _one_minus_sigmoid(graph: Graph, node: Node) -> Node | None:
    """1 - sigmoid(u) = sigmoid(-u): the difference loses the digits where sigmoid(u) is near 1."""
    found = _one_and(node, "sigmoid")
    if found is None or found[0] != -found[1]:
        return None
    constant, _, argument, rest = found
    made = graph.function("sigmoid", graph.scale(-1, argument))
    return graph.add([*rest, (constant, made)], node.axes)


def _expm1(graph: Graph, node: Node) -> Node | None:
    """exp(u) - 1 = expm1(u): the difference loses the digits of a small u."""
    found = _one_and(node, "exp")
    if found is None or found[0] != -found[1]:
        return None
    _, slope, argument, rest = found
    return graph.add([*rest, (slope, graph.function("expm1", argument))], node.axes)


def _log1p(graph: Graph, node: Node) -> Node | None:
    """log(1 + u) = log1p(u): the sum loses the digits of a small u."""
    inner = _log_argument(node)
    if not isinstance(inner, Add):
        return None
    rest = [(c, term) for c, term in inner.terms if not (c == 1 and _is_one(term))]
    if len(rest) == len(inner.terms):
        return None
    return graph.function("log1p", graph.add(rest, inner.axes))


def _solve(graph: Graph, node: Node) -> Node | None:
    """Σₖ inv(A)[i,k] b[k,…] is the solution of A z = b, for a vector or matrix b."""
    if not isinstance(node, Product):
        return None
    pairs = sorted(_solvable(node), key=lambda pair: pair[:4])
    if not pairs:
        return None
    *_, one, two, shared = pairs[0]
    inverse, labels = node.factors[one]
    assert isinstance(inverse, Operation)
    (matrix,) = inverse.arguments
    # Summed alone, it is multiplied with ones.
    right, others = (graph.ones(matrix.axes[0]), (shared,)) if two < 0 else node.factors[two]
    if labels[0] == shared:
        matrix = graph.permute(matrix, (1, 0))
    if right.order == 2 and others[1] == shared:
        right, others = graph.permute(right, (1, 0)), others[::-1]
    free = next(x for x in labels if x != shared)
    made = graph.operation("solve", (matrix, right), (matrix.axes[0], *right.axes[1:]))
    sizes = dict(zip(node.out, node.axes, strict=True))
    rest = [*without(node, {one, two}), (made, (free, *others[1:]))]
    return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)


def _solvable(node: Product) -> Iterator[tuple[int, bool, int, int, int]]:
    """(axes of b, whether b is an inverse, places of inv(A) and of b, the label that they share).

    The least is the one to solve for first. The place is -1 where b is a vector of ones.
    """
    for one, (inverse, labels) in enumerate(node.factors):
        if not (isinstance(inverse, Operation) and inverse.operation == "inv"):
            continue
        if len(set(labels)) < 2:
            continue
        for label in labels:
            if label in node.out:
                continue
            if _count(node, label) == 1:
                yield 1, False, one, -1, label
            for two, (right, others) in enumerate(node.factors):
                fits = two != one and right.order <= 2 and len(set(others)) == right.order
                if fits and label in others and _count(node, label) == 2:
                    is_inverse = isinstance(right, Operation) and right.operation == "inv"
                    yield right.order, is_inverse, one, two, label


def _count(node: Product, label: int) -> int:
    """How often a label stands in the factors of a product."""
    return sum(labels.count(label) for _, labels in node.factors)


STABLE = (
    rule("log of a transpose", "log(u') = log(u)'", _turned_argument, at="log", holding="Product"),
    rule(
        "log softmax",
        "log softmax(u) = u - logsumexp(u)",
        _log_softmax,
        at="log",
        holding="softmax",
    ),
    rule(
        "log sigmoid", "log sigmoid(u) = -softplus(-u)", _log_sigmoid, at="log", holding="sigmoid"
    ),
    rule(
        "log(1 - sigmoid)",
        "log(1 - sigmoid(u)) = -softplus(u)",
        _log_one_minus_sigmoid,
        at="log",
        holding="Add Product",
    ),
    rule(
        "log of two exponentials",
        "log(exp(u) + exp(v)) = v + softplus(u - v)",
        _log_of_sum_of_exponentials,
        at="log",
        holding="Add",
    ),
    rule(
        "log det",
        "log det(A) is computed from the LU factors of A",
        _log_det,
        at="log",
        holding="det",
    ),
    rule(
        "Cholesky",
        "log det(A) is computed from the Cholesky factor of A",
        _cholesky,
        at="logdet log_of_det",
    ),
    rule(
        "sigmoid from tanh",
        "1 + tanh(u) = 2 sigmoid(2 u)",
        _sigmoid_from_tanh,
        at="Add",
        holding="tanh",
    ),
    rule(
        "tanh from exp",
        "(exp(u) - exp(-u))/(exp(u) + exp(-u)) = tanh(u)",
        _tanh_from_exp,
        at="Product",
        holding="Power",
    ),
    rule(
        "tanh from sigmoid",
        "(1 - exp(u))/(1 + exp(u)) = -tanh(u/2)",
        _tanh_from_sigmoid,
        at="Product",
        holding="sigmoid",
    ),
)

#: What is applied where nothing else fits any more: digits near 0, and systems that are solved.
LAST = (
    rule(
        "1 - sigmoid",
        "1 - sigmoid(u) = sigmoid(-u)",
        _one_minus_sigmoid,
        at="Add",
        holding="sigmoid",
    ),
    rule("expm1", "exp(u) - 1 = expm1(u)", _expm1, at="Add", holding="exp"),
    rule("log1p", "log(1 + u) = log1p(u)", _log1p, at="log", holding="Add"),
    rule(
        "solve",
        "inv(A) b is computed as the solution of A z = b",
        _solve,
        at="Product",
        holding="inv",
    ),
)


#: The rules whose use is worth a note in the code, those that also shorten a formula among them.
NOTED = frozenset(
    {rule.name for rule in (*STABLE, *LAST)} - {"log of a transpose", "1 - sigmoid"}
    | {"sigmoid", "softplus", "log-sum-exp", "log of a total", "softmax"}
)


def recognised(graph: Graph, node: Node, log: list[Step] | None = None) -> Node:
    """An equal node in which compositions such as log(sum(exp(x))) are the functions they are."""
    return rewrite(graph, node, STABLE, BASIC, budget=Budget(), log=log)


def finished(graph: Graph, node: Node, log: list[Step] | None = None) -> Node:
    """A recognised node with what only code has: systems that are solved, log1p, expm1."""
    return rewrite(graph, node, LAST, budget=Budget(), log=log)
