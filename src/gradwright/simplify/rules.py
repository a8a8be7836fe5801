"""Identities that only ever shorten: inverses that cancel, sums that are one, known functions."""

from __future__ import annotations

from collections.abc import Iterator

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
from gradwright.simplify.declared import DECLARED
from gradwright.simplify.exponentials import EXPONENTIALS
from gradwright.simplify.rewrite import rule, without


def _count(product: Product, label: int) -> int:
    return sum(labels.count(label) for _, labels in product.factors)


def _axis_of_unit_sums(node: Node) -> int | None:
    """The axis along which the entries sum to one, if there is one."""
    if isinstance(node, Variable):
        if node.facts & {"sum1", "onehot"}:
            return node.order - 1
        return 0 if "columns_sum1" in node.facts else None
    is_softmax = isinstance(node, Operation) and node.operation in ("softmax", "hardmax")
    return node.order - 1 if is_softmax else None


def _unit_sum(graph: Graph, node: Node) -> Node | None:
    """Σₖ s[…, k] = 1 when that axis of s sums to one and k stands nowhere else."""
    if not isinstance(node, Product):
        return None
    for place, (factor, labels) in enumerate(node.factors):
        axis = _axis_of_unit_sums(factor)
        if axis is None:
            continue
        summed = labels[axis]
        if summed in node.out or _count(node, summed) != 1:
            continue
        sizes = dict(zip(node.out, node.axes, strict=True))
        ones = graph.ones(*(size for k, size in enumerate(factor.axes) if k != axis))
        kept = tuple(label for k, label in enumerate(labels) if k != axis)
        rest = [*without(node, {place}), (ones, kept)]
        return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _inverse_pairs(product: Product) -> Iterator[tuple[int, int, int, int, int]]:
    """(place of inv, place of its argument, shared label, the two other labels)."""
    for one, (left, left_labels) in enumerate(product.factors):
        if not (isinstance(left, Operation) and left.operation == "inv"):
            continue
        for two, (right, right_labels) in enumerate(product.factors):
            if right is not left.arguments[0] or one == two:
                continue
            for shared in set(left_labels) & set(right_labels):
                if shared in product.out or _count(product, shared) != 2:
                    continue
                at_left, at_right = left_labels.index(shared), right_labels.index(shared)
                yield one, two, at_left, at_right, shared


def _cancel_inverse(graph: Graph, node: Node) -> Node | None:
    """Σₖ inv(A)[i, k] A[k, j] = δ[i, j], and the same from the other side."""
    if not isinstance(node, Product):
        return None
    for one, two, at_left, at_right, _ in _inverse_pairs(node):
        argument, right_labels = node.factors[two]
        left_labels = node.factors[one][1]
        if at_left == at_right and not graph.symmetric(argument):
            continue
        ends = (left_labels[1 - at_left], right_labels[1 - at_right])
        sizes = dict(zip(node.out, node.axes, strict=True))
        identity = graph.identity((argument.axes[0],))
        rest = [*without(node, {one, two}), (identity, ends)]
        return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _one_hot_power(graph: Graph, node: Node) -> Node | None:
    """y^p = y for entries that are 0 or 1 and p > 0."""
    if isinstance(node, Power) and isinstance(node.base, Variable) and node.exponent > 0:
        if node.base.facts & {"onehot", "binary"}:
            return node.base
        if "signs" in node.base.facts and node.exponent % 2 == 0:
            return graph.ones(*node.axes)
    return None


def _pair(graph: Graph, node: Node, first: str, second: str, power: int, made: str) -> Node | None:
    """first(u) · second(u)^power = made(u) at equal labels."""
    if not isinstance(node, Product):
        return None
    for one, (left, left_labels) in enumerate(node.factors):
        if not (isinstance(left, Function) and left.operation == first):
            continue
        for two, (right, right_labels) in enumerate(node.factors):
            base = right.base if isinstance(right, Power) and power == -1 else right
            exponent = right.exponent if isinstance(right, Power) else 1
            if not (isinstance(base, Function) and base.operation == second):
                continue
            if left_labels != right_labels or base.arguments != left.arguments or exponent != power:
                continue
            if any(name == "kink" and value for name, value in base.options):
                continue
            sizes = dict(zip(node.out, node.axes, strict=True))
            together = (graph.function(made, *left.arguments), left_labels)
            rest = [*without(node, {one, two}), together]
            return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _relu_step(graph: Graph, node: Node) -> Node | None:
    return _pair(graph, node, "relu", "step", 1, "relu")


def _quotient(graph: Graph, node: Node) -> Node | None:
    tanh = _pair(graph, node, "sinh", "cosh", -1, "tanh")
    return tanh if tanh is not None else _pair(graph, node, "sin", "cos", -1, "tan")


def _times_sign(graph: Graph, node: Node) -> Node | None:
    """u · sign(u) = |u|."""
    if not isinstance(node, Product):
        return None
    for one, (left, left_labels) in enumerate(node.factors):
        if not (isinstance(left, Function) and left.operation == "sign"):
            continue
        for two, (right, right_labels) in enumerate(node.factors):
            if right is left.arguments[0] and left_labels == right_labels:
                sizes = dict(zip(node.out, node.axes, strict=True))
                rest = [*without(node, {one, two}), (graph.function("abs", right), left_labels)]
                return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes)
    return None


def _merge_diagonals(graph: Graph, node: Node) -> Node | None:
    """diag(u) + diag(v) = diag(u + v)."""
    if not (isinstance(node, Add) and node.order == 2):
        return None
    diagonal = [
        (c, term) for c, term in node.terms if isinstance(term, Product) and term.out == (0, 0)
    ]
    if len(diagonal) < 2:
        return None
    entries = [
        (c, graph.product(t.factors, (0,), coefficient=t.coefficient, sizes={0: t.axes[0]}))
        for c, t in diagonal
        if isinstance(t, Product)
    ]
    together = graph.product([(graph.add(entries, node.axes[:1]), (0,))], (0, 0))
    rest = [(c, term) for c, term in node.terms if (c, term) not in diagonal]
    return graph.add([*rest, (1, together)], node.axes)


def _double_inverse(graph: Graph, node: Node) -> Node | None:
    """inv(inv(A)) = A, det(inv(A)) = 1/det(A), inv(A') = inv(A)'."""
    if not isinstance(node, Operation) or node.operation not in ("inv", "det", "logdet"):
        return None
    inner = node.arguments[0]
    if isinstance(inner, Operation) and inner.operation == "inv":
        if node.operation == "inv":
            return inner.arguments[0]
        plain = graph.operation(node.operation, inner.arguments, ())
        if node.operation == "det":
            return graph.power(plain, -1)
        return graph.scale(-1, plain)
    if isinstance(inner, Product) and len(inner.factors) == 1 and inner.coefficient == 1:
        matrix, labels = inner.factors[0]
        if labels == (1, 0) and inner.out == (0, 1):
            made = graph.operation(node.operation, (matrix,), node.axes)
            return graph.permute(made, (1, 0)) if node.operation == "inv" else made
    return None


DIAGONALS = rule(
    "diagonals", "diag(u) + diag(v) = diag(u + v)", _merge_diagonals, at="Add", holding="Product"
)

BASIC = (
    rule("inverse", "A A⁻¹ = I", _cancel_inverse, at="Product", holding="inv"),
    rule(
        "double inverse",
        "(A⁻¹)⁻¹ = A, det(A⁻¹) = 1/det(A), (Aᵀ)⁻¹ = (A⁻¹)ᵀ",
        _double_inverse,
        at="inv det logdet",
        holding="inv Product",
    ),
    rule(
        "row sum",
        "the entries of each row, or of each column, sum to one",
        _unit_sum,
        at="Product",
        holding="Variable softmax hardmax",
    ),
    rule(
        "zero or one",
        "y² = y for entries 0 and 1, y² = 1 for entries ±1",
        _one_hot_power,
        at="Power",
        holding="Variable",
    ),
    rule("relu times step", "relu(u) step(u) = relu(u)", _relu_step, at="Product", holding="relu"),
    rule("sign", "u sign(u) = |u|", _times_sign, at="Product", holding="sign"),
    rule(
        "quotient",
        "sinh(u)/cosh(u) = tanh(u), sin(u)/cos(u) = tan(u)",
        _quotient,
        at="Product",
        holding="sinh sin",
    ),
    *EXPONENTIALS,
    *DECLARED,
)
